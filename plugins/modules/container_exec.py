#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: runs a command in a replica of an app."""

from __future__ import annotations

DOCUMENTATION = r"""
module: container_exec
short_description: Run a command in a replica of an app
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Runs a command in a running replica of the active color, or in the container of a service, as C(docker exec) does.
    No shell is involved.
  - The action on the controller prints what the command wrote, as text in UTF-8, once it has ended.
  - A command that fails does not fail the task.
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
- name: List the files of the blog
  luma.deploy.container_exec:
    project: shop
    app: blog
    command: [ls, -l, /srv]
"""

RETURN = r"""
container:
  description: The container in which the command ran.
  type: str
  returned: success
  sample: blog-green-1
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


def execute(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    container = replica_of(engine, app_of(params), params["replica"])
    result = {"changed": True, "container": container.name, "attach": []}
    if is_attached(params):
        flags = interactive(params) + ["--tty"] * params["terminal"]
        return dict(result, attach=docker_command(engine, "exec", *flags, container.name, *params["command"]))
    what = f"run a command in {container.name}"
    made = engine.call(what, engine.client.exec_create, container.id, params["command"])
    # The stubs take the pair of streams for one.
    output: t.Any = engine.call(what, engine.client.exec_start, made["Id"], demux=True)
    stdout, stderr = output
    return dict(
        result,
        luma_exit_code=engine.call(what, engine.client.exec_inspect, made["Id"])["ExitCode"],
        stdout=(stdout or b"").decode("utf-8", "replace"),
        stderr=(stderr or b"").decode("utf-8", "replace"),
    )


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
    run(module, execute)


if __name__ == "__main__":
    main()
