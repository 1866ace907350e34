# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would change, from the results of Ansible's check mode."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome

INDENT = "  "
MOST_LINES = 3
MOST_CHARACTERS = 110


class Plan:
    """Collects outcomes, and says at the end what would change, hosts with the same change in one."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, str], list[str]] = {}
        self._unchanged: dict[str, list[str]] = {}
        self._known = True

    def add(self, outcome: Outcome) -> None:
        if outcome.failed:
            self._known = False
            return
        app = outcome.app or ""
        key = (app, outcome.host)
        if outcome.changed:
            self._changes.setdefault(key, []).extend(change(outcome))
        elif app and app not in self._unchanged.setdefault(outcome.host, []):
            self._unchanged[outcome.host].append(app)

    def lines(self) -> list[str]:
        same: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (app, host), changes in self._changes.items():
            same.setdefault((app, tuple(changes)), []).append(host)
        result = []
        for (app, shared), hosts in same.items():
            result.append(f"[{', '.join(hosts)}] {app or 'the host'}:")
            result += [INDENT + line for line in shared]
        return [*result, *self._unchanged_lines()] if self._known else result

    def _unchanged_lines(self) -> list[str]:
        """What would stay as it is. A run that was refused cannot say that of anything."""
        lines = []
        for host, names in self._unchanged.items():
            settled = [name for name in names if (name, host) not in self._changes]
            if settled:
                lines.append(f"[{host}] Nothing would change: {', '.join(settled)}")
        return lines if self._changes else [*lines, "Nothing would change."]


def change(outcome: Outcome) -> list[str]:
    """What a task would change: its differences, or what it reports, or at least what it is."""
    diff = outcome.values.get("diff") or []
    differences = [diff] if isinstance(diff, Mapping) else diff
    lines = [line for difference in differences for line in difference_lines(difference)]
    return lines or [line.removeprefix(f"[{outcome.host}] ") for line in outcome.lines] or [outcome.task]


def difference_lines(difference: Mapping[str, Any]) -> list[str]:
    """One difference in Ansible's form: ``before`` and ``after`` are two texts or two maps."""
    before, after = difference.get("before") or {}, difference.get("after") or {}
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return map_difference(before, after)
    return text_difference(str(difference.get("after_header") or "text"), str(before or ""), str(after or ""))


def map_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    width = max(map(len, names), default=0)
    return [f"{name:{width}}  {shown(before.get(name))} → {shown(after.get(name))}" for name in names]


def shown(value: Any) -> str:
    if value is None or value == [] or value == "":
        return "none"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return shortened(", ".join(value))
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def text_difference(name: str, before: str, after: str) -> list[str]:
    """The lines of a file that go and come; a new file is not shown."""
    if before == after:
        return []
    if not before:
        return [f"{name}: new, {len(after.splitlines())} lines"]
    changed = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    changed = [f"{line[0]} {line[1:].strip()}" for line in changed if line[0] in "+-" and line[1:].strip()]
    counts = " ".join(f"{sign}{sum(line[0] == sign for line in changed)}" for sign in "+-")
    return [f"{name}: {counts} lines", *limited(INDENT + shortened(line) for line in changed)]


def limited(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    if len(every) <= MOST_LINES:
        return every
    return [*every[: MOST_LINES - 1], f"{INDENT}… and {len(every) - MOST_LINES + 1} more (all of them: --verbose)"]


def shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
