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
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import FOLDER_VARIABLE

#: The file in the run's folder that the luma command reads.
FILE = "attach"


def command_line(connection: ConnectionBase, command: Sequence[str], terminal: bool) -> list[str]:
    """The command as this machine has to run it, over the connection that a task on the host has just used. Raises
    `AnsibleActionFail` where there is an `obstacle`."""
    reason = obstacle(connection)
    if reason:
        raise AnsibleActionFail(f"{reason} On the host: {shlex.join(command)}")
    become = connection.become
    words = ["sudo", "--user", become.get_option("become_user") or "root", "--", *command] if become else list(command)
    if connection.transport == "local":
        return words
    ssh = connection._build_command(
        connection.get_option("ssh_executable"), "ssh", "-tt" if terminal else "-T", connection.host, shlex.join(words)
    )
    return [word.decode() for word in ssh]


def obstacle(connection: ConnectionBase) -> str:
    """Why nothing can be attached to over a connection; empty where it can."""
    who_needs = "A terminal, input and backups need"
    if connection.transport not in ("local", "ssh"):
        return f"{who_needs} a connection by ssh, and Ansible's is {connection.transport}."
    if connection.transport == "ssh" and connection.get_option("password"):
        return f"{who_needs} a login by key (ssh-copy-id), and Ansible has a password (ansible_password)."
    if connection.become and connection.become.name.rpartition(".")[2] != "sudo":
        return f"{who_needs} sudo, and Ansible's become method is {connection.become.name}."
    return ""


def hand_over(command: Sequence[str]) -> list[str]:
    """Leaves the command to the luma command; returns what is to be said where nobody waits for it."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        Path(folder, FILE).write_text(json.dumps(list(command)), encoding="utf-8")
        return []
    return [f"To go on, run: {shlex.join(command)}"]
