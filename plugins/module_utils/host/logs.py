# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers have written since somebody looked last.

A *cursor* says how far that was: the time of the last line of each container, by its id. Docker writes these times
with nine digits, so that they sort as text.
"""

from __future__ import annotations

import contextlib
import datetime
import math
import re
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.hook_log import in_nanoseconds
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_SERVICE

# `Engine` tells of a missing SDK.
with contextlib.suppress(ImportError):
    from docker.errors import NotFound

POLL_SECONDS = 0.2
#: How many of its last lines a container is asked for at first: the engine finds these without reading the whole log.
LOOK_BACK = 1000
#: What stands for the id of a container in a cursor.
OF_HOOKS = "hooks"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Line = t.Dict[str, str]
Cursor = t.Dict[str, str]


@dataclass(frozen=True)
class Part:
    """Which lines of a container are meant: the last ``lines``, or all; ``since`` and ``until`` are times in seconds
    since 1970, 0 for none; and only those that have the ``pattern``."""

    lines: int | t.Literal["all"] = 100
    since: float = 0.0
    until: float = 0.0
    pattern: re.Pattern[str] | None = None

    def has(self, line: Line) -> bool:
        return self.pattern is None or bool(self.pattern.search(line["text"]))


def moment(text: str, now: float) -> float:
    """A time, as seconds since 1970: how long it is ago (``90s``, ``10m``, ``2h``, ``1d``), or RFC 3339. Raises
    `LumaError`."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found:
        return now - int(found[1]) * UNITS[found[2]]
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError as exc:
        raise LumaError(f"{text} is no time: write 10m, 2h, 1d, or 2026-11-23T03:57:15Z.") from exc


def read_logs(
    engine: Engine,
    labels: t.Sequence[t.Sequence[str]],
    part: Part,
    cursor: t.Mapping[str, str],
    wait: float,
    of_hooks: t.Callable[[], list[Line]] = list,
) -> tuple[list[Line], Cursor, list[str]]:
    """The lines after ``cursor`` of all containers that have one of these sets of labels, and those ``of_hooks``, in
    the order of time; the new cursor, and the containers' names. Without a cursor a ``part`` of each; a container that
    is not in the cursor is new, and all of it is returned. Waits up to ``wait`` seconds for a first line."""
    deadline = time.monotonic() + wait
    while True:
        rows = [row for wanted in labels for row in _containers(engine, wanted)]
        found = in_parallel(lambda row: _lines_after(engine, row, cursor, part), rows)
        found.append(_hook_lines_after(of_hooks(), cursor, part))
        new = sorted((line for each in found for line in each if part.has(line)), key=lambda line: line["at"])
        if new or time.monotonic() >= deadline:
            ids = [*(row["Id"] for row in rows), OF_HOOKS]
            ends = {id_: each[-1]["at"] if each else "" for id_, each in zip(ids, found)}
            after = {id_: end or cursor.get(id_, "") for id_, end in ends.items()}
            return new, after, [_name(row) for row in rows]
        time.sleep(POLL_SECONDS)


def written_by(engine: Engine, container: Container) -> list[Line]:
    """All that a container has written. Raises `LumaError`."""
    return _tail(engine, {"Id": container.id, "Names": [container.name]}, "all")


def _containers(engine: Engine, labels: t.Sequence[str]) -> list[dict[str, t.Any]]:
    rows = engine.call("list containers", engine.client.containers, all=True, filters={"label": list(labels)})
    return sorted(rows, key=_name)


def _name(row: t.Mapping[str, t.Any]) -> str:
    return str(row["Names"][0].lstrip("/"))


def _whose(row: t.Mapping[str, t.Any]) -> str:
    """The app or service whose container it is; empty for that of the proxy."""
    labels = row.get("Labels") or {}
    return str(labels.get(LABEL_APP) or labels.get(LABEL_SERVICE) or "")


def _lines_after(engine: Engine, row: t.Mapping[str, t.Any], cursor: t.Mapping[str, str], part: Part) -> list[Line]:
    if not cursor:
        # In whole seconds, as the SDK takes them before version 7.
        times = {"since": int(part.since), "until": math.ceil(part.until)}
        return _tail(engine, row, part.lines, **{name: value for name, value in times.items() if value})
    after = cursor.get(row["Id"], "")
    found = _tail(engine, row, LOOK_BACK)
    if len(found) >= LOOK_BACK and found[0]["at"] > after:
        found = _tail(engine, row, "all")
    return [line for line in found if line["at"] > after]


def _hook_lines_after(lines: list[Line], cursor: t.Mapping[str, str], part: Part) -> list[Line]:
    """All hooks' lines together are as those of one container."""
    if cursor:
        return [line for line in lines if line["at"] > cursor.get(OF_HOOKS, "")]
    since, until = in_nanoseconds(part.since), in_nanoseconds(part.until)
    found = [line for line in lines if line["at"] >= since and (not part.until or line["at"] <= until)]
    return found if part.lines == "all" else found[max(0, len(found) - part.lines) :]


def _tail(engine: Engine, row: t.Mapping[str, t.Any], lines: t.Any, **times: int) -> list[Line]:
    # The stubs know another answer, that of a stream.
    logs: t.Any = engine.client.logs
    try:
        raw = engine.call("read the logs of " + _name(row), logs, row["Id"], timestamps=True, tail=lines, **times)
    except LumaError as exc:
        # It was listed, and has been removed since or is being removed.
        if isinstance(exc.__cause__, NotFound) or "marked for removal" in str(exc):
            return []
        raise
    parts = (line.rstrip("\r").partition(" ") for line in raw.decode("utf-8", "replace").split("\n") if line)
    said_by = {"container": _name(row), "name": _whose(row)}
    return [{"at": at, **said_by, "text": text} for at, _space, text in parts]
