#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: watches a color that has just got the traffic."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bake
short_description: Watch a color that has just got the traffic, and fail if it does worse than before
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Watches the containers of O(color) for O(seconds), about once a second. The module changes nothing. If it fails,
    the color that served before is still there, and M(luma.deploy.network_alias_switch) brings it back.
  - A container that has ended, or that Docker has started again, is a regression.
  - So is a replica that fails its O(health_check) O(failures) times in a row.
  - So are errors in the proxy's count, answers with 5xx and requests that got no answer. There have to be at least
    O(min_errors) of them, and their share has to be greater than twice the share before plus O(error_share). The share
    before is that of all that the app's other slots came to since the proxy loaded its configuration.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.app
  - luma.deploy.engine.health
  - luma.deploy.engine.run
options:
  color:
    description: The color that serves.
    type: str
    choices: [blue, green]
    required: true
  seconds:
    description: How long it is watched.
    type: float
    required: true
  error_share:
    description: How much greater than twice the share before the share of errors may be, as a part of 1.
    type: float
    default: 0.01
  min_errors:
    description: How many errors are too few to tell anything.
    type: int
    default: 5
  failures:
    description: How many failed health checks in a row are a regression.
    type: int
    default: 3
  secret_names:
    description:
      - The names of the containers' environment variables whose values are secret. They are hidden where the log lines
        of a container show them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Nothing is watched.
  diff_mode:
    support: none
    description: It never changes anything.
  idempotent:
    support: full
    description: It never changes anything.
"""

EXAMPLES = r"""
- name: Watch green for half a minute
  luma.deploy.bake:
    project: shop
    app: blog
    color: green
    seconds: 30
    health_check:
      path: /up
      port: 3000
"""

RETURN = r"""
requests:
  description: How many requests the color has come to an end with meanwhile; null if no proxy routes the app.
  type: int
  returned: success
errors:
  description: How many of them were answered with 5xx, or not at all.
  type: int
  returned: success
error_share:
  description: The share of errors, as a part of 1.
  type: float
  returned: success
error_share_before:
  description: The share of errors before.
  type: float
  returned: success
container:
  description: The container that does worse.
  type: str
  returned: failure
  sample: blog-green-1
logs:
  description: Its last log lines.
  type: list
  elements: str
  returned: failure
report:
  description: What was seen, as the luma command prints it.
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
from ansible_collections.luma.deploy.plugins.module_utils.release.bake import Bake, Baked, Limits
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, View
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held


def bake(module: AnsibleModule, engine: Engine, held: Held) -> dict[str, t.Any]:
    params = module.params
    if module.check_mode:
        return {"changed": False, "report": []}
    app, color = app_of(params), params["color"]
    first = next(iter(View.take(engine, None, app).of(color)), None)
    if first and first.schedule:
        # Whether it does its work is seen when its time comes.
        return {"changed": False, "report": []}
    image = engine.image(first.image_id) if first else None
    limits = Limits(params["error_share"], params["min_errors"], params["failures"])
    check = health_check_of(params, image)
    with hidden_in_errors(secrets_of(engine, app, color, params["secret_names"])):
        baked = Bake(engine, proxy_of(module), app, color, check, limits, held).run(params["seconds"])
    return {"changed": False, **facts(baked), "report": [str(baked)]}


def facts(baked: Baked) -> dict[str, t.Any]:
    traffic, before = baked.traffic, baked.before
    return {
        "requests": traffic and traffic.requests,
        "errors": traffic and traffic.errors,
        "error_share": traffic and traffic.share,
        "error_share_before": before and before.share,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **APP_OPTIONS,
            **HEALTH_OPTIONS,
            color={"type": "str", "choices": list(COLORS), "required": True},
            seconds={"type": "float", "required": True},
            error_share={"type": "float", "default": 0.01},
            min_errors={"type": "int", "default": 5},
            failures={"type": "int", "default": 3},
            secret_names={"type": "list", "elements": "str", "default": [], "no_log": False},
            run=RUN_OPTION,
        ),
        supports_check_mode=True,
    )
    run_held(module, bake)


if __name__ == "__main__":
    main()
