# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in memory: an engine and a proxy that behave as the real ones do, and that can die between any two changes.

The proxy is fed by the engine's "DNS": a container that is attached with the alias takes a free slot, one that is
detached loses it, and a slot keeps its drain flag. That is what HAProxy does (measured, see docs/design.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.detached import DetachedAddresses
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_COLOR, LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.host.networks import Network
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import FORCED_DRAIN, UNRESOLVED
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import HOLD_SERVER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App

APP = App("shop", "blog")


class Killed(BaseException):
    """kill -9: nothing of the run happens after it, not even its clean-up."""


@dataclass
class Host:
    """The state that both fakes share. ``changes_left``: how many changes the run may still make before it dies;
    ``seen``: called after every change."""

    containers: dict[str, Container] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=lambda: {f"blog{n}": "" for n in range(1, 9)})
    held: set[str] = field(default_factory=set)
    sessions: dict[str, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=lambda: {LABEL_PROJECT: "shop"})
    changes_left: int | None = None
    fail_at: int | None = None
    seen: Callable[[], None] = lambda: None

    def add(self, color: str, replicas: int, serving: bool) -> None:
        for number in range(1, replicas + 1):
            name = APP.container_name(color, number, replicas)
            octet = len(self.containers) + 10
            self.containers[name] = Container(
                id=name,
                name=name,
                labels={LABEL_COLOR: color},
                image_id=f"image-of-{color}",
                created=f"2026-01-01T00:00:{octet}Z",
                status="running",
                running=True,
                exit_code=0,
                oom_killed=False,
                pid=0,
                restarts=0,
                restart_policy="unless-stopped",
                health="",
                attached=True,
                address=f"10.0.0.{octet}",
                aliases=frozenset({APP.alias} if serving else {f"blog-{color}-temp"}),
            )
        self.resolve()

    def change(self) -> None:
        """Is called before every change: where the run dies, or where the engine refuses."""
        if self.changes_left is not None:
            if self.changes_left <= 0:
                raise Killed
            self.changes_left -= 1
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                self.fail_at = None
                raise LumaError("the engine refused")

    def resolve(self) -> None:
        """What the proxy's next DNS answer does to its slots."""
        answered = {c.address for c in self.containers.values() if c.attached and APP.alias in c.aliases}
        for name, address in self.slots.items():
            if address not in answered:
                self.slots[name] = ""
        for address in sorted(answered - set(self.slots.values())):
            free = next(name for name, taken in self.slots.items() if not taken)
            self.slots[free] = address
        self.seen()

    def color_of(self, address: str) -> str:
        return next(c.color for c in self.containers.values() if c.address == address)

    @property
    def serving(self) -> set[str]:
        """The colors that get requests."""
        return {self.color_of(a) for name, a in self.slots.items() if a and name not in self.held}

    def holders(self, color: str) -> list[str]:
        return [c.name for c in self.containers.values() if c.color == color and APP.alias in c.aliases]


class FakeEngine(Engine):
    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.detached = DetachedAddresses(folder)

    def containers(self, project: str, app: str, network: str) -> list[Container]:
        return list(self.host.containers.values())

    def container(self, name: str, network: str) -> Container | None:
        return self.host.containers.get(name)

    def network(self, name: str) -> Network:
        return Network(name, self.host.labels)

    def detach(self, name: str, network: str) -> None:
        self.host.change()
        found = self.host.containers[name]
        self.host.containers[name] = replace(found, attached=False, address="", aliases=frozenset())
        self.host.resolve()

    def attach(self, name: str, network: str, aliases: Iterable[str], address: str = "") -> bool:
        self.host.change()
        found = self.host.containers[name]
        given = address or "10.0.9.9"
        self.host.containers[name] = replace(found, attached=True, address=given, aliases=frozenset(aliases))
        self.host.resolve()
        return bool(address)

    def stop(self, name: str, timeout: float) -> None:
        self.host.change()
        self.host.containers[name] = replace(self.host.containers[name], running=False, exit_code=0)

    def remove(self, name: str, volumes: bool = True) -> None:
        self.host.change()
        del self.host.containers[name]
        self.host.resolve()


class FakeHaproxy(Haproxy):
    """Speaks the runtime API's own texts, so that their parsing is tested with the rest. ``requests_wait``: where no
    replica is up, for which there is one more server."""

    requests_wait = True

    def __init__(self, host: Host) -> None:
        self.host = host
        self.answers: Callable[[str], int] = lambda slot: 200

    def run(self, command: str) -> str:
        if command.startswith("show servers state"):
            rows = [self._state(name, address) for name, address in self.host.slots.items()]
            rows += [self._state(HOLD_SERVER, "")] if self.requests_wait else []
            return "\n".join(["1", "# be_name srv_name srv_addr srv_op_state srv_admin_state srv_port", *rows, ""])
        if command == "show sess":
            return "\n"
        if command.startswith("show stat"):
            rows = [f"shop:blog,{name},{self.host.sessions.get(name, 0)}," for name in self.host.slots]
            return "\n".join(["# pxname,svname,scur,", *rows, ""])
        self.host.change()
        for part in command.split("; "):
            _set, _server, path, _state, state = part.split()
            if state == "up":
                continue
            name = path.partition("/")[2]
            if state == "drain":
                self.host.held.add(name)
            else:
                self.host.held.discard(name)
        self.host.seen()
        return "\n"

    def _state(self, name: str, address: str) -> str:
        admin = (FORCED_DRAIN if name in self.host.held else 0) | (0 if address else UNRESOLVED)
        return f"shop:blog {name} {address or '-'} {2 if address else 0} {admin} 80"

    def request_slot(self, backend: str, slot: str, path: str, host: str, timeout: float) -> int:
        return self.answers(slot)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        yield

    def old_workers(self) -> list[str]:
        return []


def is_locked(folder: Path) -> bool:
    """Whether another run would have to wait."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
