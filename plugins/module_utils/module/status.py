# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a host now: apps, services and the proxy, looked at without changing anything."""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_SERVICE
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import secrets_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import parse_stat
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck, probe
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule


def app_info(
    engine: Engine,
    proxy: Haproxy | None,
    app: App,
    check_of: t.Callable[[t.Mapping[str, t.Any] | None], HealthCheck],
    details: bool,
    secret_names: t.Collection[str] = (),
) -> dict[str, t.Any]:
    """One app: its containers, each probed now, and what the proxy says of it. ``check_of`` gives the health check
    for an image; the values of ``secret_names`` are hidden in what it says. With ``details`` CPU and memory are
    measured, which takes a second or two."""
    problem = ""
    try:
        view = View.take(engine, proxy, app)
    except LumaError as exc:
        if proxy is None:
            raise
        problem, view = str(exc), View.take(engine, None, app)

    def describe(container: Container) -> dict[str, t.Any]:
        info = _container_info(engine, container, check_of, view, details)
        secrets = {} if info["healthy"] else secrets_of(engine, app, container.color, secret_names)
        return dict(info, saw=hidden_in(info["saw"], secrets))

    return {
        "name": app.name,
        "active": view.active,
        "containers": in_parallel(describe, view.containers),
        "proxy": backend_info(proxy, app.backend) if proxy and not problem else None,
        "proxy_problem": problem,
    }


def is_paused(found: t.Mapping[str, t.Any], schedule: Schedule) -> bool:
    """Whether cron does not start what has a schedule. ``found``: what `app_info` has found."""
    when = next((c["schedule"] for c in found["containers"] if c["color"] == found["active"]), None)
    return bool(when and not schedule.is_set(when))


def _container_info(
    engine: Engine,
    container: Container,
    check_of: t.Callable[[t.Mapping[str, t.Any] | None], HealthCheck],
    view: View,
    details: bool,
) -> dict[str, t.Any]:
    healthy, saw = False, f"it is {container.status}"
    if container.schedule:
        healthy = container.running or container.exit_code == 0
        saw = f"its last run ended with exit code {container.exit_code}" if container.finished else "it has not run yet"
    elif container.running:
        outcome = probe(engine, check_of(engine.image(container.image_id)), container)
        healthy, saw = outcome.healthy, outcome.saw
    slot = next((slot for slot in view.slots if slot.address and slot.address == container.address), None)
    info = {
        "name": container.name,
        "color": container.color,
        "status": container.status,
        "running": container.running,
        "healthy": healthy,
        "saw": saw,
        "release": container.release,
        "image_id": container.image_id,
        "config_hash": container.config_hash,
        "since": container.created,
        "restarts": container.restarts,
        "schedule": container.schedule or None,
        "finished": container.finished or None,
        "exit_code": container.exit_code if container.finished else None,
        "sessions": slot.sessions if slot else None,
    }
    return dict(info, **_load(engine, container)) if details else info


def _load(engine: Engine, container: Container) -> dict[str, t.Any]:
    """CPU in percent of one core, over the last second, and memory in bytes without the page cache: as `docker stats`
    counts them."""
    nothing = {"cpu_percent": None, "memory_bytes": None}
    if not container.running:
        return nothing
    stats = engine.call("measure " + container.name, engine.client.stats, container.id, stream=False)
    now, before, memory = stats["cpu_stats"], stats["precpu_stats"], stats["memory_stats"]
    system = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    if system <= 0 or "usage" not in memory:
        # It ended meanwhile.
        return nothing
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    cores = now.get("online_cpus") or 1
    # The names of cgroup version 1 and 2.
    cache = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return {
        "cpu_percent": round(100.0 * cores * used / system, 1),
        "memory_bytes": max(0, memory["usage"] - cache),
    }


def services_info(engine: Engine, project: str) -> list[dict[str, t.Any]]:
    """The project's services, running or not."""
    labels = [f"{LABEL_PROJECT}={project}", LABEL_SERVICE]
    rows = engine.list_containers(labels)
    services = (
        {
            "name": row["Labels"][LABEL_SERVICE],
            "container": row["Names"][0].lstrip("/"),
            "image": row["Image"],
            "running": row["State"] == "running",
            "status": row["Status"],
        }
        for row in rows
    )
    return sorted(services, key=lambda service: str(service["name"]))


def backend_info(proxy: Haproxy, backend: str) -> dict[str, t.Any]:
    """The proxy's view of one app. It counts anew after each reload."""
    slots = proxy.slots(backend)
    rows = parse_stat(proxy.run(f"show stat {backend} 2 -1"))
    counted = rows[0] if rows else {}
    return {
        "backend": backend,
        "slots": len(slots),
        "serving": sum(slot.serving for slot in slots),
        "held": sum(slot.held for slot in slots),
        "sessions": _number(counted, "scur"),
        "requests": _number(counted, "stot"),
        # Answers 5xx, connects that failed, answers that broke off.
        "errors": sum(_number(counted, name) for name in ("hrsp_5xx", "econ", "eresp")),
    }


def _number(row: t.Mapping[str, str], name: str) -> int:
    return int(row.get(name) or 0)
