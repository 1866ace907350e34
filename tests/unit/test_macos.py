# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that runs macOS. `tests/macos/run` runs these, and the other tests of the controller, without what macOS
does not have."""

from __future__ import annotations

import platform
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.action.project import refuse_what_is_not_linux
from ansible_collections.luma.deploy.plugins.plugin_utils.action.delivery import deliver
from ansible_collections.luma.deploy.plugins.plugin_utils.images.push import push
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.notify import address
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from luma_command.playbook import FOR_FORKS_ON_MACOS, ansible_environment

from tests.unit.test_command import asked

ROOT = Path(__file__).parents[2]
# bash 3.2 has neither of the two.
COMPLETE = """
BASH_COMPAT=3.2; enable -n mapfile readarray
. completions/luma.bash
luma() { printf '%s\\n' "--complete got:" "${@:2}" "a b"; }
COMP_WORDS=(luma deploy bl) COMP_CWORD=2
_luma
printf '<%s>' "${COMPREPLY[@]}"
"""


def test_the_command_is_found_behind_links(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "absolute").symlink_to(ROOT / "bin" / "luma")
    (tmp_path / "luma").symlink_to("bin/absolute")
    done = subprocess.run([tmp_path / "luma", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("luma ")


def test_the_tab_key_needs_no_newer_bash() -> None:
    done = subprocess.run(["bash", "-c", COMPLETE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("<--complete got:><deploy><bl><a b>", "")


def test_macos_deploys_to_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    variables = {"web1": {}, "vm": {"ansible_connection": "ssh"}, "localhost": {"ansible_connection": "local"}}
    refuse_what_is_not_linux(["vm", "web1"], variables)
    with pytest.raises(InvalidFile, match=r"^localhost is this machine, which runs macOS\. luma deploys to Linux"):
        refuse_what_is_not_linux(list(variables), variables)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    refuse_what_is_not_linux(list(variables), variables)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_the_user_says_of_proxies_counts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(each, raising=False)
    assert ansible_environment(asked("status"), tmp_path)["no_proxy"] == "localhost"
    monkeypatch.setenv(name, "example.com")
    given = ansible_environment(asked("status"), tmp_path)
    assert {key: value for key, value in given.items() if key.lower() == "no_proxy"} == {name: "example.com"}


@pytest.fixture
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment that bin/luma gives to Ansible, where nothing asks the system for proxies."""
    for name, value in FOR_FORKS_ON_MACOS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_forked")
def test_a_push_goes_to_the_engine_of_the_docker_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker Desktop's is one of a context, and listens nowhere else."""
    command = tmp_path / "docker"
    command.write_text(f"#!/bin/sh\necho unix://{tmp_path}/engine\n")
    command.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{tmp_path}/engine")
        engine.listen()
        asked = threading.Thread(target=lambda: engine.accept()[0].close(), daemon=True)
        asked.start()
        with pytest.raises(AnsibleActionFail, match="Image registry/blog:1 could not be pushed"):
            push("registry/blog:1", None)
        asked.join(timeout=10)
        assert not asked.is_alive()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.mark.usefixtures("_forked")
def test_a_notice_is_sent() -> None:
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        notice = {"failed": False, "title": "blog was deployed", "text": "r1 → r2"}
        assert deliver(notice, [address(f"http://127.0.0.1:{server.server_port}/")]) == []
