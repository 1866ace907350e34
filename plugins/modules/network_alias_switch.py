#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: moves an app's alias to a color and commits it in the proxy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_alias_switch
short_description: Move an app's network alias to a color, and commit it in the proxy
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Makes O(color) the only color of the app that holds the alias and gets requests, without losing one.
  - The proxy's free slots are held, the new containers are attached with the alias and seen through the proxy, one
    batch on the proxy's runtime API makes them ready and drains the others, the proxy loads O(route) if it is
    another one than before, and the others lose the alias. All containers keep their addresses, and with them their
    established connections.
  - An error before the commit undoes what was done, so that the other color serves as before. After the commit a run
    goes forward, and the next one finishes what is left.
  - A color that is not complete and healthy is refused.
  - The host's cron is told when to start a color that was made with a schedule, see M(luma.deploy.bluegreen_container),
    and not to start any more what had one.
notes:
  - With O(proxied=false) only the alias moves. The new color gets it, then the other one loses it. Both answer for
    about a quarter of a second, and a connect that hits the moment in which a container is attached again waits for
    TCP's retransmit, one second. Nothing is lost.
  - On a network that luma did not make, and that has no explicit subnet, containers cannot keep their addresses. Then
    the other color is drained before it loses the alias, and a warning says so.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.app
  - luma.deploy.engine.run
  - luma.deploy.engine.health
  - luma.deploy.engine.route
  - luma.deploy.engine.drain
options:
  color:
    description: The color that is to serve.
    type: str
    choices: [blue, green]
    required: true
  replicas:
    description: How many replicas the color has to have. Without it, as many as there are.
    type: int
  overlap:
    description:
      - Whether both colors may run at once. If not, the other color is stopped, then O(color) is started and has to
        become healthy, and only then the alias moves. If it does not, the other color is started again.
      - Only with O(proxied=false).
    type: bool
    default: true
  stop_timeout:
    description: With O(overlap=false), how long the other color has from SIGTERM to SIGKILL, in seconds.
    type: float
    default: 30
  secret_names:
    description: The names of variables whose values are hidden in the output of a health check that fails.
    type: list
    elements: str
    default: []
  luma_file:
    description:
      - The absolute path of a luma.yml on the controller, beside which the secrets of O(route.basic_auth) are.
    type: path
  restore_route:
    description:
      - Instead of O(route), for a color that is returned to, loads the route with which it had the traffic last.
      - Without both, the route stays what it is.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says whether traffic would move; changes nothing.
  diff_mode:
    support: full
    description: Shows the color that holds the alias, before and after.
  idempotent:
    support: full
    description: If the color is the only one that serves, nothing is done.
"""

EXAMPLES = r"""
- name: Switch the blog to the color that was prepared
  luma.deploy.network_alias_switch:
    project: shop
    app: blog
    color: "{{ prepared.color }}"
    replicas: 2
    health_check:
      path: /up
      port: 3000
      host: blog.com
"""

RETURN = r"""
color:
  description: The color that serves.
  type: str
  returned: success
  sample: green
previous:
  description: The color that served when the module began, null if none did.
  type: str
  returned: success
  sample: blue
moves:
  description: The containers that were attached again, in the order of the steps.
  type: list
  elements: dict
  returned: success
  contains:
    container:
      description: Its name.
      type: str
    step:
      description: V(make), it got the alias, or V(break), it lost it.
      type: str
    milliseconds:
      description: How long it took.
      type: float
    address_kept:
      description: Whether it kept its address, and so its established connections.
      type: bool
reloaded:
  description: Whether the proxy loaded another route for the app.
  type: bool
  returned: success
steps:
  description: How long each step took, in milliseconds.
  type: dict
  returned: success
  sample: {hold: 4.1, make: 92.0, see: 130.2, commit: 9.3, break: 88.7, release: 3.0}
commit_milliseconds:
  description: How long the batch took that moved the traffic; null without a proxy.
  type: float
  returned: success
  sample: 0.6
slots:
  description: Which container each slot of the proxy served at the commit.
  type: dict
  returned: success
  sample: {blog1: blog-blue, blog2: blog-green}
slot_colors:
  description: The color of each of these slots.
  type: dict
  returned: success
  sample: {blog1: blue, blog2: green}
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    APP_OPTIONS,
    ENGINE_OPTIONS,
    HEALTH_OPTIONS,
    app_of,
    health_check_of,
    proxy_of,
    run_held,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in_errors
from ansible_collections.luma.deploy.plugins.module_utils.module.route_options import LOADED, ROUTE_OPTION, rerouting_of
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import secrets_of
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, View
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import DRAIN_OPTIONS, DrainTimeouts
from ansible_collections.luma.deploy.plugins.module_utils.release.handover import Handover
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule
from ansible_collections.luma.deploy.plugins.module_utils.release.switch import Switch, Switched
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held


def switch(module: AnsibleModule, engine: Engine, held: Held) -> dict[str, t.Any]:
    params, app = module.params, app_of(module.params)
    handed_over = [] if params["overlap"] else hand_over(module, engine, held)
    if handed_over and module.check_mode:
        # What the switch looks at would run only then.
        return {"changed": True, "report": handed_over}
    switching = Switch(
        engine,
        proxy_of(module),
        app,
        params["color"],
        health_check_of(params, None),
        params["replicas"],
        DrainTimeouts.of(params),
        rerouting_of(module, engine),
    )
    with hidden_in_errors(secrets_of(engine, app, params["color"], params["secret_names"])):
        switched = switching.run(module.check_mode)
    for warning in switched.warnings:
        module.warn(warning)
    scheduled = follow_schedule(module, engine)
    result = asdict(switched)
    del result["warnings"]
    return dict(
        result,
        changed=switched.changed or bool(handed_over or scheduled),
        report=handed_over + report(switched) + scheduled,
        diff={"before": {"serving": switched.previous}, "after": {"serving": switched.color}},
    )


def follow_schedule(module: AnsibleModule, engine: Engine) -> list[str]:
    """Has cron start what the color is, or not any more what the other one was."""
    params, app = module.params, app_of(module.params)
    # What is routed has no schedule, and may have had one.
    containers = [] if params["proxied"] else View.take(engine, None, app).of(params["color"])
    return Schedule(engine, app, params["state_dir"]).follow(containers, module.check_mode)


def hand_over(module: AnsibleModule, engine: Engine, held: Held) -> list[str]:
    params, app = module.params, app_of(module.params)
    check = health_check_of(params, None)
    handover = Handover(engine, app, params["color"], check, params["stop_timeout"], held)
    with hidden_in_errors(secrets_of(engine, app, params["color"], params["secret_names"])):
        return handover.run(module.check_mode)


def report(switched: Switched) -> list[str]:
    lines = [f"Switching traffic to {switched.color} containers..."] if switched.changed else []
    return [*lines, LOADED] if switched.reloaded else lines


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **APP_OPTIONS,
            run=RUN_OPTION,
            **HEALTH_OPTIONS,
            route=ROUTE_OPTION,
            luma_file={"type": "path"},
            restore_route={"type": "bool", "default": False},
            color={"type": "str", "choices": list(COLORS), "required": True},
            replicas={"type": "int"},
            **DRAIN_OPTIONS,
            overlap={"type": "bool", "default": True},
            stop_timeout={"type": "float", "default": 30},
            secret_names={"type": "list", "elements": "str", "default": [], "no_log": False},
        ),
        mutually_exclusive=[("route", "restore_route")],
        supports_check_mode=True,
    )
    run_held(module, switch)


if __name__ == "__main__":
    main()
