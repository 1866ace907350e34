# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma.yml as an inventory, as Ansible itself reads it, and beside the playbook that reads it as well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.inventory.luma import is_luma_file

ROOT = Path(__file__).parents[2]
LUMA_YML = """
ssh: {username: deploy, port: 2222, key_file: keys/deploy}
apps:
  blog: {image: x, servers: [web, 203.0.113.7]}
  my-api: {image: x, server: localhost}
  everywhere: {image: x}
services:
  db: {image: postgres, server: db1}
"""
HOSTS_YML = """
all:
  vars: {ansible_port: 23}
  hosts:
    db1: {ansible_host: 127.0.0.9}
    203.0.113.7: {ansible_user: own}
  children:
    web:
      hosts: {web1: , web2: }
      vars: {ansible_user: admin}
"""
INVALID = "apps:\n  blog: {image: x, replicas: 0}\n  api: {}\n"
MISTAKES = [
    "luma.yml:2:30: apps.blog.replicas: has to be a whole number, 1 or more",
    "luma.yml:3:3: apps.api: has neither image nor build: it needs one of them",
]


def ansible(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def inventory(folder: Path, *sources: str, **environment: str) -> dict[str, Any]:
    given = [f"--inventory={source}" for source in sources]
    done = ansible(folder, "ansible-inventory", "--list", *given, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def connection(inventory: dict[str, Any], host: str) -> list[Any]:
    """The user, the port, the key, and the kind of the connection to a host."""
    names = ("user", "port", "ssh_private_key_file", "connection")
    values = [inventory["_meta"]["hostvars"][host].get(f"ansible_{name}") for name in names]
    # Ansible marks texts that it does not take for templates.
    return [value["__ansible_unsafe"] if isinstance(value, dict) else value for value in values]


def test_hosts_groups_and_connections_beside_another_inventory(tmp_path: Path) -> None:
    (tmp_path / "luma.yml").write_text(LUMA_YML)
    (tmp_path / "hosts.yml").write_text(HOSTS_YML)
    found = inventory(tmp_path, "hosts.yml", "luma.yml")
    key = str(tmp_path / "keys" / "deploy")
    assert found["blog"]["hosts"] == ["web1", "web2", "203.0.113.7"]
    assert found["my_api"]["hosts"] == ["localhost"]
    assert found["db"]["hosts"] == ["db1"]
    assert set(found["everywhere"]["hosts"]) == {"web1", "web2", "203.0.113.7", "localhost", "db1"}
    assert found["web"]["hosts"] == ["web1", "web2"]
    assert connection(found, "db1") == ["deploy", 23, key, None]
    assert connection(found, "web1") == ["admin", 23, key, None]
    assert connection(found, "203.0.113.7") == ["own", 23, key, None]
    assert connection(found, "localhost")[3] == "local"


def test_the_other_inventorys_variables_win_when_it_comes_last(tmp_path: Path) -> None:
    (tmp_path / "luma.yml").write_text(LUMA_YML.replace("[web, ", "[").replace("server: db1", "server: localhost"))
    (tmp_path / "hosts.yml").write_text(HOSTS_YML)
    found = inventory(tmp_path, "luma.yml", "hosts.yml")
    assert connection(found, "203.0.113.7")[:2] == ["own", 23]
    assert connection(found, "db1")[:2] == ["deploy", 23]


def test_root_is_the_user_where_nobody_names_one(tmp_path: Path) -> None:
    """ssh's configuration counts, too, by the name that ssh is given."""
    (tmp_path / "ssh_config").write_text("Host web1\n User deploy\nMatch host 127.0.0.9\n User dba\n")
    (tmp_path / "luma.yml").write_text(re.sub("ssh: .*", "", LUMA_YML).replace("localhost", "[web, 203.0.113.8]"))
    (tmp_path / "hosts.yml").write_text(HOSTS_YML.replace("vars: {ansible_user: admin}", ""))
    # ssh itself, with this file in place of the one in a home, which no variable can move.
    own = 'sed "s|~/.ssh/config|$0_config|" "$3" >"$0.$$"; exec /usr/bin/ssh -G -F "$0.$$" -- "$5"'
    (tmp_path / "ssh").write_text(f'#!/bin/sh\ncase "$2" in -F) {own};; *) exec /usr/bin/ssh "$@";; esac\n')
    (tmp_path / "ssh").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    found = inventory(tmp_path, "hosts.yml", "luma.yml", PATH=path)
    hosts = ("web1", "web2", "203.0.113.7", "203.0.113.8", "db1")
    assert [connection(found, host)[0] for host in hosts] == ["deploy", "root", "own", "root", "dba"]
    given = inventory(tmp_path, "hosts.yml", "luma.yml", PATH=path, ANSIBLE_REMOTE_USER="me")
    assert [connection(given, host)[0] for host in hosts] == [None, None, "own", None, None]


def test_a_user_can_become_root_and_go_through_another_host(tmp_path: Path) -> None:
    ssh = "ssh: {become: true, proxy_jump: 'me@bastion:2222'}\napps: {blog: {image: x, servers: [inner, localhost]}}"
    (tmp_path / "luma.yml").write_text(ssh)
    found = inventory(tmp_path, "luma.yml")["_meta"]["hostvars"]
    assert found["inner"]["ansible_become"] is True
    assert "-o ProxyJump=me@bastion:2222" in str(found["inner"]["ansible_ssh_common_args"])
    assert "ansible_become" not in found["localhost"]


def test_an_invalid_file_ends_the_run_with_all_its_mistakes(tmp_path: Path) -> None:
    (tmp_path / "luma.yml").write_text(INVALID)
    done = ansible(tmp_path, "ansible-inventory", "--graph", "--inventory=luma.yml")
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", MISTAKES)


def test_the_luma_command_reports_the_mistakes_once(tmp_path: Path) -> None:
    (tmp_path / "luma.yml").write_text(INVALID)
    done = ansible(tmp_path, sys.executable, str(ROOT / "bin" / "command.py"), "deploy")
    output = done.stdout + done.stderr
    assert (done.returncode, [output.count(mistake) for mistake in MISTAKES]) == (2, [1, 1])
    assert len(output.splitlines()) == len(MISTAKES)


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("other.yml", "apps: {blog: {image: x}}", True),
        ("other.yml", "name: shop\nservices: {db: {image: x}}", True),
        ("other.yml", "apps:\n  blog: {image: x", True),
        ("luma.yml", "app: {blog: {image: x}}", True),
        ("hosts.yml", "app: {hosts: {web1: }}", False),
        ("hosts.yml", "apps: {hosts: {web1: }, vars: {a: b}}", False),
        ("luma.yml", "all: {hosts: {web1: }}", False),
        ("hosts.ini", "[apps]\nweb1\n", False),
        ("x.luma.yml", "plugin: other\napps: [a]\n", False),
    ],
)
def test_a_luma_file_is_known_by_its_content(tmp_path: Path, name: str, text: str, is_one: bool) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert is_luma_file(file) is is_one
