# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of apps and services on several hosts: the lines for people (``report``), and the same as data, which
`output.document_shapes` describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.acme.info import in_words
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import short_id
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import (
    Found,
    answered,
    by_host,
    did_not_answer,
    why_silent,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.lookups import backend_in_words
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.orphans import orphan_lines
from ansible_collections.luma.deploy.plugins.plugin_utils.text import minute, table

RUNNING, MIXED, STOPPED, UNKNOWN = "RUNNING", "MIXED", "STOPPED", "UNKNOWN"
SIGNS = {RUNNING: "✅", MIXED: "⚠️", STOPPED: "❌", UNKNOWN: "❓"}


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
    schedule: str
    https: Sequence[str]
    maintenance: Sequence[str]

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
            if _is_there(container) and container["color"] == look["active"]
        ]
        healthy = [container for container in serving if container["healthy"]]
        running = [c["color"] for look in looks.values() for c in look["containers"] if _is_there(c)]
        wanted = app["replicas"] * len(hosts)
        silent = [host for host in hosts if host not in looks]
        versions = {(container["image_id"], container["config_hash"]) for container in serving}
        amiss = [line for host, look in looks.items() for line in _amiss(app, host, look)]
        if silent:
            status, hint = UNKNOWN, f"{', '.join(silent)} did not answer"
        elif not serving:
            status, hint = STOPPED, _why_stopped(app["name"], list(looks.values()))
        elif any(look.get("paused") for look in looks.values()):
            status, hint = STOPPED, f"its schedule is stopped: luma start {app['name']}"
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
            schedule=_schedule(serving),
            https=_https(looks),
            maintenance=[host for host, look in looks.items() if look.get("maintenance")],
        )

    def lines(self) -> list[str]:
        words = [part for part in (self._active_in_words(), self.hint) if part]
        return [
            f"📱 App: {self.name}",
            f"   Status: {SIGNS[self.status]} {self.status}" + (f" ({'; '.join(words)})" if words else ""),
            f"   Schedule: {self.schedule}" if self.schedule else f"   Replicas: {self.replicas}/{self.wanted} running",
            f"   Colors: {self.blue} blue, {self.green} green",
            *([f"   Maintenance: ⚠️ on, on {', '.join(self.maintenance)}"] if self.maintenance else []),
            *(f"   HTTPS: {line}" for line in self.https),
        ]

    def _active_in_words(self) -> str:
        colors = set(self.active.values()) or {None}
        if colors == {None} or self.status == STOPPED:
            return ""
        if len(colors) == 1:
            return f"{colors.pop()} active"
        return ", ".join(f"{color or 'none'} active on {host}" for host, color in self.active.items())


def _is_there(container: Mapping[str, Any]) -> bool:
    """Whether it runs, or waits for its time."""
    return bool(container["running"] or container.get("schedule"))


def _schedule(serving: Sequence[Mapping[str, Any]]) -> str:
    """When cron starts it, and how it ended last."""
    for each in serving:
        if each.get("schedule"):
            ended = f"last run ended {minute(each['finished'])}" if each["finished"] else "has not run yet"
            return f"{each['schedule']}, {'runs now' if each['running'] else ended}"
    return ""


def _https(looks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The certificate, once if all hosts say the same of it."""
    said = {host: in_words(look["certificate"]) for host, look in looks.items() if look.get("certificate")}
    if len(set(said.values())) == 1:
        return [next(iter(said.values()))]
    return [f"{host}: {words}" for host, words in said.items()]


def _amiss(app: Mapping[str, Any], host: str, look: Mapping[str, Any]) -> list[str]:
    """What is wrong with the active color on a host."""
    active = [each for each in look["containers"] if look["active"] and each["color"] == look["active"]]
    if not active:
        return []
    ill = [f"{each['name']} {_health(each)}" for each in active if not each["healthy"]]
    ill = [f"{each['saw']}: luma logs {app['name']}" for each in active if each.get("schedule") and ill] or ill
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
    if container.get("schedule") and not container["running"]:
        return "waits" if container["healthy"] else "failed"
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
    return f"proxy: {backend_in_words(proxy)}" if proxy else ""


def _service_line(service: Mapping[str, Any]) -> str:
    return f"🧩 Service: {service['name']} {SIGNS[service['status']]} {service['status']} ({service['hint']})"
