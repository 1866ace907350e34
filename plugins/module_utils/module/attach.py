# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules share that work in a container of an app: which replica, and the user's terminal or input for it."""

from __future__ import annotations

import shutil
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_SERVICE
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View

#: The options of the documentation fragment ``luma.deploy.attach``.
ATTACH_OPTIONS: dict[str, t.Any] = {
    "replica": {"type": "int", "default": 1},
    "terminal": {"type": "bool", "default": False},
    "stdin": {"type": "bool", "default": False},
    "attach": {"type": "bool", "default": False},
}


def replica_of(engine: Engine, app: App, number: int, or_waits: bool = False) -> Container:
    """The running replica with this number, from 1, of the active color; of a service its container. With ``or_waits``
    also one that waits for its time, see `release.schedule`. Raises `LumaError`."""
    view = View.take(engine, None, app)
    active = view.of(view.active) if view.active else []
    running = [c for c in active if c.running or (or_waits and c.ready)]
    if not view.containers:
        services = engine.services(app.project, app.network)
        running = [c for c in services if c.labels[LABEL_SERVICE] == app.name and c.running]
    if not running:
        raise LumaError(f"No replica of {app.name} runs on this host: there is nothing to run a command in.")
    if not 1 <= number <= len(running):
        names = ", ".join(c.name for c in running)
        raise LumaError(f"{app.name} has no replica {number} that runs on this host; there are: {names}")
    return running[number - 1]


def is_attached(params: t.Mapping[str, t.Any]) -> bool:
    """Whether the user's terminal or input is handed to the command, or its output as it comes. For output alone the
    module can do without, if it has to."""
    return bool(params["terminal"] or params["stdin"] or (params["attach"] and shutil.which("docker")))


def interactive(params: t.Mapping[str, t.Any]) -> list[str]:
    """The flag of Docker's client for a command that reads what the user types or gives."""
    return ["--interactive"] if params["terminal"] or params["stdin"] else []


def docker_command(engine: Engine, *words: str) -> list[str]:
    """The command of Docker's own client that attaches to a container. Raises `LumaError` where the host has none."""
    if not shutil.which("docker"):
        raise LumaError(
            "A terminal, input and backups need Docker's command line on the host, and there is none. On Debian: "
            "apt-get install docker-cli"
        )
    return ["docker", "--host", engine.docker_host, *words]
