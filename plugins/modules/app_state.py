#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops an app on one host for a while, and starts it again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_state
short_description: Stop an app on this host, and start it again
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - With O(state=stopped) luma-proxy sends the app no new request, what is in flight is finished, and the containers of
    both colors are stopped. They stay, and so do the route and the record of releases. Visitors wait for the time
    that C(proxy.hold) in luma.yml allows, and then get 503.
  - With O(state=started) the containers of the active color are started, and have to become healthy.
  - A deployment starts the app, too.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.app
  - luma.deploy.engine.run
  - luma.deploy.engine.health
  - luma.deploy.engine.drain
options:
  state:
    description: What the app has to be.
    type: str
    choices: [started, stopped]
    required: true
  stop_timeout:
    description: How long a container has between its stop signal and SIGKILL, in seconds.
    type: float
    default: 30
  secret_names:
    description: The names of variables whose values are hidden in the output of a health check that fails.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Says what would be stopped or started; changes nothing.
  diff_mode:
    support: none
    description: The report names the containers.
  idempotent:
    support: full
    description: What is so already is left alone.
"""

EXAMPLES = r"""
- name: Stop the blog
  luma.deploy.app_state:
    project: shop
    app: blog
    state: stopped
"""

RETURN = r"""
containers:
  description: The containers that were stopped or started.
  type: list
  elements: str
  returned: success
sessions:
  description: How many requests were in flight when the drain began; with O(state=stopped).
  type: int
  returned: success
sessions_cut:
  description: How many of them were left when the containers were stopped.
  type: int
  returned: success
failures:
  description: See RV(luma.deploy.bluegreen_container#module:failures).
  type: list
  elements: dict
  returned: if a replica did not become healthy
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
    HEALTH_OPTIONS,
    app_of,
    health_check_of,
    proxy_of,
    run_held,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in_errors
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import secrets_of
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    DRAIN_OPTIONS,
    DrainTimeouts,
    Retired,
    report,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.pause import Pause, in_words
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held


def change(module: AnsibleModule, engine: Engine, held: Held) -> dict[str, t.Any]:
    app = app_of(module.params)
    pause = Pause(engine, proxy_of(module), app, held, Schedule(engine, app, module.params["state_dir"]))
    return (stop if module.params["state"] == "stopped" else start)(module, engine, pause)


def stop(module: AnsibleModule, _engine: Engine, pause: Pause) -> dict[str, t.Any]:
    names, done = pause.running(), Retired()
    if names and not module.check_mode:
        done = pause.stop(DrainTimeouts.of(module.params), module.params["stop_timeout"])
    lines = report(module.params["app"], done) + in_words("Stopped", names)
    return {
        "changed": bool(names),
        "containers": names,
        "sessions": done.sessions,
        "sessions_cut": done.cut,
        "report": lines or ["It is stopped already"],
    }


def start(module: AnsibleModule, engine: Engine, pause: Pause) -> dict[str, t.Any]:
    params, names = module.params, pause.stopped()
    lines = in_words("Started", names)
    if names and not module.check_mode:
        secrets = {}
        for color in COLORS:
            secrets.update(secrets_of(engine, pause.app, color, params["secret_names"]))
        with hidden_in_errors(secrets):
            lines = pause.start(health_check_of(params, None))
    return {
        "changed": bool(names),
        "containers": names,
        "report": lines or ["It runs already"],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **APP_OPTIONS,
            run=RUN_OPTION,
            **HEALTH_OPTIONS,
            state={"type": "str", "choices": ["started", "stopped"], "required": True},
            **DRAIN_OPTIONS,
            stop_timeout={"type": "float", "default": 30},
            secret_names={"type": "list", "elements": "str", "default": [], "no_log": False},
        ),
        supports_check_mode=True,
    )
    run_held(module, change)


if __name__ == "__main__":
    main()
