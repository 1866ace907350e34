#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: finds the container of a service of which a backup is to be made."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_backup
short_description: Bring what a command writes in a service's container into a file on the controller
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Runs a command in the running container of a service, as C(docker exec) does, and brings its standard output into a
    file on the controller, byte for byte. No shell is involved.
  - The file can be read by its owner only, and gets its name when the command has succeeded. If it fails, or writes
    nothing, the task fails, and nothing is left of the file; earlier ones stay.
  - The output comes over a connection of its own, which the action on the controller makes as Ansible reaches the host.
    That has to be ssh with a key, or this machine, and the host needs Docker's command line.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  project:
    description: The project's name.
    type: str
    required: true
  service:
    description: The service's name.
    type: str
    required: true
  command:
    description: The command and its arguments. What it writes to its standard output is the backup.
    type: list
    elements: str
    required: true
  folder:
    description: The folder on the controller. It is made if it is missing.
    type: path
    default: .
  extension:
    description: What the file's name ends with, as in C(db-20261124T031500Z.dump).
    type: str
    default: dump
  keep:
    description: How many files of this service stay in O(folder) after a success, the newest ones. All without it.
    type: int
  by_host:
    description: Whether the host's name is in the file's, as in C(db@db1-20261124T031500Z.dump).
    type: bool
    default: false
  output:
    description:
      - Another file instead of one in O(folder). V(-) is the standard output of the luma command, which runs the
        command when the playbook has ended; for C(ansible-playbook) the command line is shown.
    type: str
  secret_names:
    description:
      - The names of the service's variables with secret values, which are hidden in what the command writes to its
        standard error.
    type: list
    elements: str
    default: []
  luma_file:
    description: The luma.yml that has the values of O(secret_names).
    type: path
attributes:
  check_mode:
    support: none
    description: Nothing is run.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: none
    description: A backup is made each time.
"""

EXAMPLES = r"""
- name: Back up the shop's database
  luma.deploy.service_backup:
    project: shop
    service: db
    command: [pg_dump, --username, shop, --format, custom, shop]
    folder: /srv/backups
    keep: 7
"""

RETURN = r"""
container:
  description: The container in which the command ran.
  type: str
  returned: success
  sample: shop-db
attach:
  description: The command line on the host whose output is the backup.
  type: list
  elements: str
  returned: by the module alone
service:
  description: The service's name.
  type: str
  returned: always
file:
  description: The file on the controller.
  type: str
  returned: if one was made
  sample: /srv/backups/db-20261124T031500Z.dump
bytes:
  description: Its size.
  type: int
  returned: if one was made
seconds:
  description: How long that took.
  type: float
  returned: if one was made
removed:
  description: Older files, which were removed.
  type: list
  elements: str
  returned: if one was made
interrupted:
  description: True if the command was stopped since the run was interrupted.
  type: bool
  returned: failure
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.attach import docker_command, replica_of
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, run
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App


def find(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    container = replica_of(engine, App(params["project"], params["service"]), 1)
    command = docker_command(engine, "exec", container.name, *params["command"])
    return {"changed": True, "container": container.name, "attach": command}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            service={"type": "str", "required": True},
            command={"type": "list", "elements": "str", "required": True},
            # What follows is for the action, and never comes to the host.
            folder={"type": "path", "default": "."},
            extension={"type": "str", "default": "dump"},
            keep={"type": "int"},
            by_host={"type": "bool", "default": False},
            output={"type": "str"},
            secret_names={"type": "list", "elements": "str", "default": [], "no_log": False},
            luma_file={"type": "path"},
        ),
    )
    run(module, find)


if __name__ == "__main__":
    main()
