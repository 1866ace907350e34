# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine in memory that runs the containers of services, and that can die between any two changes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.detached import DetachedAddresses
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_SERVICE
from ansible_collections.luma.deploy.plugins.module_utils.host.networks import Network
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import Answer, Registry

from tests.unit.fakes import Killed

DATA = "0" * 63


@dataclass
class Made:
    """A container as it was created."""

    container: Container
    environment: Mapping[str, str]
    binds: Sequence[str]
    #: The volume that Docker made for it, because the image has one and no bind is for it.
    anonymous: str = ""


@dataclass
class FakeEngine(Engine):
    """One host. ``changes_left``: how many changes the run may still make before it dies; ``refuses_at``: which one
    the engine refuses; ``asked``: the images whose registry was asked; ``answer``: what it said, where that is another
    image than the ``version`` here."""

    made: dict[str, Made] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)
    changes_left: int = 1000
    refuses_at: int = 1000
    restarts: int = 0
    health: str = ""
    stopped: list[tuple[str, float]] = field(default_factory=list)
    absent_images: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    answer: Answer | None = None
    version: int = 1

    def __post_init__(self) -> None:
        self.detached = DetachedAddresses(Path("/nowhere"))

    @contextlib.contextmanager
    def free_addresses(self, project: str, network: str) -> Iterator[Iterator[str]]:
        yield self._free_addresses(project, network)

    def change(self) -> None:
        running = [c.labels.get(LABEL_SERVICE, "db") for c in self.services("", "") if c.running]
        assert len(running) == len(set(running)), "two work on the same data"
        if self.changes_left <= 0:
            raise Killed
        self.changes_left -= 1
        self.refuses_at -= 1
        if self.refuses_at == 0:
            raise LumaError("the engine refused")

    def update(self, found: str, **values: Any) -> None:
        self.change()
        made = self.of(found)
        made.container = replace(made.container, **values)

    def of(self, name: str) -> Made:
        return next(made for made in self.made.values() if name in (made.container.id, made.container.name))

    def services(self, project: str, network: str) -> list[Container]:
        return [made.container for made in self.made.values()]

    def list_containers(self, labels: Sequence[str] = ()) -> list[dict[str, Any]]:
        common: dict[str, Any] = {"State": "", "NetworkSettings": {"Networks": {"shop-network": {}}}, "Mounts": []}
        return [
            {**common, "Id": c.id, "Names": [f"/{c.name}"], "Labels": dict(c.labels)} for c in self.services("", "")
        ]

    def container(self, name: str, network: str) -> Container | None:
        return next((c for c in self.services("", "") if name in (c.id, c.name)), None)

    def description(self, name: str) -> dict[str, Any]:
        made = self.of(name)
        volume = made.anonymous or made.binds[0].partition(":")[0]
        return {
            "Image": made.container.image_id,
            "Mounts": [{"Type": "volume", "Name": volume, "Destination": "/data"}],
            "Config": {"Cmd": None, "Env": [f"{k}={v}" for k, v in made.environment.items()], "StopTimeout": 30},
            "HostConfig": {"PortBindings": None, "Binds": made.binds},
        }

    def create(
        self,
        name: str,
        image: str,
        network: str,
        labels: Mapping[str, str],
        aliases: Sequence[str] = (),
        address: str = "",
        command: Sequence[str] = (),
        host: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> None:
        self.change()
        number = len(self.volumes)
        binds = (host or {})["binds"]
        anonymous = "" if binds else DATA + str(number)
        self.volumes.add(anonymous or binds[0].partition(":")[0])
        made = Container(
            id=f"id{number}-{name}",
            name=name,
            labels=labels,
            image_id=self.id_of(image),
            created="",
            status="created",
            running=False,
            exit_code=0,
            oom_killed=False,
            pid=0,
            restarts=0,
            restart_policy="",
            health="",
            attached=True,
            address="",
            aliases=frozenset(aliases),
            fixed_address=address,
        )
        assert name not in self.made
        self.made[name] = Made(made, config["environment"], binds, anonymous)

    def start(self, name: str) -> None:
        exits = "EXIT" in self.of(name).environment
        self.update(name, running=not exits, status="exited" if exits else "running")
        self.of(name).container = replace(self.of(name).container, restarts=self.restarts, health=self.health)

    def stop(self, name: str, timeout: float) -> None:
        self.stopped.append((self.of(name).container.name, timeout))
        self.update(name, running=False, status="exited")

    def keep_running(self, name: str) -> None:
        self.update(name, restart_policy="unless-stopped")

    def rename(self, name: str, new_name: str) -> None:
        self.update(name, name=new_name)
        self.made[new_name] = self.made.pop(name)

    def remove(self, name: str, volumes: bool = True) -> None:
        self.change()
        found = self.container(name, "")
        if found is None:
            return
        assert not found.running, "killed at its work on the data"
        removed = self.made.pop(found.name)
        if volumes:
            self.volumes.discard(removed.anonymous)

    def attach(self, name: str, network: str, aliases: Any, address: str = "") -> bool:
        self.update(name, attached=True, aliases=frozenset(aliases))
        return True

    def reattach(self, container: Container, network: str, aliases: Any) -> bool:
        return self.attach(container.id, network, aliases)

    def with_registry(self, registry: Registry | None) -> FakeEngine:
        return self

    def bring_image(self, name: str, image_id: str = "", pull: bool = True) -> tuple[dict[str, Any], str]:
        if name in self.absent_images:
            self.change()
            self.absent_images.remove(name)
        digests = [f"{name.partition(':')[0]}@sha256:{self.version}"]
        return {"Id": self.id_of(name), "Config": {"Cmd": None, "Env": None}, "RepoDigests": digests}, ""

    def id_of(self, name: str) -> str:
        return f"id of {name}" + f" {self.version}" * (self.version > 1)

    def image(self, name: str) -> dict[str, Any] | None:
        return None if name in self.absent_images else self.bring_image(name)[0]

    def ask_registry(self, name: str) -> Answer:
        self.asked.append(name)
        return self.answer or Answer(f"sha256:{self.version}")

    def renew_image(self, name: str) -> tuple[dict[str, Any], str]:
        self.change()
        self.version += 1
        return self.bring_image(name)[0], f"sha256:{self.version}"

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> bool:
        return False

    def network(self, name: str) -> Network:
        # The upper half of its addresses is 10.201.0.4, .5 and .6.
        return Network(name, {LABEL_PROJECT: "shop"}, "10.201.0.0/29", frozenset({"10.201.0.5", "10.201.0.6"}))

    def labelled(self, labels: Sequence[str], network: str) -> list[Container]:
        return self.services("shop", network)

    def logs(self, name: str, lines: int = 20) -> list[str]:
        return ["no space left"]
