# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be true of a project on a server at any time, and what once a run has come to its end.

The engine, the proxy and the disk of the server are asked, never what luma said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy

from tests.host import PROXY
from tests.testbed.servers import Server

ASK_PROXY = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect("/var/lib/luma/proxy/run/admin.sock")
connection.sendall(sys.argv[1].encode() + b"\\n")
print(connection.makefile().read())
"""

LOOK = (
    "docker inspect $(docker ps --all --quiet)",
    "docker network ls --filter type=custom --format '{{.Name}} {{.ID}}'",
    "docker images --format '{{.Repository}}:{{.Tag}}'",
    "cd /var/lib/luma && find locks detached -type f ! -name '*.work' 2>/dev/null",
    "cat /var/lib/luma/releases/PROJECT/PROJECT.json 2>/dev/null || true",
)
"""What a server is asked: its containers, networks and images, luma's files that come and go, the app's releases.
PROJECT stands for the project's name, which is that of its app, too."""


class RemoteProxy(Haproxy):
    """The proxy of a server, asked from outside of it."""

    def __init__(self, server: Server) -> None:
        super().__init__(Path("/var/lib/luma/proxy/run"))
        self.server = server

    def run(self, command: str) -> str:
        return self.server.run(f"python3 -c '{ASK_PROXY}' '{command}'")


@dataclass(frozen=True)
class Container:
    """A container, as `docker inspect` shows it."""

    inspected: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.inspected["Name"].removeprefix("/"))

    @property
    def labels(self) -> dict[str, str]:
        return self.inspected["Config"]["Labels"] or {}

    @property
    def color(self) -> str:
        return self.labels["luma.color"]

    @property
    def running(self) -> bool:
        return bool(self.inspected["State"]["Running"])

    @property
    def restarts(self) -> bool:
        """Whether it runs again after a reboot."""
        return bool(self.inspected["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped")

    @property
    def identity(self) -> str:
        """What a reboot leaves as it is."""
        id_, networks = self.inspected["Id"], " ".join(sorted(self.networks))
        return f"container {self.name} {id_}, {'running' if self.running else 'stopped'}, on {networks}"

    @property
    def networks(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.inspected["NetworkSettings"]["Networks"]
        return found

    def aliases(self, network: str) -> set[str]:
        return set(self.networks.get(network, {}).get("Aliases") or ())

    def address(self, network: str) -> str:
        return str(self.networks.get(network, {}).get("IPAddress", ""))


class Scene:
    """What there is on a server at one moment, seen from a project with one app of the same name."""

    def __init__(self, server: Server, project: str) -> None:
        self.project = project
        self.network = f"{project}-network"
        inspected, networks, images, files, record = server.run(
            "; printf '\\0'; ".join(LOOK).replace("PROJECT", project)
        ).split("\0")
        everything = [Container(each) for each in json.loads(inspected)]
        self.containers = [c for c in everything if c.labels.get("luma.project") == project]
        self.slots: list[Slot] = RemoteProxy(server).slots(f"{project}:{project}")
        self.files = files.split()
        self.kept_images = {name for name in images.split() if name.startswith(f"luma/{project}/")}
        self.recorded_images = {
            f"luma/{project}/{project}:{release['image_id'].removeprefix('sha256:')[:12]}"
            for release in json.loads(record or "[]")
        }
        self.foreign = {
            *(c.identity for c in everything if c not in self.containers and c.name != PROXY),
            *(f"network {name}" for name in networks.splitlines()),
            *(f"image {name}" for name in set(images.split()) - self.kept_images),
        }
        """What is not the project's: it stays the same whatever the project does."""

    @property
    def holders(self) -> list[Container]:
        """The containers that have the app's alias."""
        return [c for c in self.containers if self.project in c.aliases(self.network)]

    @property
    def active(self) -> str:
        """The active color; empty where it is not one."""
        colors = {c.color for c in self.holders}
        return colors.pop() if len(colors) == 1 else ""

    @property
    def containers_started(self) -> set[str]:
        """The project's containers, and when each was started."""
        return {f"{c.inspected['Id']} {c.inspected['State']['StartedAt']}" for c in self.containers}

    def faults(self) -> Iterator[str]:
        """What is never to be, not even after a run that was killed."""
        if not self.active:
            yield f"the alias is held by {[c.name for c in self.holders]}"
        serving = {slot.address for slot in self.slots if slot.serving}
        holding = {c.address(self.network) for c in self.holders}
        if serving != holding:
            yield f"the proxy serves {serving}, the alias is held by {holding}"

    def leftovers(self, replicas: int) -> Iterator[str]:
        """What is not to be once a run has come to its end and the app has that many replicas."""
        names = [c.name for c in self.containers]
        if names != [c.name for c in self.holders] or len(names) != replicas:
            yield f"there are {names}, not {replicas} of one color"
        for container in self.containers:
            if not container.running or not container.restarts:
                yield f"{container.name} does not run, or would not after a reboot"
            if any("-temp" in alias for alias in container.aliases(self.network)):
                yield f"{container.name} has a temporary alias"
        if held := [slot.name for slot in self.slots if slot.held]:
            yield f"the proxy holds {held}"
        if self.files:
            yield f"there are the files {self.files}"
        if self.kept_images != self.recorded_images:
            yield f"the images {self.kept_images} are kept for {self.recorded_images}"
