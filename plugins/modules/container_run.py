#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: runs a command in a replica of an app."""

from __future__ import annotations

DOCUMENTATION = r"""
module: container_run
short_description: Run a command in a container of its own
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Runs a command in a new container that is made as a replica that serves is made, with the same image, environment,
    mounts, networks and limits, and removes it when the command has ended. The image's entrypoint is the same, too.
  - The action on the controller prints what the command wrote, as text in UTF-8, once it has ended.
  - A command that fails does not fail the task.
  - The app's lock is not held, so that a deployment may go on beside it.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.attach
attributes:
  check_mode:
    support: none
    description: Whether a command changes anything is not known. It is not run.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: none
    description: The command is run each time.
"""

EXAMPLES = r"""
- name: Clean the blog's cache
  luma.deploy.container_run:
    project: shop
    app: blog
    command: [bin/rails, cache:clear]
"""

RETURN = r"""
container:
  description: The container that was made for it.
  type: str
  returned: success
  sample: blog-run-3f2a9c
attach:
  description:
    - The command line, on the host, that gives the user's terminal or input to the command. Empty if it was run.
  type: list
  elements: str
  returned: success
luma_exit_code:
  description: The command's exit code, which the luma command exits with.
  type: int
  returned: if it was run
stdout:
  description: What the command wrote to its standard output.
  type: str
  returned: if it was run
stderr:
  description: What it wrote to its standard error.
  type: str
  returned: if it was run
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.attach import (
    ATTACH_OPTIONS,
    docker_command,
    interactive,
    is_attached,
    replica_of,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, app_of, run
from ansible_collections.luma.deploy.plugins.module_utils.release.one_off import OneOff


def run_once(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params, app = module.params, app_of(module.params)
    replica, one_off = replica_of(engine, app, params["replica"], or_waits=True), OneOff(engine, app)
    if not is_attached(params):
        name = one_off.create(replica, params["command"])
        code, stdout, stderr = one_off.run(name)
        result = {"changed": True, "container": name, "attach": []}
        return dict(result, luma_exit_code=code, stdout=stdout, stderr=stderr)
    start = docker_command(engine, "start", "--attach", *interactive(params))
    name = one_off.create(replica, params["command"], params["terminal"], params["stdin"], attached=True)
    return {"changed": True, "container": name, "attach": [*start, name]}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
            command={"type": "list", "elements": "str", "required": True},
            **ATTACH_OPTIONS,
        ),
    )
    run(module, run_once)


if __name__ == "__main__":
    main()
