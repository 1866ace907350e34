#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: returns what the containers of apps and services, or the proxy, have written."""

from __future__ import annotations

DOCUMENTATION = r"""
module: container_logs
short_description: Return what containers of apps and services, or luma-proxy, have written
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Returns the log lines of all containers of apps on a host, of both colors, and of services, in the order of time.
  - With O(follow=true) the action on the controller asks again and again, and prints the lines as they come, until it
    is interrupted. Containers that a deployment makes meanwhile join in. It takes one of Ansible's forks for each host.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.query
options:
  project:
    description: The project's name.
    type: str
    required: true
  apps:
    description: The apps' names.
    type: list
    elements: str
    default: []
  services:
    description: The services' names.
    type: list
    elements: str
    default: []
  hooks:
    description:
      - The names of apps of whose hooks to return the lines, which M(luma.deploy.release_hook) and M(luma.deploy.hook)
        have kept. All of them together count as one container, which is called after the app and the hook.
    type: list
    elements: str
    default: []
  proxy:
    description: Whether to return the lines of luma-proxy instead.
    type: bool
    default: false
  lines:
    description:
      - How many of the last lines of each container to return, if there is no O(cursor). Without it 100, or with
        O(since) all.
    type: int
  since:
    description: Only lines from then on; a time (RFC 3339), or how long ago, such as V(10m), V(2h) or V(1d).
    type: str
  until:
    description: Only lines up to then.
    type: str
  grep:
    description: Only lines in which this regular expression is found.
    type: str
  cursor:
    description: What RV(cursor) was at the last look. Only later lines are returned.
    type: dict
    default: {}
  wait:
    description: How long to wait for a first line, in seconds.
    type: float
    default: 0
  follow:
    description: Whether to go on, and print the lines.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ask for the blog's last lines
  luma.deploy.container_logs:
    project: shop
    apps: [blog]
    lines: 20
"""

RETURN = r"""
lines:
  description: The lines, in the order of time.
  type: list
  elements: dict
  returned: success
  contains:
    at:
      description: When it was written (RFC 3339, nine digits of a second).
      type: str
    container:
      description: The container's name.
      type: str
    name:
      description: The app or service whose it is; empty for luma-proxy.
      type: str
    text:
      description: The line.
      type: str
cursor:
  description: How far that was, for the next look.
  type: dict
  returned: success
containers:
  description: The containers' names.
  type: list
  elements: str
  returned: success
"""

import re
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.hook_log import HookLog
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_PROJECT,
    LABEL_ROLE,
    LABEL_SERVICE,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.logs import Part, moment, read_logs
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, run


def read(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    project = f"{LABEL_PROJECT}={params['project']}"
    labels = [[project, f"{LABEL_APP}={app}"] for app in params["apps"]]
    labels += [[project, f"{LABEL_SERVICE}={service}"] for service in params["services"]]
    if params["proxy"]:
        labels = [[f"{LABEL_ROLE}=proxy"]]
    hooks, log = [] if params["proxy"] else params["hooks"], HookLog(params["state_dir"])
    lines, cursor, containers = read_logs(
        *(engine, labels, part_of(params), params["cursor"], params["wait"]),
        of_hooks=lambda: log.lines(params["project"], hooks) if hooks else [],
    )
    return {"changed": False, "lines": lines, "cursor": cursor, "containers": containers}


def part_of(params: t.Mapping[str, t.Any]) -> Part:
    now, lines = time.time(), params["lines"]
    try:
        pattern = re.compile(params["grep"]) if params["grep"] else None
    except re.error as exc:
        raise LumaError(f"{params['grep']} is no regular expression: {exc}.") from exc
    return Part(
        lines=("all" if params["since"] else 100) if lines is None else lines,
        since=moment(params["since"], now) if params["since"] else 0.0,
        until=moment(params["until"], now) if params["until"] else 0.0,
        pattern=pattern,
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            apps={"type": "list", "elements": "str", "default": []},
            proxy={"type": "bool", "default": False},
            services={"type": "list", "elements": "str", "default": []},
            hooks={"type": "list", "elements": "str", "default": []},
            lines={"type": "int"},
            since={"type": "str"},
            until={"type": "str"},
            grep={"type": "str"},
            cursor={"type": "dict", "default": {}},
            wait={"type": "float", "default": 0},
            follow={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    run(module, read)


if __name__ == "__main__":
    main()
