# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is in the container's environment, and nowhere else: not in what is printed, logged or written at -vvv,
not in facts, not among the arguments of any process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.host import APP_IMAGE, LUMA, ROOT
from tests.remote.project import Project
from tests.terminal import Terminal
from tests.testbed.servers import Server

TOKEN = "postgres://blog:Sup3rS3cret@db/blog"
API_KEY = "k-93f1a7c5e2-from-the-environment"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IG9mIHNldmVyYWwgbGluZXM=\n-----END PRIVATE KEY-----\n"
IN_A_FILE = "password=an0ther-s3cret-in-a-file"
# What is short, or the app's name, must not be searched for in a result, or containers lose theirs.
PIN, NAME = "7", "remote"


@pytest.fixture(scope="module", autouse=True)
def _image(server: Server) -> None:
    server.load_images(APP_IMAGE)


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Project:
    """A project whose run of Ansible writes all that it writes below its folder."""
    environment = {
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "ANSIBLE_LOG_PATH": str(tmp_path / "log"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "TEST_API_KEY": API_KEY,
    }
    project = Project(server, tmp_path / "project", "secrets", environment)
    project.folder.mkdir()
    project.write_secrets(TOKEN=TOKEN, KEY=f'"{KEY}"', PIN=PIN, NAME=NAME)
    (project.folder / "app.conf").write_text(IN_A_FILE)
    # All facts and registered results of all hosts, after the deployment.
    show = {"hosts": "all,localhost", "gather_facts": False, "tasks": [{"debug": {"var": "hostvars"}}]}
    plays = [{"import_playbook": str(ROOT / "playbooks" / "deploy.yml")}, show]
    (project.folder / "all.yml").write_text(yaml.safe_dump(plays))
    return project


def write_app(project: Project, **app: object) -> None:
    environment = {"plain": {"API_KEY": "${TEST_API_KEY}", "PLAIN": "x"}, "secret": ["TOKEN", "KEY", "PIN", "NAME"]}
    mounts = {"volumes": ["./data:/data"], "files": ["./app.conf:/etc/app.conf"]}
    project.write_app(image=APP_IMAGE, environment=environment, **mounts, **app)


@contextlib.contextmanager
def arguments_of_processes() -> Iterator[set[bytes]]:
    """The arguments of every process that is seen meanwhile, on this machine and in its containers."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(file.read_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def files_with(folder: Path, text: str) -> list[str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return [str(file.relative_to(folder)) for file in files if text.encode() in file.read_bytes()]


def files_on(server: Server, text: str) -> str:
    """The files of a server that hold a text, but for those of its engine, to which the container belongs."""
    folders = "/etc /home /opt /root /run /srv /tmp /usr/local /var"
    return server.run(
        f"grep --recursive --files-with-matches --fixed-strings --devices=skip --no-messages "
        f"--exclude-dir=docker --exclude-dir=containerd --regexp='{text}' {folders} || true"
    )


def test_an_empty_folder_does_not_take_the_place_of_data(project: Project, server: Server) -> None:
    """A relative path is one of the server's, which may have the data of the tool that was there before."""
    write_app(project)
    refused = project.deploy()
    assert refused.code != 0
    # The app's name is hidden: it is the value of a secret, too.
    assert "mounts ./data, which on this host is /root/data" in refused.output
    assert "mkdir -p /root/data" in refused.output
    assert server.run("docker ps --all --quiet") == ""
    server.run("mkdir /root/data && echo kept >/root/data/file")


def test_secrets_are_in_the_environment_and_nowhere_else(project: Project, server: Server) -> None:
    write_app(project)
    server.run("mkdir -p /root/data && echo kept >/root/data/file")
    with arguments_of_processes() as arguments:
        run = project.deploy("-vvv", "--diff", playbook=project.folder / "all.yml")
    assert run.code == 0, run.output + run.errors
    (container,) = json.loads(server.run("docker inspect remote-blue"))
    expected = {f"TOKEN={TOKEN}", f"KEY={KEY}", f"PIN={PIN}", f"NAME={NAME}", f"API_KEY={API_KEY}", "PLAIN=x"}
    assert expected <= set(container["Config"]["Env"])
    assert any(b"ansible-playbook" in line for line in arguments)
    assert server.run("docker exec remote-blue cat /etc/app.conf /data/file") == f"{IN_A_FILE}kept\n"
    for secret in (TOKEN, KEY.splitlines()[1], API_KEY, IN_A_FILE):
        assert secret not in run.output + run.errors
        assert not [line for line in arguments if secret.encode() in line]
        assert set(files_with(project.folder.parent, secret)) <= {"project/.luma/secrets", "project/app.conf"}
        assert [Path(file).parents[2] for file in files_on(server, secret).split()] == (
            [Path("/var/lib/luma/files/secrets")] if secret == IN_A_FILE else []
        )
    assert '"name": "remote-blue"' in run.output

    assert project.deploy("--check", "--diff").output.count("changed=0") == 2
    project.write_secrets(TOKEN=TOKEN, KEY="1", PIN="8", NAME=NAME)
    assert '"configuration": "' in project.deploy("--check", "--diff").output

    write_app(project, command=["sh", "-c", "env; exit 3"])
    failed = project.deploy("-vvv", "--diff")
    assert failed.code != 0
    assert "TOKEN=********" in failed.output
    for secret in (TOKEN, API_KEY):
        assert secret not in failed.output + failed.errors
        assert files_on(server, secret) == ""


def test_a_terminal_and_input_reach_the_server(project: Project) -> None:
    # In the container that the test before has left.
    write_app(project)
    words = [str(LUMA), "-c", str(project.folder / "luma.yml"), "-i", str(project.folder / "inventory.yml")]
    script = 'tty; read line; echo "got $line"; exit 5'
    terminal = Terminal(*words, "exec", "-it", "remote", "--", "sh", "-c", script, **project.environment)
    terminal.wait_for("/dev/pts/")
    terminal.type("typed\n")
    terminal.wait_for("got typed")
    assert terminal.end() == 5
    done = subprocess.run(
        [*words, "exec", "remote", "--", "cat"],
        input="piped",
        env={**os.environ, **project.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "piped"), done.stderr


def test_a_backup_comes_over_ssh(project: Project) -> None:
    says = "print('with', os.environ['TOKEN'], file=sys.stderr)"
    dump = f"import os, sys; sys.stdout.buffer.write(bytes(range(256)) * 40000); {says}"
    db: dict[str, Any] = {
        "image": APP_IMAGE,
        "servers": ["server"],
        "stop_timeout": 1,
        "environment": {"secret": ["TOKEN"]},
    }
    db["backup"] = {"command": ["python3", "-c", dump]}
    project.write_app(image=APP_IMAGE)
    (project.folder / "luma.yml").write_text(yaml.safe_dump({"name": project.name, "services": {"db": db}}))
    assert project.deploy("--extra-vars", "services=true").code == 0
    made = project.deploy("-vvv", playbook=ROOT / "playbooks" / "services_backup.yml")
    assert made.code == 0, made.output + made.errors
    (file,) = (project.folder / "backups").iterdir()
    assert file.read_bytes() == bytes(range(256)) * 40000
    assert "db | with ****" in made.output
    assert TOKEN not in made.output + made.errors
