# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several hosts said, put together: the status of apps, releases, locks, the proxies, log lines. Each function
returns the lines for people (``report``), and the same as data, which `output.document_shapes` describes.

``found`` is what a task returned on each host, by the host's name. A host that did not answer has a result that failed
or was unreachable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.proxy.ipv6 import shown
from ansible_collections.luma.deploy.plugins.plugin_utils.output.orphans import orphan_lines

Found = Mapping[str, Mapping[str, Any]]

RUNNING, MIXED, STOPPED, UNKNOWN = "RUNNING", "MIXED", "STOPPED", "UNKNOWN"
SIGNS = {RUNNING: "✅", MIXED: "⚠️", STOPPED: "❌", UNKNOWN: "❓"}


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


def table(rows: Sequence[Sequence[str]], indent: str) -> list[str]:
    """Rows with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return [(indent + line).rstrip() for line in lines]


def minute(time: str) -> str:
    """An RFC 3339 time as people read it."""
    # Docker writes nanoseconds, and more digits than six are too many here.
    head, _point, _fraction = time.removesuffix("Z").partition(".")
    return datetime.fromisoformat(head).strftime("%Y-%m-%d %H:%M UTC")


def short_id(image_id: str) -> str:
    return image_id.rpartition(":")[2][:12]


# --- status -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AppStatus:
    """One app on all of its hosts. ``replicas`` are those of the active color that run and are healthy."""

    name: str
    status: str
    hint: str
    active: dict[str, str | None]
    replicas: int
    wanted: int
    blue: int
    green: int

    @classmethod
    def of(cls, app: Mapping[str, Any], found: Found) -> AppStatus:
        """The status of an app of luma.yml."""
        hosts: list[str] = app["hosts"]
        looks = {
            host: next(each for each in result["apps"] if each["name"] == app["name"])
            for host, result in answered(found).items()
            if host in hosts
        }
        serving = [
            container
            for look in looks.values()
            for container in look["containers"]
            if container["running"] and container["color"] == look["active"]
        ]
        healthy = [container for container in serving if container["healthy"]]
        running = [c["color"] for look in looks.values() for c in look["containers"] if c["running"]]
        wanted = app["replicas"] * len(hosts)
        silent = [host for host in hosts if host not in looks]
        versions = {(container["image_id"], container["config_hash"]) for container in serving}
        amiss = [line for host, look in looks.items() for line in _amiss(app, host, look)]
        if silent:
            status, hint = UNKNOWN, f"{', '.join(silent)} did not answer"
        elif not serving:
            status, hint = STOPPED, _why_stopped(app["name"], list(looks.values()))
        elif len(versions) > 1:
            status, hint = MIXED, "hosts or replicas run different versions"
        elif amiss or len(healthy) < wanted:
            status, hint = MIXED, "; ".join(amiss)
        else:
            status, hint = RUNNING, ""
        return cls(
            name=app["name"],
            status=status,
            hint=hint,
            active={host: look["active"] for host, look in looks.items()},
            replicas=len(healthy),
            wanted=wanted,
            blue=running.count("blue"),
            green=running.count("green"),
        )

    def lines(self) -> list[str]:
        words = [part for part in (self._active_in_words(), self.hint) if part]
        return [
            f"📱 App: {self.name}",
            f"   Status: {SIGNS[self.status]} {self.status}" + (f" ({'; '.join(words)})" if words else ""),
            f"   Replicas: {self.replicas}/{self.wanted} running",
            f"   Colors: {self.blue} blue, {self.green} green",
        ]

    def _active_in_words(self) -> str:
        colors = set(self.active.values()) or {None}
        if colors == {None} or self.status == STOPPED:
            return ""
        if len(colors) == 1:
            return f"{colors.pop()} active"
        return ", ".join(f"{color or 'none'} active on {host}" for host, color in self.active.items())


def _amiss(app: Mapping[str, Any], host: str, look: Mapping[str, Any]) -> list[str]:
    """What is wrong with the active color on a host."""
    active = [each for each in look["containers"] if look["active"] and each["color"] == look["active"]]
    if not active:
        return []
    ill = [f"{each['name']} {_health(each)}" for each in active if not each["healthy"]]
    made, wanted = len(active), app["replicas"]
    if made == wanted:
        return ill
    replicas = f"{made} replica{'s' if made > 1 else ''}"
    return [*ill, f"{host} has {replicas}, luma.yml says {wanted}: luma deploy {app['name']}"]


def _why_stopped(name: str, looks: Sequence[Mapping[str, Any]]) -> str:
    containers = [each for look in looks for each in look["containers"]]
    if any(each["running"] for each in containers):
        return f"no color gets the traffic: luma deploy {name}"
    if containers:
        return ""
    known = {look["last_release"] for look in looks} - {None}
    if not known:
        return "never deployed"
    # A record that cannot be read has an empty name.
    of_release = f" of release {' and '.join(sorted(known))}" if all(known) else ""
    return f"no container is left{of_release}: luma deploy {name}"


def _health(container: Mapping[str, Any]) -> str:
    return "healthy" if container["healthy"] else "unhealthy" if container["running"] else str(container["status"])


def status(
    apps: Sequence[Mapping[str, Any]], found: Found, details: bool, services: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The apps' blocks, and a line for each service: those of luma.yml, and others that the hosts have."""
    lines, states = [], []
    for app in apps:
        state = AppStatus.of(app, found)
        states.append(vars(state) | {"hosts": by_host(app["hosts"], found, app["name"])})
        lines += state.lines()
        if details:
            lines += [line for host in app["hosts"] for line in _host_details(app["name"], host, found)]
    seen = _services(services, found)
    lines += [f"⚠️ {line}" for line in orphan_lines(answered(found))]
    orphans = [{**each, "host": host} for host, result in answered(found).items() for each in result.get("orphans", ())]
    return {
        "apps": states,
        "orphans": orphans,
        "services": seen,
        "report": lines + [_service_line(each) for each in seen],
    }


def _services(services: Sequence[Mapping[str, Any]], found: Found) -> list[dict[str, Any]]:
    """What is known of each service on each of its hosts."""
    hosts = answered(found)
    seen = {(each["name"], host): each for host, result in hosts.items() for each in result["services"]}
    asked = [(service["name"], host) for service in services for host in service["hosts"]]
    known = []
    for name, host in dict.fromkeys([*seen, *asked]):
        service = seen.get((name, host), {"name": name})
        if host not in hosts:
            state, hint = UNKNOWN, f"{host} did not answer"
        elif service.get("running"):
            state, hint = RUNNING, f"{service['image']} on {host}"
        else:
            state, hint = STOPPED, f"{service.get('image', 'not created')} on {host}"
        known.append({**service, "host": host, "status": state, "hint": hint})
    return known


def _host_details(app: str, host: str, found: Found) -> list[str]:
    result = found.get(host, {})
    if did_not_answer(result):
        return [f"   {host}: {why_silent(result)}"]
    look = next(each for each in result["apps"] if each["name"] == app)
    rows = [["CONTAINER", "HEALTH", "RELEASE", "IMAGE", "SINCE", "RESTARTS", "CPU", "MEMORY", "SESSIONS"]]
    rows += [_container_row(container, look["active"]) for container in look["containers"]]
    unwell = [f"{each['name']}: {each['saw']}" for each in look["containers"] if not each["healthy"]]
    return [f"   {host}", *table(rows, "     "), *(f"     {line}" for line in [*unwell, _proxy_line(look)] if line)]


def _container_row(container: Mapping[str, Any], active: str | None) -> list[str]:
    cpu, memory, sessions = (container.get(key) for key in ("cpu_percent", "memory_bytes", "sessions"))
    return [
        container["name"] + (" *" if container["color"] == active else ""),
        _health(container),
        container["release"],
        short_id(container["image_id"]),
        minute(container["since"]),
        str(container["restarts"]),
        "-" if cpu is None else f"{cpu:.1f} %",
        "-" if memory is None else f"{memory / 1e6:.1f} MB",
        "-" if sessions is None else str(sessions),
    ]


def _proxy_line(look: Mapping[str, Any]) -> str:
    if look["proxy_problem"]:
        return f"proxy: {look['proxy_problem']}"
    proxy = look["proxy"]
    return f"proxy: {_backend_in_words(proxy)}" if proxy else ""


def _backend_in_words(backend: Mapping[str, Any]) -> str:
    return (
        f"{backend['serving']} of {backend['slots']} slots serve, {backend['held']} held, {backend['sessions']} "
        f"sessions, {backend['requests']:,} requests, {backend['errors']:,} errors"
    )


def _service_line(service: Mapping[str, Any]) -> str:
    return f"🧩 Service: {service['name']} {SIGNS[service['status']]} {service['status']} ({service['hint']})"


# --- releases -----------------------------------------------------------------------------------------------------


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


# --- locks --------------------------------------------------------------------------------------------------------


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


# --- audit --------------------------------------------------------------------------------------------------------


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


# --- proxies ------------------------------------------------------------------------------------------------------


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
            lines.append(f"    {_backend_in_words(route['backend'])}")
    return {"hosts": by_host(list(found), found), "report": lines}


# --- logs ---------------------------------------------------------------------------------------------------------


def log_lines(found: Found) -> dict[str, Any]:
    """The log lines of all hosts, in the order of time."""
    lines = [(line["at"], host, line) for host, result in answered(found).items() for line in result["lines"]]
    lines.sort(key=lambda each: each[:2])
    told = [{**line, "host": host} for _at, host, line in lines]
    return {"lines": told, "report": [log_line(host, line) for _at, host, line in lines]}


def log_line(host: str, line: Mapping[str, str]) -> str:
    return f"[{host}] {line['container']} | {line['text']}"
