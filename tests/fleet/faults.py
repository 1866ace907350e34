# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a deployment, and when: the two columns of the table of faults."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.fleet.fleet import Fleet, Run
from tests.host import PROXY
from tests.testbed.servers import Server
from tests.zero_loss.project import wait_for


class Fault(NamedTuple):
    """What happens to a server, what brings it back, and what luma says of it meanwhile."""

    name: str
    strike: Callable[[Server], object]
    mend: Callable[[Server], object]
    said: str


def cut_network(server: Server) -> None:
    """From now on every packet to and from it is lost, its containers' too; nobody is told."""
    server.run("iptables -t mangle -I PREROUTING -i eth0 -j DROP && iptables -t mangle -I POSTROUTING -o eth0 -j DROP")


def join_network(server: Server) -> None:
    server.run("iptables -t mangle -D PREROUTING -i eth0 -j DROP && iptables -t mangle -D POSTROUTING -o eth0 -j DROP")


def kill_proxy(server: Server) -> None:
    """The engine does not start again what was killed with its command."""
    server.run(f"docker kill {PROXY}")


@contextlib.contextmanager
def full_disk(server: Server, folder: str) -> Iterator[None]:
    """Within this what is in the folder is there as ever, and nothing can be added: its file system has no inode left.
    What happens to it meanwhile is forgotten."""
    server.run(
        f"mkdir -p /mnt/full && mount -t tmpfs -o nr_inodes=$(find {folder} | wc -l) tmpfs /mnt/full && "
        f"cp -a {folder}/. /mnt/full && mount --bind /mnt/full {folder} && umount /mnt/full"
    )
    yield
    server.run(f"umount {folder}")


LOST = (
    Fault("server killed", Server.kill, Server.start, "cannot be reached"),
    Fault("engine stopped", Server.stop_engine, Server.start_engine, "docker engine"),
    Fault("network cut", cut_network, join_network, "cannot be reached"),
)
"""After these the server, or its engine, is out of reach."""


@dataclass(frozen=True)
class Moment:
    """When it happens: as the `nth` task with that module begins. `app` and `environment` are keys of the app, and
    variables of its environment, that the moment needs. `undone`: a host that is lost now brings the others back to the
    release that served before."""

    name: str
    module: str
    nth: int = 1
    app: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    undone: bool = True

    def reach(self, run: Run, _fleet: Fleet, _victim: str) -> None:
        run.hold_at(self.module, self.nth)


class Preparing(Moment):
    """While the victim's new container is there, and not healthy yet."""

    def reach(self, run: Run, fleet: Fleet, victim: str) -> None:
        before = fleet.containers(victim)
        super().reach(run, fleet, victim)
        run.go_on()
        wait_for(lambda: fleet.containers(victim) != before, "nothing is prepared")


class Switching(Moment):
    """As soon as the victim's users are served the new release; the step is not over then."""

    def reach(self, run: Run, fleet: Fleet, victim: str) -> None:
        super().reach(run, fleet, victim)
        run.go_on()
        wait_for(lambda: fleet.served(victim) == fleet.release, "nothing switches")


PREPARE = Preparing("prepare", "bluegreen_container", environment={"BOOT_SECONDS": "2"})
SWITCH = Moment("switch", "network_alias_switch")
SWITCHING = Switching("switching", "network_alias_switch")
ONE_HAS_SWITCHED = Moment("one host has switched", "network_alias_switch", nth=2, app={"deploy": {"canary": 1}})
RETIRE = Moment("retire", "graceful_shutdown", undone=False)
MOMENTS = (PREPARE, ONE_HAS_SWITCHED, RETIRE)
"""One in each phase: in that of the switch the one where there is the most to undo."""
