# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever users and accidents do to a fleet, in whatever order, each step leaves it as it has to be.

A random walk. The test's name tells its seed; LUMA_TEST_SEED repeats it, LUMA_TEST_STEPS makes it longer.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, NamedTuple

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import other

from tests.fleet.fleet import FOREIGN, Fleet
from tests.fleet.invariants import Scene
from tests.host import APP_IMAGE
from tests.zero_loss.project import wait_for

SEED = int(os.environ.get("LUMA_TEST_SEED", random.randrange(10**6)))
STEPS = int(os.environ.get("LUMA_TEST_STEPS", "6"))

FAILED = 1
REPLICAS = (1, 2, 3)
KILLED_AT = ("bluegreen_container", "barrier", "network_alias_switch", "graceful_shutdown")
"""The tasks that the controller is killed at."""

FIND_MODULES = "pgrep --full --exact /usr/bin/python3 || true"
"""Ansible gives a module to Python on its standard input."""

SETTLED_SECONDS = 15
"""How long the proxy may take to learn of what the engine did, and a server to get its containers back."""

PLANTED = {
    "{app}-blue-old": "--network {foreign}",
    "{app}-green-9": "--network {app}-network-2 --label luma.project={app}s --label luma.app={app}",
    "{app}-tool": "--network {app}-network",
}
"""Containers that one could take for the app's, and how they are made. Nobody may touch them."""


class Version(NamedTuple):
    """What is deployed."""

    release: str
    replicas: int


class Walk:
    """A fleet, what happens to it, and what it should have come to."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self.fleet = fleet
        self.chance = chance
        self._releases = (f"w{number}" for number in count(1))
        self.wanted = Version(fleet.release, 1)
        """What luma.yml describes."""
        self.now: Version | None = None
        """What all servers serve. Unknown after a run that was killed, until the next one that ends."""
        self.before: Version | None = None
        """What they served before, as far as that is known."""
        self._disorder()
        self._foreign = {name: scene.foreign for name, scene in self._look().items()}

    def _disorder(self) -> None:
        """From now on the first server's color is not that of the others."""
        first, *_others = self.fleet.servers
        self.fleet.write(next(self._releases), hosts=[first])
        assert self.fleet.luma("deploy").code == 0
        self.deploy()

    # --- what can happen ------------------------------------------------------------------------------------------

    def step(self) -> None:
        steps = [self.deploy, self.deploy_again, self.fail, self.crash, self.reboot, self.roll_back, self.scale]
        step = self.chance.choice(steps)
        print(f"{step.__name__} (now {self.now}, before {self.before}, luma.yml {self.wanted})", end=": ", flush=True)
        began = time.monotonic()
        step()
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        self.check()

    def deploy(self) -> None:
        self._deploy(self.wanted._replace(release=next(self._releases)))

    def scale(self) -> None:
        others = [number for number in REPLICAS if number != self.wanted.replicas]
        self._deploy(self.wanted._replace(replicas=self.chance.choice(others)))

    def deploy_again(self) -> None:
        self._deploy(self.wanted)

    def _deploy(self, version: Version) -> None:
        self.wanted = version
        self._write(version)
        containers = self._containers()
        deployment = self.fleet.luma("deploy")
        assert deployment.code == 0, deployment.output
        if version == self.now:
            assert self._containers() == containers, deployment.output
        self._serves(version)

    def fail(self) -> None:
        """A deployment that fails on one server, and maybe on others."""
        victim = self.chance.choice(list(self.fleet.servers))
        color = other(self._look()[victim].active)
        name = f"{self.fleet.name}-{color}" + ("-1" if self.wanted.replicas > 1 else "")
        self._write(
            self.wanted._replace(release="broken"),
            environment={"FAIL_HEALTH_ON_CONTAINER": name},
            health_check={**self.fleet.app["health_check"], "retries": 12},
        )
        containers = self._containers()
        deployment = self.fleet.luma("deploy")
        self._write(self.wanted)
        assert deployment.code == FAILED, deployment.output
        assert f"[{victim}] ❌" in deployment.output
        if self.now:
            assert self._containers() == containers, deployment.output

    def crash(self) -> None:
        """The controller is killed before a task, or somewhere within it."""
        self.wanted = Version(next(self._releases), self.chance.choice(REPLICAS))
        self._write(self.wanted)
        run = self.fleet.start("deploy")
        module, seconds = self.chance.choice(KILLED_AT), self.chance.choice([0, self.chance.uniform(0, 2)])
        print(f"at {module}, after {seconds:.1f} s", end=", ", flush=True)
        run.hold_at(module)
        if seconds:
            run.go_on()
            time.sleep(seconds)
        run.kill()
        assert run.outcome().code == -signal.SIGKILL
        self.now = self.before = None
        # What it has begun on the servers goes on.
        servers = self.fleet.servers.values()
        wait_for(lambda: not any(server.run(FIND_MODULES) for server in servers), "a module does not end")

    def reboot(self) -> None:
        name, server = self.chance.choice(list(self.fleet.servers.items()))
        print(name, end=", ", flush=True)
        server.kill()
        server.start()
        wait_for(lambda: bool(self.fleet.served(name)), f"{name} does not serve again")

    def roll_back(self) -> None:
        """To what served before; where servers may not agree on that, it may refuse, and has then changed nothing."""
        containers = self._containers()
        rollback = self.fleet.luma("rollback")
        if rollback.code == 0:
            served = self._served()
            assert self.before in (None, served), rollback.output
            self._serves(served)
        else:
            assert (rollback.code, self.before) == (FAILED, None), rollback.output
            assert self._containers() == containers, rollback.output

    # --- what has to be true --------------------------------------------------------------------------------------

    def check(self) -> None:
        """Fails where something is not as it has to be."""
        deadline = time.monotonic() + SETTLED_SECONDS
        while (faults := list(self._faults())) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert faults == []

    def _faults(self) -> Iterator[str]:
        for name, scene in self._look().items():
            found = [*scene.faults(), *(scene.leftovers(self.now.replicas) if self.now else ())]
            served = self.fleet.served(name)
            if not served or (self.now and served != self.now.release):
                found.append(f"it serves {served or 'nothing'}")
            if changed := scene.foreign ^ self._foreign[name]:
                found.append(f"what is foreign changed: {changed}")
            yield from (f"{name}: {fault}" for fault in found)

    # --- looking and writing --------------------------------------------------------------------------------------

    def _look(self) -> dict[str, Scene]:
        with ThreadPoolExecutor() as pool:
            scenes = pool.map(lambda server: Scene(server, self.fleet.name), self.fleet.servers.values())
            return dict(zip(self.fleet.servers, scenes, strict=True))

    def _containers(self) -> dict[str, set[str]]:
        return {name: scene.containers_started for name, scene in self._look().items()}

    def _served(self) -> Version:
        """What all servers serve."""
        (version,) = {Version(self.fleet.served(name), len(scene.holders)) for name, scene in self._look().items()}
        return version

    def _serves(self, version: Version) -> None:
        if version != self.now:
            self.before, self.now = self.now, version

    def _write(self, version: Version, **keys: Any) -> None:
        self.fleet.write(version.release, replicas=version.replicas, **keys)


@pytest.fixture
def walk(fleet: Fleet, seed: int) -> Iterator[Walk]:
    names = {"app": fleet.name, "foreign": FOREIGN}
    planted = {name.format(**names): options.format(**names) for name, options in PLANTED.items()}
    for server in fleet.servers.values():
        server.run(f"docker network create {fleet.name}-network-2")
        for name, options in planted.items():
            server.run(f"docker run --detach --restart unless-stopped --name {name} {options} {APP_IMAGE}")
    yield Walk(fleet, random.Random(seed))
    for server in fleet.servers.values():
        server.run(f"docker rm --force {' '.join(planted)} && docker network rm {fleet.name}-network-2")


@pytest.mark.parametrize("seed", [pytest.param(SEED, id=f"seed {SEED}")])
def test_a_random_walk(walk: Walk) -> None:
    for number in range(1, STEPS + 1):
        print(f"{number}.", end=" ")
        walk.step()
    walk.deploy()
    walk.check()
