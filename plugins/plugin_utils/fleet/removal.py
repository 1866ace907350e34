# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which app is to be removed from which hosts, and what its owner is asked before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import OfProcesses
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.names import check_former_app_name
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import LOCALHOST, Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.text import table


def app_to_remove(
    project: Mapping[str, Any], names: Sequence[str], only: Sequence[str], inventory: Inventory
) -> dict[str, Any]:
    """The one app that is named, with its ``processes``, as far as its removal needs it. It is removed from ``only``
    these hosts or, without one, from those that luma.yml names for it; if luma.yml does not have it any more, from all
    hosts that are known. Raises `InvalidFile`."""
    if len(names) != 1:
        raise InvalidFile("luma remove needs the name of one app")
    (name,) = names
    app = project["apps"].get(name) or project["whole_apps"].get(name, {})
    if not app:
        _refuse_what_is_no_app(name, project)
    for host in only:
        if host not in inventory.hosts and host != LOCALHOST:
            raise InvalidFile(f"{host} is in no inventory. To add it for this run: -i {host},")
    entries = [*project["apps"].values(), *project["services"].values()]
    everywhere = list(dict.fromkeys([*inventory.hosts, *(host for entry in entries for host in entry["hosts"])]))
    return _removed(project, name, app, list(dict.fromkeys(only)), everywhere)


def _removed(
    project: Mapping[str, Any], name: str, app: Mapping[str, Any], only: list[str], everywhere: list[str]
) -> dict[str, Any]:
    processes = list(app.get("processes", ()))
    if processes:
        # What is left of it from before it had processes.
        processes.append({**app, "name": name, "processes": []})
    return {
        "project": project["project"],
        "name": name,
        "processes": [_removed(project, each["name"], each, only, everywhere) for each in processes],
        "hosts": only or app.get("hosts") or everywhere or [LOCALHOST],
        "in_luma_yml": app.get("hosts", []),
        **{key: app.get(key) for key in ("drain_timeout", "stream_drain_timeout", "stop_timeout")},
        # What is left on a host that is down would serve again once it is up.
        "deploy": {"max_unavailable_hosts": 0},
    }


def _refuse_what_is_no_app(name: str, project: Mapping[str, Any]) -> None:
    if name in project["services"]:
        raise InvalidFile(f"{name} is a service: only apps are removed. Stop and remove its container on its host.")
    try:
        check_former_app_name(name)
    except ValueError as exc:
        raise InvalidFile(f"{name}: {exc}") from exc


def question(app: Mapping[str, Any], found: OfProcesses) -> list[str]:
    """What is about to be removed, host by host, and what that means. ``found``: by process, then by host."""
    name = app["name"]
    rows = [
        [host, *([process] if app["processes"] else []), _in_words(result)]
        for process, hosts in found.items()
        for host, result in hosts.items()
    ]
    lines = [f"{name} of the project {app['project']} is about to be removed:", *table(rows, "  ")]
    if any(result["running"] for hosts in found.values() for result in hosts.values()):
        lines.append("It runs: its users will get no answer any more.")
    lines.append("Its volumes, the project's network, services and other apps stay.")
    return lines + still_named(app)


def still_named(app: Mapping[str, Any]) -> list[str]:
    """That a removal is undone by the next deployment, if it is."""
    hosts = [host for host in app["hosts"] if host in app["in_luma_yml"]]
    if not hosts:
        return []
    where = f" for {', '.join(hosts)}" if len(app["in_luma_yml"]) > 1 else ""
    return [f"⚠️ luma.yml still has {app['name']}{where}: unless you take it out, the next luma deploy brings it back."]


def _in_words(result: Mapping[str, Any]) -> str:
    names = ", ".join(result["containers"])
    parts = [
        f"{names} ({result['running']} running)" if names else "",
        f"the route of {', '.join(result['hosts'])}" if result["hosts"] else "",
        f"{len(result['releases'])} release(s) on record" if result["releases"] else "",
        f"{len(result['images'])} image name(s)" if result["images"] else "",
    ]
    return "; ".join(filter(None, parts)) or "nothing of it"
