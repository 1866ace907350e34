# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps that run although luma.yml does not name them, in words: which, where, and what to type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Found = Mapping[str, Mapping[str, Any]]


def orphan_lines(found: Found) -> list[str]:
    """A line for each app, from the results of a task that has looked for them."""
    apps: dict[str, dict[str, Mapping[str, Any]]] = {}
    for host, result in found.items():
        for orphan in result.get("orphans") or ():
            apps.setdefault(orphan["name"], {})[host] = orphan
    return [_line(name, hosts) for name, hosts in sorted(apps.items())]


def _line(name: str, hosts: Mapping[str, Mapping[str, Any]]) -> str:
    runs = "runs" if any(orphan["running"] for orphan in hosts.values()) else "has stopped containers"
    routed = list(dict.fromkeys(host for orphan in hosts.values() for host in orphan["hosts"]))
    also = f" and serves {', '.join(routed)}" if routed else ""
    where = f"{name} {runs} on {', '.join(hosts)}{also}"
    if any(orphan["elsewhere"] for orphan in hosts.values()):
        options = " ".join(f"--host {host}" for host in hosts)
        return f"{where}, but luma.yml names other servers for it. To remove it there: luma remove {name} {options}"
    return f"{where}, but luma.yml has no such app. To remove it: luma remove {name}"
