# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases that several hosts have on record: the lines for people (``report``), and the same as data, which
`output.document_shapes` describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import Found, answered, by_host
from ansible_collections.luma.deploy.plugins.plugin_utils.text import minute, table


def releases(apps: Sequence[Mapping[str, Any]], found: Found) -> dict[str, Any]:
    """A table for each app, or one for each host where they differ."""
    lines, known_apps = [], []
    for app in apps:
        known_apps.append({"name": app["name"], "hosts": _newest_first(by_host(app["hosts"], found, app["name"]))})
        tables = {}
        for host, result in answered(found).items():
            known = next((each for each in result["apps"] if each["name"] == app["name"]), None)
            if known and host in app["hosts"]:
                tables[host] = _release_rows(known)
        # When and who may differ by a moment: the hosts agree on what served.
        same = len({tuple((*row[:3], row[-1]) for row in rows) for rows in tables.values()}) == 1
        for host, rows in list(tables.items())[: 1 if same else None]:
            lines += [app["name"] if same else f"{app['name']} on {host}", *table(rows, "  ")]
    return {"apps": known_apps, "report": lines}


def _newest_first(hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The releases of each host, with the number of replicas out of what was deployed; the rest of that is left out."""
    return [
        {
            **host,
            "problem": host["problem"] or None,
            "releases": [
                {**each, "replicas": each["spec"].get("replicas", 1), "spec": None}
                for each in reversed(host.get("releases", ()))
            ],
        }
        for host in hosts
    ]


def _release_rows(known: Mapping[str, Any]) -> list[list[str]]:
    if known["problem"] or not known["releases"]:
        return [[known["problem"] or "no release is on record: deploy it"]]
    rows = [["RELEASE", "IMAGE", "CONFIGURATION", "WHEN", "WHO", ""]]
    for each in reversed(known["releases"]):
        serves = "← serves" if each["serves"] else ""
        at = minute(each["at"].partition("+")[0])
        rows.append([each["release"], each["image"], each["config_hash"][:6], at, each["by"], serves])
    return rows
