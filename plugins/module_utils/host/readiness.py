# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host is ready for a deployment: what would make it fail, or surprise, found without changing anything."""

from __future__ import annotations

import contextlib
import os
import shutil
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.architecture import can_run
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.listeners import LISTEN, listeners

ERROR, WARNING = "error", "warning"
#: The oldest engine that luma is tested with, 20.10, speaks this version of the API.
OLDEST_API = (1, 41)
#: A new image is beside the old one for a while; with less room than this somebody should look, in bytes.
LITTLE_ROOM = 2_000_000_000


@dataclass
class Readiness:
    """What is known of a host. ``findings``: each a level and a text, with what to do."""

    docker: str
    architecture: str
    free_bytes: int
    findings: list[tuple[str, str]] = field(default_factory=list)


def readiness(engine: Engine, ports: t.Mapping[str, int], images: t.Sequence[t.Mapping[str, t.Any]]) -> Readiness:
    """Looks at this host. ``ports`` that luma-proxy is going to take, by their keys in luma.yml; ``images`` that are
    going to run: ``name``, and ``platforms`` where it is built, which may be empty."""
    version = engine.call("ask for the engine's version", engine.client.version)
    root = engine.call("ask for the engine's state", engine.client.info)["DockerRootDir"]
    found = Readiness(version["Version"], version["Arch"], shutil.disk_usage(root).free)
    api = tuple(map(int, version["ApiVersion"].split(".")))
    if api < OLDEST_API:
        found.findings.append((ERROR, f"Docker {found.docker} is too old: luma needs 20.10 or newer"))
    if found.free_bytes < LITTLE_ROOM:
        room = f"{found.free_bytes / 1e9:.1f} GB are free in {root}"
        found.findings.append((WARNING, f"{room}: a new image needs room beside the old one. See: docker system df"))
    found.findings += [(ERROR, text) for text in taken_ports(ports)]
    found.findings += [(ERROR, text) for text in foreign_images(engine, found.architecture, images)]
    return found


def taken_ports(ports: t.Mapping[str, int]) -> list[str]:
    heard = {listener.port for listener in listeners(os.getpid()) or ()}
    return [
        f"port {port} is taken by {_who_has(port)}: stop it, or give luma-proxy another port, proxy.{key}"
        for key, port in ports.items()
        if port in heard
    ]


def _who_has(port: int) -> str:
    """The program that listens on a port."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and any(os.readlink(each) in sockets for each in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text(encoding='utf-8').strip()} (process {process.name})"
    return "another program"


def _inodes(port: int) -> t.Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
                row = line.split()
                # proc(5): the local address, the state and the socket's inode.
                if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port:
                    yield row[9]


def foreign_images(engine: Engine, here: str, images: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[str]:
    for image in images:
        wanted = _architectures(engine, image)
        if wanted and not any(can_run(here, each) for each in wanted):
            yield f"the image {image['name']} is for {', '.join(sorted(wanted))}, and this host is {here}"


def _architectures(engine: Engine, image: t.Mapping[str, t.Any]) -> set[str]:
    """What an image is for; nothing where that is not known."""
    if image.get("platforms"):
        return {platform.split("/")[1] for platform in image["platforms"]}
    if image.get("built"):
        return set()
    found = engine.image(image["name"])
    if found:
        return {found.get("Architecture") or ""} - {""}
    with contextlib.suppress(LumaError):
        asked = engine.call("ask the registry", engine.client.inspect_distribution, image["name"])
        return {each["architecture"] for each in asked["Platforms"] if each.get("architecture")}
    return set()
