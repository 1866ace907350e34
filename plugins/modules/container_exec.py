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
  - Runs a command in the first running replica of the active color, as C(docker exec) does. No shell is involved.
  - The action on the controller prints what the command wrote, as text in UTF-8, once it has ended.
  - A command that fails does not fail the task.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  project:
    description: The project's name.
    type: str
    required: true
  app:
    description: The app's name.
    type: str
    required: true
  command:
    description: The command and its arguments.
    type: list
    elements: str
    required: true
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
luma_exit_code:
  description: The command's exit code, which the luma command exits with.
  type: int
  returned: success
stdout:
  description: What the command wrote to its standard output.
  type: str
  returned: success
stderr:
  description: What it wrote to its standard error.
  type: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, app_of, run
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import View


def execute(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    app = app_of(module.params)
    view = View.take(engine, None, app)
    running = [c for c in view.containers if c.color == view.active and c.running]
    if not running:
        raise LumaError(f"No replica of {app.name} runs on this host: there is nothing to run a command in.")
    container = running[0]
    what = f"run a command in {container.name}"
    made = engine.call(what, engine.client.exec_create, container.id, module.params["command"])
    # The stubs take the pair of streams for one.
    output: t.Any = engine.call(what, engine.client.exec_start, made["Id"], demux=True)
    stdout, stderr = output
    code = engine.call(what, engine.client.exec_inspect, made["Id"])["ExitCode"]
    return {
        "changed": True,
        "container": container.name,
        "luma_exit_code": code,
        "stdout": (stdout or b"").decode("utf-8", "replace"),
        "stderr": (stderr or b"").decode("utf-8", "replace"),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
            command={"type": "list", "elements": "str", "required": True},
        ),
    )
    run(module, execute)


if __name__ == "__main__":
    main()
