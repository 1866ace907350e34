# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line that gives the user's terminal to a container, and where there cannot be one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.plugin_utils.action.attachment import command_line, obstacle

COMMAND = ["docker", "exec", "blog-blue", "echo", "a b"]


def connection(transport: str = "ssh", become: str = "", **options: str) -> Any:
    """A connection as Ansible makes it, whose ssh has one option."""

    def build_command(program: str, _subsystem: str, *words: str) -> list[bytes]:
        return [program.encode(), b"-oPort=22", *(word.encode() for word in words)]

    method = SimpleNamespace(name=become, get_option=lambda _name: None) if become else None
    known = {"ssh_executable": "ssh", "password": None, **options}
    return SimpleNamespace(
        transport=transport, become=method, host="web1", get_option=known.__getitem__, _build_command=build_command
    )


def test_it_is_ansible_s_own_ssh() -> None:
    assert command_line(connection(), COMMAND, terminal=True) == [
        "ssh", "-oPort=22", "-tt", "web1", "docker exec blog-blue echo 'a b'",
    ]  # fmt: skip
    as_root = command_line(connection(become="sudo"), COMMAND, terminal=False)
    assert as_root[2:] == ["-T", "web1", "sudo --user root -- docker exec blog-blue echo 'a b'"]
    assert command_line(connection("local"), COMMAND, terminal=True) == COMMAND


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (connection("docker"), "need a connection by ssh, and Ansible's is docker"),
        (connection(password="secret"), "need a login by key"),
        (connection(become="community.general.doas"), "need sudo, and Ansible's become method is"),
    ],
)
def test_where_there_can_be_none_the_reason_is_told(made: Any, reason: str) -> None:
    assert reason in obstacle(made)
    with pytest.raises(AnsibleActionFail, match=r"On the host: docker exec blog-blue echo 'a b'$"):
        command_line(made, COMMAND, terminal=True)
