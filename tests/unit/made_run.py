# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that nobody made: what its tasks came to, and the records of its probes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import NEW, OLD, Host
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome, State
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import ASKED_TO, Record, ReportFile

#: Seconds of the monotonic clock.
START = 1000.0
PER_SECOND = 200
SLOTS = {"blog1": "blue", "blog2": "green"}
#: When the steps of a host began and ended, in seconds from the first request.
PREPARED, SWITCHED, RETIRED, ENDED = (-0.5, 4.0), (4.2, 5.6), (6.0, 8.0), 9.0
COMMITTED = 5.0
#: A host that was found as it should be, and one that never got so far.
SETTLED = Host(settled=True, serves=NEW, before="r1", release="r1", color="blue")
FAILED = Host(serves=OLD, before="r1", back="blue", problem="it is not healthy")
RUN = {"by": "me@here", "command": "luma deploy blog --probe --report report.html"}


@dataclass(frozen=True)
class MadeRun:
    """An app that goes from r1 (blue) to r2 (green). ``lost``: why some requests of the first host got no answer.
    ``part``: what came of a host that does not switch."""

    folder: Path
    hosts: Sequence[str] = ("web1", "web2", "web3")
    release: str = "r2"
    lost: str = ""
    part: Host | None = None
    requests: int = int(ENDED * PER_SECOND)

    @property
    def switches(self) -> bool:
        return self.part is None

    @property
    def outcomes(self) -> list[Outcome]:
        steps = [
            each
            for host in self.hosts
            for each in (
                self._step("bluegreen_container", host, PREPARED, release=self.release, color="green"),
                *([self._step("network_alias_switch", host, SWITCHED)] if self.switches else []),
                *([self._step("graceful_shutdown", host, RETIRED, **DRAIN)] if self.switches and not self.lost else []),
                *([self._step("network_alias_switch", host, RETIRED, restore_route=True)] if self.lost else []),
            )
        ]
        spec = {
            "name": "blog",
            "app": "blog",
            "image": "my-blog",
            "hosts": list(self.hosts),
            "proxied": True,
            "processes": [],
            "replicas": 2,
        }
        project = Outcome("localhost", "Read", "luma.deploy.project", {"apps": [spec], "run": RUN})
        return [project, *steps, self._end()]

    def _step(self, module: str, host: str, when: tuple[float, float], **values: Any) -> Outcome:
        arguments = {"app": "blog", **({"restore_route": True} if values.pop("restore_route", False) else {})}
        began, ended = (START + each for each in when)
        made = {"invocation": {"module_args": arguments}, **values}
        return Outcome(host, "A task", f"luma.deploy.{module}", made, State.OK, began, ended)

    def _end(self) -> Outcome:
        part = self.part or Host(
            before="r1",
            back="blue",
            release=self.release,
            color="green",
            prepared=True,
            asked=True,
            retired=not self.lost,
            serves=OLD if self.lost else NEW,
            slot_colors=SLOTS,
        )
        values: dict[str, Any] = {
            "app": "blog",
            "outcome": "failed" if self.lost else "deployed" if self.switches else "unchanged",
            "processes": {"blog": {host: asdict(part) for host in self.hosts}},
            "probes": {host: {"records_file": str(self._records(number))} for number, host in enumerate(self.hosts)},
        }
        if self.switches:
            values["report"] = [*(f"[{host}] blog: r1 → {self.release}" for host in self.hosts), "Users are served r2."]
        if self.lost:
            values |= {"failed": True, "msg": "❌ blog was not deployed."}
        state = State.FAILED if self.lost else State.OK
        return Outcome(self.hosts[0], "End", "luma.deploy.barrier", values, state)

    def _records(self, number: int) -> Path:
        """The file of one host's probe. Its requests take 1 to 16 ms, each host commits 0.1 s after the one before."""
        path = self.folder / f"records-{number}"
        with path.open("w") as file:
            report = ReportFile(file)
            for each in range(self.requests):
                at = ENDED * each / self.requests
                seconds = 0.001 * math.exp(1.4 * (1 + math.sin(each * 7.3)) + 1.5 * (4.5 < at < 5.5))
                new = self.switches and at > COMMITTED + 0.1 * number and not (self.lost and at > 7)
                failure = self.lost if number == 0 and COMMITTED < at < COMMITTED + 0.2 else ""
                server = "" if failure else "blog2" if new else "blog1"
                began = START + at
                report.add(Record("keep-alive", began, began, began + seconds, 200, server=server, failure=failure))
            report.end(ASKED_TO)
        return path


DRAIN = {"drain_seconds": 1.0, "sessions": 3, "streams_closed": 0, "sessions_cut": 0}
