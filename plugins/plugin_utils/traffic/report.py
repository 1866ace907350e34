# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the traffic client saw: one record per request, the file they are kept in, and what they add up to.

The report file has one JSON value a line: first a header (an object), then a list per request, and at last a
trailer (an object) that says that the client ended in an orderly way, and why.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple

KEEP_ALIVE, NEW_CONNECTION, IDLE = "keep-alive", "new-connection", "idle"
SLOW, STREAM, UPLOAD, WEBSOCKET = "slow", "stream", "upload", "websocket"
QUICK_KINDS = (KEEP_ALIVE, NEW_CONNECTION)

#: Why a client ended that did all that it was to do.
ASKED_TO = "asked to"


class Record(NamedTuple):
    """The fate of one request. Times are seconds of `time.monotonic()`, which the processes of a host share.

    started   when the client set out to make the request: before it connected, where it had to.
    sent      just before the first byte was written; None where there was no connection to write it to.
    answered  just after the last byte of the answer was read, or when the failure was noticed.
    status    0 where no complete answer came.
    release, color, server  the answer's X-Release, X-Color and X-Luma-Server; "" where it has none.
    failure   in words, "" where the request was answered completely and well.
    ended     of a websocket only: in words, how it ended. That it ended is not in itself a failure.
    """

    kind: str
    started: float
    sent: float | None
    answered: float
    status: int = 0
    release: str = ""
    color: str = ""
    server: str = ""
    failure: str = ""
    ended: str = ""

    @property
    def milliseconds(self) -> float:
        return (self.answered - self.started) * 1000


class ReportFile:
    """The client's end of a report file."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._line({"pid": os.getpid(), "started": time.monotonic()})
        file.flush()

    def add(self, record: Record) -> None:
        self._line(record)

    def flush(self) -> None:
        self._file.flush()

    def end(self, why: str) -> None:
        self._line({"ended": time.monotonic(), "why": why})
        self._file.flush()

    def _line(self, value: Any) -> None:
        self._file.write(json.dumps(value, separators=(",", ":")) + "\n")


@dataclass(frozen=True)
class Report:
    """A report file that was read. `ended_because` is "" where the client still runs or was killed."""

    pid: int
    started: float
    records: list[Record]
    ended_because: str

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read what is there so far. Raises OSError or ValueError where `path` is not a report file."""
        complete_lines = path.read_text().rpartition("\n")[0].splitlines()
        values = [json.loads(line) for line in complete_lines]
        if not values or not isinstance(values[0], dict):
            raise ValueError(f"{path} is not a report of the traffic client")
        trailer = values[-1] if isinstance(values[-1], dict) else {}
        records = [Record(*value) for value in values[1:] if isinstance(value, list)]
        return cls(values[0]["pid"], values[0]["started"], records, trailer.get("why", ""))


@dataclass(frozen=True)
class Numbers:
    """How many requests there were and how long they took, in milliseconds, from `started` to `answered`."""

    requests: int
    failed_requests: int
    longest_ms: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, records: Iterable[Record]) -> Numbers:
        """Failed requests count as long as it took to notice the failure."""
        records = list(records)
        times = sorted(record.milliseconds for record in records) or [0.0]
        return cls(
            requests=len(records),
            failed_requests=sum(bool(record.failure) for record in records),
            longest_ms=times[-1],
            p50_ms=percentile(times, 50),
            p99_ms=percentile(times, 99),
        )


def percentile(ordered: list[float], percent: float) -> float:
    """The nearest-rank percentile of a sorted, non-empty list."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


@dataclass(frozen=True)
class Handover:
    """How the traffic went over from one release to the next, as seen from the clients.

    gap_ms       from the last request sent that `before` answered to the first one that `after` answered.
                 Negative where requests of several connections overtook each other on the way to the proxy.
    interleaved  requests that `before` answered, sent later than the first one that `after` answered.
                 They may be right: two requests in flight at once reach the proxy in either order.
    stale        those of them that were sent when the first answer of `after` had already been read. They
                 prove that both releases served at once: there is no order of events in which they are right.
    """

    before: str
    after: str
    gap_ms: float
    interleaved: int
    stale: int

    @property
    def overlap_ms(self) -> float:
        """For how long both served, at most; 0 where the clients saw one after the other."""
        return max(0.0, -self.gap_ms)


def handovers(records: Iterable[Record], answered_by: Callable[[Record], str]) -> list[Handover]:
    """The handovers between what `answered_by` tells apart (a release, a color), in the order of appearance.

    Records for which it says "" are left out, and so are requests that were never sent.
    """
    by_server: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        name = answered_by(record)
        if name and record.sent is not None:
            by_server.setdefault(name, []).append((record.sent, record.answered))
    order = sorted(by_server, key=lambda name: min(by_server[name]))
    return [_handover(by_server, before, after) for before, after in pairwise(order)]


def _handover(by_server: dict[str, list[tuple[float, float]]], before: str, after: str) -> Handover:
    old, new = by_server[before], by_server[after]
    first_sent = min(sent for sent, answered in new)
    first_answered = min(answered for sent, answered in new)
    last_sent = max(sent for sent, answered in old)
    return Handover(
        before=before,
        after=after,
        gap_ms=(first_sent - last_sent) * 1000,
        interleaved=sum(sent > first_sent for sent, answered in old),
        stale=sum(sent > first_answered for sent, answered in old),
    )


def without_first_start(records: list[Record]) -> tuple[list[Record], int]:
    """Leave out what failed before an app's very first answer: the records that count, and how many do not.

    Only where the first request of all failed, so that the app was not served when the traffic began, and
    only failures of requests that were started before the first good answer had been read.
    """
    ordered = sorted(records, key=lambda record: record.started)
    good = [record.answered for record in ordered if not record.failure]
    if not good or not ordered[0].failure:
        return records, 0
    first_answer = min(good)
    counting = [record for record in ordered if not record.failure or record.started > first_answer]
    return counting, len(ordered) - len(counting)


def failures_in_words(records: Iterable[Record], first: int = 3) -> list[str]:
    """The first few failures: "keep-alive request after 2.35 s: connection closed without an answer"."""
    ordered = sorted(records, key=lambda record: record.started)
    failed = [record for record in ordered if record.failure]
    return [
        f"{record.kind} request after {record.started - ordered[0].started:.2f} s: {record.failure}"
        for record in failed[:first]
    ]
