# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several hosts said.

``found`` is what a task returned on each host, by the host's name. A host that did not answer has a result that failed
or was unreachable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Found = Mapping[str, Mapping[str, Any]]


def answered(found: Found) -> dict[str, Mapping[str, Any]]:
    return {host: result for host, result in found.items() if not did_not_answer(result)}


def did_not_answer(result: Mapping[str, Any]) -> bool:
    return bool(result.get("unreachable") or result.get("failed"))


def why_silent(result: Mapping[str, Any]) -> str:
    return str(result.get("msg") or "it did not answer").removeprefix("Task failed: ")


def of_app(name: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a host said of one app."""
    return next((each for each in result.get("apps", ()) if each["name"] == name), {})


def by_host(hosts: Sequence[str], found: Found, app: str = "") -> list[dict[str, Any]]:
    """What each host said, of one app where it is named, and why one did not answer."""
    entries = []
    for host in hosts:
        result = found.get(host, {"failed": True})
        if did_not_answer(result):
            entries.append({"host": host, "answered": False, "problem": why_silent(result)})
        else:
            entries.append(
                {"problem": None, **(of_app(app, result) if app else result), "host": host, "answered": True}
            )
    return entries
