# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command line that gives the user's terminal, or input, to a container. Ansible's tasks have neither: the luma
command runs it when the playbook has ended, and for `ansible-playbook` it is shown."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.connection import ConnectionBase

#: The file in the run's folder that the luma command reads.
FILE = "attach"
FOLDER_VARIABLE = "LUMA_RUN_FOLDER"


def command_line(connection: ConnectionBase, command: Sequence[str], terminal: bool) -> list[str]:
    """The command as this machine has to run it, over the ssh connection that a task on the host has just used. Raises
    `AnsibleActionFail` where the connection is of another kind."""
    words = [*_become(connection), *command]
    if connection.transport == "local":
        return words
    if connection.transport != "ssh":
        raise AnsibleActionFail(
            f"A terminal and input need a connection by ssh, and Ansible's is {connection.transport}. On the host: "
            f"{shlex.join(words)}"
        )
    if connection.get_option("password"):
        raise AnsibleActionFail(
            "A terminal and input need a login by key, and Ansible has a password (ansible_password): ssh-copy-id puts "
            "your key on the host."
        )
    ssh = connection._build_command(
        connection.get_option("ssh_executable"), "ssh", "-tt" if terminal else "-T", connection.host, shlex.join(words)
    )
    return [word.decode() for word in ssh]


def _become(connection: ConnectionBase) -> list[str]:
    become = connection.become
    if not become:
        return []
    if become.name.rpartition(".")[2] != "sudo":
        raise AnsibleActionFail(f"A terminal and input need sudo, and Ansible's become method is {become.name}.")
    return ["sudo", "--user", become.get_option("become_user") or "root", "--"]


def hand_over(command: Sequence[str]) -> list[str]:
    """Leaves the command to the luma command; returns what is to be said where nobody waits for it."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        Path(folder, FILE).write_text(json.dumps(list(command)), encoding="utf-8")
        return []
    return [f"To go on, run: {shlex.join(command)}"]
