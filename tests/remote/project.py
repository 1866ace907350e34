# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of one app that is built here and runs on a server which Ansible reaches over ssh; and a registry."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docker import APIClient

from tests.host import APP_IMAGE, PROXY_IMAGE, ROOT, docker
from tests.testbed.servers import Server

FEW_BYTES = 3_000_000
"""More than Ansible itself sends for a deployment, and less than the base layer of an image has."""

REGISTRY_IMAGE = "luma-test/registry"
USER = "luma"
PASSWORD = "a registry's pass: word"
# bcrypt of that password.
HTPASSWD = f"{USER}:$2b$05$lumalumalumalumalumaluCNCLsAEvPbDz3yV1JUTWinnhl3tzRXa"
REGISTRY_CONFIG = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/registry"}},
    "http": {"addr": ":8080"},
    "auth": {"htpasswd": {"realm": "test", "path": "/htpasswd"}},
}


@dataclass
class Run:
    """What a run of Ansible came to. ``received`` are the bytes that came to the server meanwhile."""

    code: int
    output: str
    errors: str
    received: int

    @property
    def result(self) -> dict[str, Any]:
        """What the module of an ad-hoc task returned."""
        result: dict[str, Any] = json.loads(self.output.partition(" => ")[2])
        return result


@dataclass
class Project:
    """A project in a folder of its own. ``environment`` is added to that of Ansible; ``keep``: how many releases stay
    on record."""

    server: Server
    folder: Path
    name: str
    environment: dict[str, str]
    keep: int = 5

    def write(self, change: str, registry: dict[str, str] | None = None) -> None:
        """Write luma.yml, the inventory, and the Dockerfile with a layer whose file is the output of the
        command ``change``."""
        (self.folder / "Dockerfile").write_text(f"FROM {APP_IMAGE}\nRUN {change} >/change\n")
        self.write_app(build={}, **({"registry": registry} if registry else {}))

    def write_app(self, **app: Any) -> None:
        """Write luma.yml, with an app that has these keys, and the inventory."""
        self.write_spec({"health_check": {"command": ["true"]}, "stop_timeout": 1, **app})

    def write_spec(self, spec: dict[str, Any]) -> None:
        luma_yml = {"name": self.name, "releases": {"keep": self.keep}, "apps": {"remote": spec}}
        (self.folder / "luma.yml").write_text(yaml.safe_dump(luma_yml))
        hosts = {"server": self.server.inventory_vars}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))

    def write_secrets(self, **secrets: str) -> None:
        file = self.folder / ".luma" / "secrets"
        file.parent.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))

    def deploy(self, *arguments: str, playbook: Path = ROOT / "playbooks" / "deploy.yml") -> Run:
        luma_file = f"luma_file={self.folder / 'luma.yml'}"
        return self._run("ansible-playbook", str(playbook), "--extra-vars", luma_file, *arguments)

    def task(self, module: str, **options: Any) -> Run:
        """One task of luma on the server."""
        given = json.dumps({"project": self.name, "app": "remote", "proxied": False, "stop_timeout": 1, **options})
        return self._run("ansible", "server", "--module-name", f"luma.deploy.{module}", "--args", given)

    def _run(self, *command: str) -> Run:
        before = self._received()
        done = subprocess.run(
            [*command, "--inventory", str(self.folder / "inventory.yml")],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Run(done.returncode, done.stdout, done.stderr, self._received() - before)

    def _received(self) -> int:
        return int(self.server.run("cat /sys/class/net/eth0/statistics/rx_bytes"))

    # What is where

    def image_id(self) -> str:
        """The id of the image that the app's container on the server has."""
        return self.server.run("docker inspect --format '{{.Image}}' $(docker ps --quiet --latest)").strip()

    def built(self) -> set[str]:
        """The ids of the images that were built here."""
        label = f"label=luma.project={self.name}"
        return set(docker("image", "ls", "--no-trunc", "--quiet", "--filter", label).split())

    def remove(self) -> None:
        """Remove the images that were built here."""
        for image in self.built():
            docker("image", "rm", "--force", image)


@contextlib.contextmanager
def registry(server: Server) -> Iterator[str]:
    """A registry with authentication, at an address that means it both here and on the server.

    It listens in the server's network, on a port that is published under another number, and there this number leads
    to it too. Docker asks no certificate of a registry on 127.0.0.1.
    """
    port = server.port(8080)
    name = f"{server.name}-registry"
    docker("run", "--detach", "--name", name, "--network", f"container:{server.name}", REGISTRY_IMAGE)
    server.run(f"iptables -t nat -A OUTPUT -p tcp -d 127.0.0.1 --dport {port} -j REDIRECT --to-ports 8080")
    try:
        yield f"127.0.0.1:{port}"
    finally:
        docker("rm", "--force", "--volumes", name)


def push(name: str, content: str, folder: Path) -> str:
    """Push a version of the test app under this name, and remove it here; returns its id."""
    (folder / "Dockerfile").write_text(f"FROM {APP_IMAGE}\nENV CONTENT={content}\n")
    docker("build", "--quiet", "--tag", name, str(folder))
    client = APIClient(version="auto")
    answers = client.push(name, stream=True, decode=True, auth_config={"username": USER, "password": PASSWORD})
    assert not [answer for answer in answers if "error" in answer]
    image_id: str = client.inspect_image(name)["Id"]
    docker("image", "rm", name)
    return image_id


def build_registry_image(folder: Path) -> None:
    """Make the registry's image, of Debian's package, once."""
    if docker("image", "ls", "--quiet", REGISTRY_IMAGE):
        return
    subprocess.run(["apt-get", "download", "--quiet", "docker-registry"], cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder / "root")], check=True)
    (folder / "config.yml").write_text(yaml.safe_dump(REGISTRY_CONFIG))
    (folder / "htpasswd").write_text(HTPASSWD + "\n")
    (folder / "Dockerfile").write_text(
        f"FROM {PROXY_IMAGE}\n"
        "COPY root/usr/bin/docker-registry /usr/bin/\n"
        "COPY config.yml htpasswd /\n"
        'CMD ["docker-registry", "serve", "/config.yml"]\n'
    )
    docker("build", "--quiet", "--tag", REGISTRY_IMAGE, str(folder))
