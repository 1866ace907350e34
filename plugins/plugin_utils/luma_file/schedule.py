# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a scheduled process runs, as cron writes it (crontab(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Scalar

NICKNAMES = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The five fields: what each is called, its least and its greatest number, and the names that stand for them.
FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 7, DAYS),
)

PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?(?:/(?P<step>\d+))?")


def schedule(value: Scalar) -> str:
    """The times, with single spaces. Raises `ValueError`."""
    words = value.text.lower().split()
    if len(words) == 1 and words[0] in NICKNAMES:
        return words[0]
    if len(words) != len(FIELDS):
        raise ValueError(
            f"{value.written} is not five fields as cron has them, such as 0 3 * * * (at 3:00), or one of "
            + ", ".join(NICKNAMES)
        )
    for word, (name, least, greatest, names) in zip(words, FIELDS, strict=True):
        wrong = [part for part in word.split(",") if not _is_part(part, least, greatest, names)]
        if wrong:
            raise ValueError(
                f"{wrong[0]} is no {name} from {least} to {greatest}, as cron has it: 5, 1-5, 1,5, */5 or *"
            )
    return " ".join(words)


def _is_part(part: str, least: int, greatest: int, names: tuple[str, ...]) -> bool:
    found = PART.fullmatch(part)
    if not found:
        return False
    first, last, step = found["first"], found["last"], found["step"]
    numbers = [_number(text, least, names) for text in (first, last) if text and text != "*"]
    is_range = bool(last) or first == "*"
    return (
        all(least <= number <= greatest for number in numbers)
        and numbers == sorted(numbers)
        and not (first == "*" and last)
        and (step is None or (is_range and int(step) > 0))
    )


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    """-1 where it is none."""
    return int(text) if text.isdigit() else names.index(text) + least if text in names else -1


def mistakes(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a process with a schedule cannot have, each with its key."""
    if entry["proxy"] and entry["proxy"]["hosts"]:
        yield "proxy", "a process with a schedule is not routed: it runs at its times only"
    if entry["replicas"] > 1:
        yield "replicas", "a process with a schedule has one container"
    if entry["health_check"]["path"] or entry["health_check"]["command"]:
        yield "health_check", "a process with a schedule is judged by its exit code"
