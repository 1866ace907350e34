#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: takes a host over from the earlier luma, the TypeScript tool."""

from __future__ import annotations

DOCUMENTATION = r"""
module: takeover
short_description: Take a host over from the earlier luma, the TypeScript tool
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Replaces the containers and the proxy that the earlier luma runs for a project. Between the two steps of this
    module, M(luma.deploy.bluegreen_container) prepares each app on the network that the first one returns.
  - The earlier luma's containers are known by its labels and names, its C(luma-proxy) by its mounts. Nothing else is
    touched.
  - The proxies are exchanged without a gap where Docker leads connections by iptables. New connections are then led to
    another container before the ports change hands. Elsewhere connections are refused for a second or more. How long
    none was answered is measured, and returned.
  - A run that died is finished or undone by the next one.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.proxy
options:
  state:
    description:
      - With V(begun), there is room for the new containers, and what is in the way of a takeover is an error.
      - With V(done), the new containers serve, and the earlier ones are gone.
      - With V(undone), what was made is removed again. Where users are served by the new containers already, nothing
        is done.
    type: str
    choices: [begun, done, undone]
    default: begun
  project:
    description: The project's name. Its network is called RV(ignore:NAME)-network.
    type: str
    required: true
  apps:
    description: All apps of the project on this host, as M(luma.deploy.project) returns them.
    type: list
    elements: dict
    required: true
  services:
    description: The names of the services of the project on this host.
    type: list
    elements: str
    default: []
  without_https:
    description:
      - Whether hosts that the earlier proxy serves over HTTPS may be without it for a few seconds, and without a
        certificate that browsers accept until the new proxy has got one.
    type: bool
    default: false
  drain_timeout:
    description: How long the earlier proxy's open connections may last, in seconds, before it is stopped.
    type: float
    default: 30
  run:
    description:
      - The id of the run of luma that this is a step of. It has to hold the locks of all apps, see
        M(luma.deploy.deploy_lock).
    type: str
attributes:
  check_mode:
    support: full
    description: Says what would be taken over, renamed and removed; changes nothing.
  diff_mode:
    support: full
    description: Shows which containers are removed.
  idempotent:
    support: full
    description: Where nothing is left of the earlier luma, nothing is done.
"""

EXAMPLES = r"""
- name: Make room
  luma.deploy.takeover:
    project: shop
    apps: "{{ luma_project.apps }}"
  register: begun

- name: Prepare the new release
  luma.deploy.bluegreen_container:
    project: shop
    app: blog
    image: me/blog:3f2a9c8
    network: "{{ begun.network }}"
    proxied: false
  when: begun.to_do

- name: Take the host over
  luma.deploy.takeover:
    project: shop
    apps: "{{ luma_project.apps }}"
    state: done
  when: begun.to_do
"""

RETURN = r"""
to_do:
  description: Whether there is anything to take over, or an earlier run has left something to do.
  type: bool
  returned: success
network:
  description: The network on which the new containers are to be prepared.
  type: str
  returned: success
  sample: 0-luma-takeover-shop
gap_seconds:
  description: How long no connection was answered while the proxy was exchanged; null where it was not.
  type: float
  returned: with O(state=done)
cut:
  description: How many connections to the earlier proxy were still open when it was stopped.
  type: int
  returned: with O(state=done)
removed:
  description: The containers that were removed.
  type: list
  elements: str
  returned: with O(state=done)
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import PROXY, passage_of
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, proxy_folder, run
from ansible_collections.luma.deploy.plugins.module_utils.module.route_options import PROXY_OPTIONS, make_route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.gap import gap_in_words
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import killed_in_words
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Lock
from ansible_collections.luma.deploy.plugins.module_utils.takeover.room import AppToTake
from ansible_collections.luma.deploy.plugins.module_utils.takeover.takeover import Taken, Takeover

UNFINISHED = "An earlier run has not finished the takeover of this host"
DOWNTIME = "luma deploy --services replaces it, for which it is away for a moment"


def begun(module: AnsibleModule, takeover: Takeover) -> dict[str, t.Any]:
    found = takeover.find()
    mine = found.of(takeover.project)
    result = {
        "to_do": bool(mine or found.proxy) or takeover.is_unfinished(),
        "network": takeover.passage,
        "changed": False,
        "report": ["Nothing to take over: nothing of the earlier luma runs here"],
    }
    if not result["to_do"]:
        return result
    takeover.refuse(found, module.params["without_https"])
    renamed = takeover.in_the_way(found)
    if not module.check_mode:
        takeover.make_room(found)
    would = "Would take" if module.check_mode else "Taking"
    names = [replica.had_name for replica in mine]
    names += [PROXY] if found.proxy else []
    lines = [f"{would} over from the earlier luma: {', '.join(names)}" if names else UNFINISHED]
    if renamed:
        verb = "Would rename" if module.check_mode else "Renamed"
        lines.append(f"{verb} meanwhile: " + ", ".join(f"{old} to {new}" for old, new in renamed.items()))
    lines += [f"{name} stays as the earlier luma made it: {DOWNTIME}" for name in found.services.values()]
    lines += [
        f"{route.app} of project {route.project} stays as the earlier luma made it, and luma-proxy goes on serving "
        f"{', '.join(route.hosts)}: luma takeover with its own luma.yml replaces it"
        for route in takeover.others_routes(found)
    ]
    return dict(result, changed=True, report=lines)


def done(module: AnsibleModule, takeover: Takeover) -> dict[str, t.Any]:
    taken = takeover.finish(module.params["drain_timeout"])
    return {
        "changed": True,
        "to_do": False,
        "network": takeover.passage,
        "gap_seconds": taken.gap_seconds,
        "cut": taken.cut,
        "removed": taken.removed,
        "report": report(taken, takeover),
        "diff": {"before": {"containers": taken.removed}, "after": {"containers": []}},
    }


def report(taken: Taken, takeover: Takeover) -> list[str]:
    lines = []
    if taken.gap_seconds is not None:
        lines.append(f"luma-proxy was exchanged; {gap_in_words(taken.gap_seconds)}")
    if taken.cut:
        lines.append(f"⚠️ {taken.cut} connection(s) to the earlier luma-proxy did not end in time and were closed")
    lines += killed_in_words(taken.killed)
    if taken.removed:
        lines.append(f"Removed what the earlier luma ran: {', '.join(taken.removed)}")
    if taken.certificates:
        lines.append(f"The earlier luma-proxy's certificates are kept in {taken.certificates}")
    if taken.strangers:
        lines.append(
            f"⚠️ The network {takeover.network} stays as the earlier luma made it, since {', '.join(taken.strangers)} "
            "is on it: new containers get another address at each switch, and connect to services anew. Detach it "
            "and remove the network while nothing of the project runs to have it made anew"
        )
    return lines


def undone(module: AnsibleModule, takeover: Takeover) -> dict[str, t.Any]:
    back = True if module.check_mode else takeover.undo()
    after = "What was made is removed; the earlier luma's containers serve as before"
    on = "The new containers serve. Fix the error above, then run: luma takeover"
    return {"changed": back, "to_do": True, "network": takeover.passage, "report": [after if back else on]}


STATES = {"begun": begun, "done": done, "undone": undone}


def take_over(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    proxy = Proxy(engine, ProxySettings(**params["proxy"]), proxy_folder(params))
    apps = [app_of(spec) for spec in params["apps"]]
    with contextlib.ExitStack() as stack:
        for app in apps if params["run"] and not module.check_mode else ():
            stack.enter_context(Lock(params["state_dir"], params["project"], app.name).held(params["run"]))
        return STATES[params["state"]](module, Takeover(engine, proxy, params["project"], apps, params["services"]))


def app_of(spec: t.Mapping[str, t.Any]) -> AppToTake:
    """An app as M(luma.deploy.project) returns it."""
    app, asked = App(spec["project"], spec["name"]), spec["route"]
    network = passage_of(app.project)
    # The certificate comes with the step behind the takeover.
    plain = {**asked, "ssl": False} if asked else None
    route = make_route(app, network, plain, spec["health_check"], spec["replicas"]) if plain else None
    return AppToTake(app.name, route, spec["stop_timeout"])


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **PROXY_OPTIONS,
            state={"type": "str", "choices": list(STATES), "default": "begun"},
            project={"type": "str", "required": True},
            apps={"type": "list", "elements": "dict", "required": True},
            services={"type": "list", "elements": "str", "default": []},
            without_https={"type": "bool", "default": False},
            drain_timeout={"type": "float", "default": 30},
            run=RUN_OPTION,
        ),
        supports_check_mode=True,
    )
    run(module, take_over)


if __name__ == "__main__":
    main()
