# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release hook: a command in a one-off container of an app's new image, such as one that migrates a database.

The container is no replica of the app: nothing that asks for the app's containers finds it.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive
from ansible_collections.luma.deploy.plugins.module_utils.host.hook_log import Written, in_nanoseconds
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_PROJECT,
    LABEL_RELEASE,
    LABEL_ROLE,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.logs import written_by
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import Mounts
from ansible_collections.luma.deploy.plugins.module_utils.host.runtime import Runtime
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.container_names import prefix_of
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held

WITHOUT_MOUNTS = Mounts()
ROLE = "release-hook"
#: The label of the app whose hook it is.
LABEL_HOOK_OF = "luma.hook-of"

#: The pause between two looks at the container, in seconds.
POLL_SECONDS = 0.2
#: How long a container that has to go has between its stop signal and SIGKILL, in seconds.
STOP_SECONDS = 10.0
LOG_LINES = 20


@dataclass(frozen=True)
class Hook:
    """What is to be run. ``environment`` may hold secrets: it goes nowhere but into the container."""

    image: str
    command: t.Sequence[str]
    release: str
    environment: t.Mapping[str, str] = field(default_factory=dict)
    mounts: Mounts = WITHOUT_MOUNTS
    runtime: Runtime = field(default_factory=Runtime)


@dataclass(frozen=True)
class Ended:
    """How it ended by itself; ``logs`` are its last lines."""

    exit_code: int
    oom_killed: bool
    seconds: float
    logs: tuple[str, ...]


def stopped_hooks(engine: Engine, project: str) -> dict[str, str]:
    """The containers that runs which were killed have left of hooks that have ended; the id of each by its name."""
    rows = engine.list_containers([f"{LABEL_PROJECT}={project}", f"{LABEL_ROLE}={ROLE}"])
    return {row["Names"][0].lstrip("/"): row["Id"] for row in rows if row["State"] in ("exited", "dead")}


class ReleaseHook:
    """The hook of one app on one host."""

    def __init__(self, engine: Engine, app: App) -> None:
        self.engine = engine
        self.app = app
        self.owner = {LABEL_PROJECT: app.project, LABEL_ROLE: ROLE, LABEL_HOOK_OF: app.name}

    def refuse(self) -> None:
        """Raises `LumaError` where the container's name is taken by somebody other than luma."""
        self._free_name()

    def run(self, hook: Hook, held: Held, keep: t.Callable[[list[Written]], None]) -> Ended:
        """Runs the hook to its end, however long that takes, has what it has written kept, and removes its container;
        so where the lock is lost meanwhile, which raises `LumaError`."""
        self.refuse()
        self.remove()
        self.engine.ensure_network(self.app.network, {LABEL_PROJECT: self.app.project})
        began = time.monotonic()
        try:
            container = self._wait(self._start(hook), held)
            logs = tuple(self.engine.logs(container.id, LOG_LINES))
            return Ended(container.exit_code, container.oom_killed, time.monotonic() - began, logs)
        finally:
            # Where the engine is what failed, the next deployment removes it.
            with contextlib.suppress(LumaError):
                self._keep(keep)
                self.remove()

    def _keep(self, keep: t.Callable[[list[Written]], None]) -> None:
        """A full disk is no reason for a deployment to fail that has come so far."""
        for container in self.find():
            how = "stopped by luma" if container.running else f"exit {container.exit_code}"
            if container.running:
                self.engine.stop(container.id, STOP_SECONDS)
            written = [(line["at"], line["text"]) for line in written_by(self.engine, container)]
            with contextlib.suppress(OSError):
                keep([*written, (in_nanoseconds(time.time()), f"({how})")])

    def remove(self) -> None:
        """Removes the hook's container, stopped first where it runs: it may be at work on the data."""
        for container in self.find():
            if container.running:
                self.engine.stop(container.id, STOP_SECONDS)
            self.engine.remove(container.id)

    def find(self) -> list[Container]:
        """The hook's container, or what a run that was killed has left of one."""
        rows = self.engine.list_containers([f"{label}={value}" for label, value in self.owner.items()])
        found = (self.engine.container(row["Id"], self.app.network) for row in rows)
        return [container for container in found if container]

    def _free_name(self) -> str:
        name = f"{self.app.name}-{ROLE}"
        return prefix_of(self.engine, self.app, [name], lambda labels: self.owner.items() <= labels.items()) + name

    def _start(self, hook: Hook) -> str:
        """Returns the container's name."""
        hook.mounts.place()
        with exclusive(self.engine.detached.folder):
            name = self._free_name()
            self._create(name, hook)
        self.engine.start(name)
        return name

    def _create(self, name: str, hook: Hook) -> None:
        # A container has its image's labels, too, and one that luma has built names the app.
        labels = {**self.owner, LABEL_RELEASE: hook.release, LABEL_APP: ""}
        self.engine.create(
            name,
            hook.image,
            self.app.network,
            labels,
            command=hook.command,
            environment=dict(hook.environment, LUMA_RELEASE=hook.release),
            host={**hook.mounts.host, **hook.runtime.host},
            **hook.runtime.config,
        )
        hook.runtime.attach(self.engine, name)

    def _wait(self, name: str, held: Held) -> Container:
        while True:
            container = self.engine.container(name, self.app.network)
            if container is None:
                raise LumaError(f"Container {name} vanished while luma waited for its end.")
            if not container.running:
                return container
            held.stop_where_lost(f"The release hook of {self.app.name}")
            time.sleep(POLL_SECONDS)
