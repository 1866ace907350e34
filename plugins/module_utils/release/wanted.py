# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a color has to be, and what its preparation came to."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import hash_of
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import Mounts
from ansible_collections.luma.deploy.plugins.module_utils.host.runtime import Runtime
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import other
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck

STAYS_RUNNING = HealthCheck("running")
WITHOUT_MOUNTS = Mounts()


@dataclass(frozen=True)
class Wanted:
    """What the replicas of a color have to be. ``environment`` may hold secrets: it goes nowhere but into the
    containers, and into the configuration's hash. ``overlap``: whether both colors may run at once.
    ``schedule``: when cron starts it; empty for what runs always."""

    image: str
    replicas: int = 1
    release: str = ""
    command: tuple[str, ...] = ()
    environment: t.Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    mounts: Mounts = WITHOUT_MOUNTS
    runtime: Runtime = field(default_factory=Runtime)
    check: HealthCheck = STAYS_RUNNING
    stop_timeout: float = 30.0
    overlap: bool = True
    schedule: str = ""

    @property
    def starts_at_once(self) -> bool:
        """Whether it is started beside the color that is active."""
        return self.overlap and not self.schedule

    @property
    def config_hash(self) -> str:
        """Everything that only a new container can change. Not the image, which is compared by its id, nor the
        number of replicas, which is compared by itself, nor the release, which is a name for all that."""
        return hash_of(
            {
                "command": self.command,
                "environment": dict(self.environment),
                "ports": self.ports,
                **({"schedule": self.schedule} if self.schedule else {}),
                **self.mounts.config,
                **self.runtime.hashed,
            }
        )


@dataclass(frozen=True)
class Prepared:
    """What `prepare` found or did. ``color`` is the color that is to serve; ``created`` whether its containers are
    new; ``settled`` whether nothing is left to do, neither a switch nor a retirement; ``back`` is the color to return
    to where this one is not to serve after all, None where there is none; ``previous_release`` what served before;
    ``identity`` what tells the release from others, see `release.release_names`."""

    active: str | None
    color: str
    containers: tuple[Container, ...]
    created: bool
    settled: bool
    release: str
    before: t.Mapping[str, t.Any] = field(default_factory=dict)
    back: str | None = None
    previous_release: str | None = None
    identity: t.Sequence[t.Any] = ()
    timings: t.Mapping[str, float] = field(default_factory=dict)


def facts(prepared: Prepared) -> dict[str, t.Any]:
    """The result as a module returns it."""
    names = ("active", "color", "created", "settled", "release", "previous_release", "back", "identity", "timings")
    result = {name: getattr(prepared, name) for name in names}
    result["other"] = other(prepared.color)
    result["containers"] = [
        {
            "id": c.id,
            "name": c.name,
            "address": c.address,
            "image": c.image_id,
            "release": c.release,
            "health": "healthy" if c.ready else c.status,
        }
        for c in prepared.containers
    ]
    return result
