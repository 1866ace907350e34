# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks, the audit log and the proxies of several hosts: the lines for people (``report``), and the same as data, which
`output.document_shapes` describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.acme.info import in_words
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import shown
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import Found, answered, by_host
from ansible_collections.luma.deploy.plugins.plugin_utils.text import minute, table


def locks(apps: Sequence[Mapping[str, Any]], found: Found) -> dict[str, Any]:
    """Who holds the lock of each app, host by host."""
    lines, looked_at = [], []
    for app in apps:
        looks = by_host(app["hosts"], found, app["name"])
        for look in looks:
            look["locked"] = bool(look["holder"]) if look["answered"] else None
        rows = [[look["host"], _lock_in_words(look)] for look in looks if look["answered"]]
        lines += [app["name"], *table(rows, "  ")]
        looked_at.append({"name": app["name"], "hosts": looks})
    return {"apps": looked_at, "report": lines}


def _lock_in_words(look: Mapping[str, Any]) -> str:
    if not look["holder"]:
        return "free"
    silent = "⚠️ silent for too long: " if look["holder"]["stale"] else ""
    return f"{silent}locked by {look['words']}"


def certificates(apps: Sequence[Mapping[str, Any]], found: Found) -> dict[str, Any]:
    """The certificate of each app, host by host."""
    lines, looked_at = [], []
    for app in apps:
        looks = by_host(app["hosts"], found, app["name"])
        rows = [[look["host"], in_words(look["certificate"])] for look in looks if look["answered"]]
        lines += [app["name"], *table(rows, "  ")]
        looked_at.append({"name": app["name"], "hosts": looks})
    return {"apps": looked_at, "report": lines}


def audit(found: Found, lines: int) -> dict[str, Any]:
    """The last runs on all hosts in the order of time, each with the hosts on which it came to the same."""
    runs: dict[tuple[str, ...], list[str]] = {}
    times: dict[tuple[str, ...], str] = {}
    for host, result in answered(found).items():
        for line in result["lines"]:
            run = tuple(str(line.get(name) or "-") for name in ("id", "app", "by", "command", "outcome"))
            runs.setdefault(run, []).append(host)
            times.setdefault(run, line["at"])
    last = sorted(runs, key=lambda run: times[run])[-lines:]
    rows = [[minute(times[run].partition("+")[0]), *run[1:], ", ".join(runs[run])] for run in last]
    names = ("id", "app", "by", "command", "outcome")
    told = [{**dict(zip(names, run, strict=True)), "at": times[run], "hosts": runs[run]} for run in last]
    if not rows:
        return {"runs": told, "report": ["No run is on record"]}
    return {"runs": told, "report": table([["WHEN", "APP", "WHO", "COMMAND", "OUTCOME", "HOSTS"], *rows], "")}


def proxies(found: Found) -> dict[str, Any]:
    """luma-proxy on each host: what it is, what it routes, how that goes."""
    lines = []
    for host, proxy in answered(found).items():
        if not proxy["running"]:
            lines.append(f"[{host}] luma-proxy {proxy['status']}")
            continue
        ports = f"{shown(proxy['bind'])}:{proxy['http_port']} and :{proxy['https_port']}"
        lines.append(
            f"[{host}] luma-proxy: HAProxy {proxy['version']} ({proxy['image']}) on {ports}, since "
            f"{minute(proxy['since'])}, {proxy['connections']} connections"
        )
        for route in proxy["routes"]:
            lines.append(f"  {route['project']} {route['app']}: {', '.join(route['hosts'])} → port {route['app_port']}")
            lines.append(f"    {backend_in_words(route['backend'])}")
    return {"hosts": by_host(list(found), found), "report": lines}


def backend_in_words(backend: Mapping[str, Any]) -> str:
    return (
        f"{backend['serving']} of {backend['slots']} slots serve, {backend['held']} held, {backend['sessions']} "
        f"sessions, {backend['requests']:,} requests, {backend['errors']:,} errors"
    )
