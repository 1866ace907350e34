# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction is about: each host's part in it, the results of a phase, locks that other runs have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.run import has_ended

Result = Mapping[str, Any]
Results = Mapping[str, Result]

# What a failed task returns beside its message, by which luma's exit code is told.
UNREACHABLE = "unreachable_engine"
LOCKED = "locked"
INTERRUPTED = "interrupted"

# What a host's users are served: the release that served before the run, or the one that is deployed.
OLD = "old"
NEW = "new"
UNKNOWN = "unknown"

TOOK_NO_PART: Result = {"failed": True, "msg": "took no part, since an earlier task failed"}

#: How long the run that has the first host's lock waits for one that is about to give back the others', in seconds.
#: That one may have begun to prepare them.
LOCK_WAIT = 120


class Undo(Exception):
    """Why the transaction cannot go on, a line for each host. ``marker`` is one of the above, or empty."""

    def __init__(self, lines: Iterable[str], marker: str = "") -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))
        self.marker = marker


@dataclass
class Host:
    """One host's part in the transaction.

    ``skipped``: it cannot be reached, and goes without. ``locked``: this run has its lock. ``back`` and ``before``:
    the color that served before, where one did, and its release. ``color``, ``release`` and ``image``: what is to
    serve; ``other`` is the other color. ``settled``: that was so already. ``prepared``: that color is complete and
    healthy. ``asked``: it was told to switch. ``retired``: the other color is gone. ``serves``: `OLD`, `NEW` or
    `UNKNOWN`. ``problem``: why its part failed. ``lost``: at the last attempt it did not answer, or its engine did not;
    ``unreachable``: it did not itself.
    """

    skipped: bool = False
    locked: bool = False
    back: str | None = None
    before: str | None = None
    color: str = ""
    other: str = ""
    release: str = ""
    image: dict[str, Any] = field(default_factory=dict)
    settled: bool = False
    prepared: bool = False
    asked: bool = False
    retired: bool = False
    serves: str = UNKNOWN
    problem: str = ""
    lost: bool = False
    unreachable: bool = False
    slots: dict[str, str] = field(default_factory=dict)
    slot_colors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contest:
    """Some hosts are to be asked again for their locks, or to prepare: locks of runs that died are taken over
    (``take_over``, their ids); ``wait`` seconds for a run that came at the same time and will give them back."""

    hosts: list[str] = field(default_factory=list)
    take_over: list[str] = field(default_factory=list)
    wait: int = 0

    @classmethod
    def of(cls, holders: Mapping[str, Mapping[str, Any]], first: str) -> Contest | None:
        """Who has the lock of each host that refused; None where there is nothing but to give way.

        A run is dead where its process is known to have ended, or where it has given no sign of life on any of the
        hosts. Of two that came at once the one goes on that has the ``first`` host's lock.
        """
        dead = {
            holder["id"]
            for holder in holders.values()
            if has_ended(holder) or all(other["stale"] for other in holders.values() if other["id"] == holder["id"])
        }
        alive = [name for name, holder in holders.items() if holder["id"] not in dead]
        if first in alive:
            return None
        return cls(list(holders), sorted(dead), LOCK_WAIT if alive else 0)


def joined(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def has_failed(result: Result) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def is_lost(result: Result) -> bool:
    """Whether the host, or its engine, could not be reached."""
    return bool(result.get("unreachable") or result.get(UNREACHABLE))


def is_refused(result: Result) -> bool:
    """Whether another run has the host's lock. One that has lost it while it worked is no such case."""
    return bool(result.get(LOCKED) and not result.get("lock_taken"))


def any_has(results: Results, marker: str) -> bool:
    return any(result.get(marker) for result in results.values())


def message(result: Result) -> str:
    text = str(result.get("msg", "failed without a message"))
    return f"cannot be reached: {text.removeprefix('Task failed: ')}" if result.get("unreachable") else text


def line(host: str, result: Result) -> str:
    return f"[{host}] ❌ {message(result)}"
