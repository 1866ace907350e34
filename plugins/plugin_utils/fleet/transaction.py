# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of an app on all of their hosts as one transaction: each is a `Fleet`, and all go forward or all go
back. An app without `processes` is one process. Nothing is contacted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import Fleet
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import (
    LOCKED,
    UNREACHABLE,
    Contest,
    Host,
    Result,
    Results,
    Undo,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.waves import waves

#: What a phase came to: by process, then by host.
OfProcesses = Mapping[str, Results]
#: What a task repeats itself over that is done for each process of an app.
LOOP_VARIABLE = "app_process"
#: When hosts differ in why they failed, the reason that says what the user has to do first.
MARKERS = (UNREACHABLE, LOCKED, "")


@dataclass(frozen=True)
class Asked:
    """Who is asked again for its lock, or to prepare: see `Contest`. ``hosts`` by process."""

    hosts: dict[str, list[str]] = field(default_factory=dict)
    take_over: list[str] = field(default_factory=list)
    wait: int = 0

    @classmethod
    def of(cls, contests: Mapping[str, Contest]) -> Asked:
        dead = {run for contest in contests.values() for run in contest.take_over}
        hosts = {name: contest.hosts for name, contest in contests.items() if contest.hosts}
        return cls(hosts, sorted(dead), max((contest.wait for contest in contests.values()), default=0))


class Transaction:
    """``app`` as `luma.deploy.project` returns it; ``fleets`` by their processes' names, in the order of luma.yml."""

    def __init__(self, app: Mapping[str, Any], fleets: Mapping[str, Fleet]) -> None:
        self.app = app
        self.fleets = dict(fleets)

    @classmethod
    def read(cls, app: Mapping[str, Any], written: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Transaction:
        """The transaction as `as_dict` has written it down; at its beginning without ``written``."""
        processes = app.get("processes") or [app]
        fleets = {spec["name"]: Fleet.read(spec, written.get(spec["name"], {})) for spec in processes}
        for fleet in list(fleets.values())[1:]:
            # Of two runs that come at once the one goes on that has the first process' first lock.
            fleet.decides = False
        return cls(app, fleets)

    def as_dict(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {name: fleet.as_dict() for name, fleet in self.fleets.items()}

    def those(self, condition: Callable[[Host], bool]) -> list[str]:
        """The hosts on which that is so of any process."""
        found = {host for fleet in self.fleets.values() for host in fleet.those(condition)}
        return [host for host in self.app["hosts"] if host in found]

    @property
    def parts(self) -> Iterator[tuple[Fleet, str, Host]]:
        """Each process on each of its hosts."""
        return ((fleet, name, part) for fleet in self.fleets.values() for name, part in fleet.hosts.items())

    @property
    def locked(self) -> list[str]:
        return list(dict.fromkeys(host for fleet in self.fleets.values() for host in fleet.locked))

    @property
    def first(self) -> tuple[str, str]:
        """The first process and host that takes part and, at the last attempt, answered."""
        taking_part = [(fleet.app["name"], name, part) for fleet, name, part in self.parts if not part.skipped]
        answering = [each for each in taking_part if not each[2].lost]
        process, host, _part = (answering or taking_part)[0]
        return process, host

    @property
    def first_to_switch(self) -> tuple[str, str, Host]:
        """The first process and host on which there is something to switch to, or in check mode would be, with its
        part; empty names without one."""
        for name, fleet in self.fleets.items():
            host = fleet.first_to_switch
            if host:
                return name, host, fleet.hosts[host]
        return "", "", Host()

    def by_process(self, registered: Results) -> OfProcesses:
        """What a task has registered on each host. One that is not repeated for each process is about all of them."""
        came_to: dict[str, dict[str, Result]] = {}
        for host, result in registered.items():
            for each in result.get("results", [result]):
                if not each.get("skipped"):
                    for process in self._meant(each, host):
                        came_to.setdefault(process, {})[host] = each
        return came_to

    def _meant(self, result: Result, host: str) -> list[str]:
        if LOOP_VARIABLE in result:
            return [result[LOOP_VARIABLE]["name"]]
        return [name for name, fleet in self.fleets.items() if host in fleet.hosts]

    # --- phases -------------------------------------------------------------------------------------------------

    def lock(self, results: OfProcesses, again: bool = False) -> Asked:
        contests = self._all(lambda name, fleet: fleet.lock(results.get(name, {}), again))
        return Asked.of(contests)

    def prepare(self, results: OfProcesses, known: Mapping[str, Sequence[Result]], again: bool = False) -> Asked:
        return Asked.of(self._all(lambda name, fleet: fleet.prepare(results.get(name, {}), known.get(name, ()), again)))

    def waves(self) -> list[list[str]]:
        """The hosts that switch together, in their order."""
        return waves(self.those(lambda host: host.prepared and not host.skipped), self.app["deploy"])

    def release(self, results: OfProcesses) -> None:
        self._all(lambda name, fleet: fleet.release(results.get(name, {})))

    def switch(self, results: OfProcesses) -> None:
        self._all(lambda name, fleet: fleet.switch(results.get(name, {})))

    def require_all(self, results: OfProcesses) -> None:
        self._all(lambda name, fleet: fleet.require_all(results.get(name, {})))

    def retire(self, results: OfProcesses) -> None:
        self._all(lambda name, fleet: fleet.retire(results.get(name, {})))

    def undo(self, returned: OfProcesses, removed: OfProcesses) -> None:
        self._all(lambda name, fleet: fleet.undo(returned.get(name, {}), removed.get(name, {})))

    def remove(self, results: OfProcesses, command: str) -> list[str]:
        """What is said at the end."""
        return list(self._all(lambda name, fleet: fleet.remove(results.get(name, {}), command)).values())

    def _all(self, phase: Callable[[str, Fleet], Any]) -> dict[str, Any]:
        """What the phase comes to for each process. Where one of them cannot go on, none does."""
        found, failures = {}, list[Undo]()
        for name, fleet in self.fleets.items():
            with self._collected(failures):
                found[name] = phase(name, fleet)
        self._leave_out_together(failures)
        if failures:
            marker = next(each for each in MARKERS if each in {failure.marker for failure in failures})
            raise Undo(dict.fromkeys(line for failure in failures for line in failure.lines), marker)
        return found

    @staticmethod
    @contextmanager
    def _collected(failures: list[Undo]) -> Iterator[None]:
        try:
            yield
        except Undo as failure:
            failures.append(failure)

    def _leave_out_together(self, failures: list[Undo]) -> None:
        """A host that goes without one process goes without all; each process has counted its own hosts."""
        problems = {name: part.problem for _fleet, name, part in self.parts if part.skipped}
        for _fleet, name, part in self.parts:
            if name in problems and not part.asked:
                part.skipped, part.problem = True, part.problem or problems[name]
        if not failures and len(problems) > self.app["deploy"]["max_unavailable_hosts"]:
            failures.append(Undo([f"[{host}] ❌ {problem}" for host, problem in problems.items()], UNREACHABLE))
