# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent knows of an app, in ``state.json``: for ``luma status``, and for itself after a restart."""

from __future__ import annotations

import datetime
import json
import typing as t
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file

FILE = "state.json"

#: What the last failure was: of names that do not lead here, of an order, or an order that the CA refuses for a time.
CHECK, ORDER, RATE = "check", "order", "rate"


@dataclass
class State:
    """Times are in ISO 8601, in UTC. ``names`` to ``issuer`` are of the certificate that HAProxy serves; ``source``
    says whence it came, ``directory`` of which CA's directory. ``failures`` counts those in a row, which are of one
    ``kind``; nothing is tried before ``next_try``. ``refused``: names that the CA did not validate the last time.
    ``unreachable_since``: since when nothing answers at any address of the names. ``next_renewal``: when lego is asked
    next whether it is time. ``digest``: of what was wanted then."""

    names: list[str] = field(default_factory=list)
    expires: str | None = None
    serial: str | None = None
    issuer: str | None = None
    source: str | None = None
    directory: str | None = None
    obtained_at: str | None = None
    last_error: str = ""
    last_error_at: str | None = None
    next_try: str | None = None
    failures: int = 0
    kind: str = ""
    refused: list[str] = field(default_factory=list)
    unreachable_since: str | None = None
    next_renewal: str | None = None
    digest: str = ""

    def error(self, words: str, now: float) -> None:
        self.last_error, self.last_error_at = words, iso(now)

    def failed(self, kind: str, words: str, now: float, next_try: float) -> None:
        self.failures = self.failures + 1 if self.kind == kind else 1
        self.kind, self.next_try = kind, iso(next_try)
        self.error(words, now)

    def succeeded(self) -> None:
        self.failures, self.kind, self.next_try, self.last_error, self.last_error_at = 0, "", None, "", None

    def waits(self, now: float) -> bool:
        return seconds(self.next_try) > now


def read(folder: Path) -> State:
    """An empty state where there is none that can be read: nothing is lost but the memory of failures."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        known = {each.name for each in fields(State)}
        state = State(**{name: value for name, value in found.items() if name in known})
        for each in (state.expires, state.obtained_at, state.next_try, state.unreachable_since, state.next_renewal):
            seconds(each)
        state.failures = int(state.failures)
    except (OSError, ValueError, TypeError, AttributeError):
        return State()
    return state


def write(folder: Path, state: State) -> None:
    """Raises `OSError`."""
    write_file(folder / FILE, json.dumps(asdict(state), indent=2) + "\n")


def iso(seconds_since_1970: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds_since_1970, datetime.timezone.utc)
    return moment.isoformat(timespec="seconds")


def seconds(text: t.Any) -> float:
    """The time that a text says; 0 where there is none. Raises `ValueError`."""
    return datetime.datetime.fromisoformat(text).timestamp() if text else 0.0
