# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's requests of one app, on all of its hosts: which release answered each, and what they add up to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import NEW, OLD, Host
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import (
    Numbers,
    Record,
    Report,
    without_first_start,
)

#: Who answered: the release that served before, the new one, or it is not known; or nobody did.
OTHER, LOST = "other", "lost"
ANSWERS = (OLD, NEW, OTHER, LOST)
INTERVALS = 120
#: How many requests are drawn at the most, and how many of these are the slowest.
DRAWN, DRAWN_SLOWEST = 5_000, 1_000


class Request(NamedTuple):
    host: str
    answer: str
    record: Record

    @property
    def rank(self) -> tuple[bool, float]:
        """The higher, the more it matters."""
        return bool(self.record.failure), self.record.milliseconds


@dataclass(frozen=True)
class Traffic:
    """The requests that count, by the time at which they were started; ``not_counted``: how many do not, by host."""

    requests: Sequence[Request]
    not_counted: Mapping[str, int]

    @classmethod
    def read(cls, files: Mapping[str, str], parts: Mapping[str, Host]) -> Traffic:
        """``files``: the report file of each host's probe; ``parts``: what the transaction came to there."""
        requests: list[Request] = []
        not_counted: dict[str, int] = {}
        for host, file in files.items():
            records, not_counted[host] = without_first_start(Report.read(Path(file)).records)
            requests += [Request(host, answer(each, parts.get(host, Host())), each) for each in records]
        return cls(sorted(requests, key=lambda each: each.record.started), not_counted)

    @property
    def began(self) -> float:
        return self.requests[0].record.started

    @cached_property
    def ended(self) -> float:
        return max(each.record.answered for each in self.requests)

    def switched(self, host: str) -> float | None:
        """When the first request was sent to this host that the new release answered."""
        new = (each.record.started for each in self.requests if each.host == host and each.answer == NEW)
        return next(new, None)

    def intervals(self) -> list[dict[str, Any]]:
        """How many requests each release answered, in equal spans of time."""
        if not self.requests:
            return []
        width = (self.ended - self.began) / INTERVALS
        parts: list[list[Request]] = [[] for _number in range(INTERVALS)]
        for each in self.requests:
            parts[min(INTERVALS - 1, int((each.record.started - self.began) / width))].append(each)
        return [
            {"at": number * width, "seconds": width, **counted(part), **numbers(part)}
            for number, part in enumerate(parts)
        ]

    @cached_property
    def drawn(self) -> tuple[list[Request], int]:
        """The requests that are drawn: the slowest and those that were lost, and of the others one of how many."""
        ranked = sorted(self.requests, key=lambda each: each.rank, reverse=True)
        slowest, others = ranked[:DRAWN_SLOWEST], ranked[DRAWN_SLOWEST:]
        others.sort(key=lambda each: each.record.started)
        one_of = math.ceil(len(others) / (DRAWN - DRAWN_SLOWEST)) or 1
        return slowest + others[::one_of], one_of


def answer(record: Record, part: Host) -> str:
    """Who answered. As long as a host has not switched, it is the release that serves."""
    if record.failure:
        return LOST
    if not part.slot_colors:
        return NEW if part.settled else OLD
    color = part.slot_colors.get(record.server)
    return {part.color: NEW, None: OTHER}.get(color, OLD)


def numbers(requests: Iterable[Request]) -> dict[str, Any]:
    """What they add up to. The times are null where there are none."""
    added = asdict(Numbers.of(each.record for each in requests))
    count, failed = added.pop("requests"), added.pop("failed_requests")
    times = {name: time if count else None for name, time in added.items()}
    return {"requests": count, "failed": failed, **times}


def counted(requests: Sequence[Request]) -> dict[str, int]:
    return {name: sum(each.answer == name for each in requests) for name in ANSWERS}
