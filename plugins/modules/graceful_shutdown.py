#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: drains, stops and removes a color of an app."""

from __future__ import annotations

DOCUMENTATION = r"""
module: graceful_shutdown
short_description: Finish the requests in flight on a color, then stop and remove its containers
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Waits until the proxy counts no session on the color, at most O(drain_timeout) and O(stream_drain_timeout). A
    websocket is a session, too.
  - Then sends the stop signal to all containers at once, kills what has not exited after O(stop_timeout), and removes
    them.
  - Then nothing is left of what served before. Slots of the proxy that a run held until it died are freed, too, and
    the route of an app that has none any more (O(proxied=false)) is removed.
  - With O(record), the images of the app's earlier releases that are no longer on record, and that no container needs,
    are removed last, by the rules of M(luma.deploy.prune). It takes no longer than about ten seconds, and what goes
    wrong with it is a warning.
  - The active color is refused.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.app
  - luma.deploy.engine.run
  - luma.deploy.lock.release
  - luma.deploy.engine.record
  - luma.deploy.engine.drain
options:
  color:
    description: The color to shut down.
    type: str
    choices: [blue, green]
    required: true
  slots:
    description:
      - Which container each slot of the proxy served, as M(luma.deploy.network_alias_switch) returned it. With it the
        sessions that were cut are told by container.
    type: dict
    default: {}
  stop_timeout:
    description: How long a container has between its stop signal and SIGKILL, in seconds.
    type: float
    default: 30
  remove:
    description: Whether to remove the stopped containers.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Says which containers would be stopped; changes nothing.
  diff_mode:
    support: full
    description: Shows the color's containers, before and after.
  idempotent:
    support: full
    description: If the color has no container, nothing is done.
"""

EXAMPLES = r"""
- name: Shut down the color that the switch left
  luma.deploy.graceful_shutdown:
    project: shop
    app: blog
    color: "{{ switched.previous }}"
    slots: "{{ switched.slots }}"
    drain_timeout: 30
    stop_timeout: 30
"""

RETURN = r"""
containers:
  description: What became of each container.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
      sample: blog-blue-1
    drained:
      description: Whether no session was left on it; null if that is not known by container.
      type: bool
    sessions_cut:
      description: How many sessions were left on it when the drain ended; null if that is not known by container.
      type: int
    stopped:
      description: Whether it was running, and was stopped.
      type: bool
    killed:
      description: Whether it had to be killed.
      type: bool
    seconds:
      description: How long it took to stop.
      type: float
sessions:
  description: How many sessions were in flight on the color at the most.
  type: int
  returned: success
sessions_cut:
  description: How many of them were left when the drain ended.
  type: int
  returned: success
streams_closed:
  description: How many of them were closed before, since O(stream_drain_timeout) was over.
  type: int
  returned: success
drain_seconds:
  description: How long the drain took.
  type: float
  returned: success
progress:
  description: How the number of sessions fell, as pairs of seconds and sessions.
  type: list
  elements: list
  returned: success
  sample: [[0.0, 12], [0.4, 3], [2.9, 0]]
images:
  description: The names of images that were removed with O(record).
  type: list
  elements: str
  returned: success
lock_released:
  description: Whether the app's lock was given back.
  type: bool
  returned: with O(release_lock)
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    APP_OPTIONS,
    ENGINE_OPTIONS,
    app_of,
    proxy_of,
    run_held,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.lock_option import RELEASE_LOCK_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.module.record_option import RECORD_OPTION, record_active
from ansible_collections.luma.deploy.plugins.module_utils.module.route_options import (
    forget_route,
    forget_unused_certificate,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, View, other
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    DRAIN_OPTIONS,
    DrainTimeouts,
    Retired,
    Stopped,
    refuse_active,
    report,
    retire,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.unneeded_images import Images
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held
from ansible_collections.luma.deploy.plugins.module_utils.takeover.room import close_passage


def shut_down(module: AnsibleModule, engine: Engine, _held: Held) -> dict[str, t.Any]:
    params = module.params
    proxy, app, color = proxy_of(module), app_of(params), params["color"]
    view = View.take(engine, proxy, app)
    refuse_active(view, color)
    for warning in record_active(module, engine, other(color)):
        module.warn(warning)
    names = [container.name for container in view.of(color)]
    # A run that died has left slots without their containers.
    left = bool(names) or any(slot.held for slot in view.slots)
    retired = Retired()
    if left and not module.check_mode:
        timeouts = DrainTimeouts.of(params)
        retired = retire(engine, proxy, app, color, timeouts, params["stop_timeout"], params["remove"])
        close_passage(engine, app.project)
    unrouted = not params["proxied"] and forget_route(module, engine)
    unsealed = forget_unused_certificate(module, engine)
    return {
        "changed": left or unrouted or unsealed,
        "images": remove_images(module, engine),
        "containers": [outcome(container, retired, params["slots"]) for container in retired.containers],
        "sessions": retired.sessions,
        "sessions_cut": retired.cut,
        "streams_closed": retired.streams,
        "drain_seconds": round(retired.drain_seconds, 2),
        "progress": [list(step) for step in retired.progress],
        "report": report(color, retired),
        "diff": {"before": {"containers": names}, "after": {"containers": [] if params["remove"] else names}},
    }


def remove_images(module: AnsibleModule, engine: Engine) -> list[str]:
    """Removes the images of releases that are on record no more. Users are served: it fails nothing."""
    params = module.params
    if not params["record"] or module.check_mode:
        return []
    removed, problem = Images(engine, params["state_dir"], params["project"], params["app"]).remove_unneeded()
    if problem:
        module.warn(f"Images of earlier releases of {params['app']} are left over: {problem}")
    return removed


def outcome(container: Stopped, retired: Retired, slots: t.Mapping[str, str]) -> dict[str, t.Any]:
    """What became of one container. Its address has left the proxy's slots by now, so that the sessions on it are
    known only with the slots that the switch returned."""
    slot = next((slot for slot, name in slots.items() if name == container.name), None)
    cut = retired.sessions_by_slot.get(slot, 0) if slot else None
    return {
        "name": container.name,
        "drained": None if cut is None else not cut,
        "sessions_cut": cut,
        "stopped": container.running,
        "killed": container.killed,
        "seconds": container.seconds,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **APP_OPTIONS,
            run=RUN_OPTION,
            release_lock=RELEASE_LOCK_OPTION,
            color={"type": "str", "choices": list(COLORS), "required": True},
            slots={"type": "dict", "default": {}},
            **DRAIN_OPTIONS,
            stop_timeout={"type": "float", "default": 30},
            remove={"type": "bool", "default": True},
            record=RECORD_OPTION,
        ),
        supports_check_mode=True,
    )
    run_held(module, shut_down)


if __name__ == "__main__":
    main()
