# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app that is stopped for a while on one host, and started again as it was: its containers, its route and its
releases stay. Docker does not start it by itself, neither after a crash of the engine nor at a reboot."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    FREE_SECONDS,
    DrainTimeouts,
    Retired,
    free_slots,
    heal,
    stop,
    wait_for_drain,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule, wait_for_jobs
from ansible_collections.luma.deploy.plugins.module_utils.release.slot_check import SlotCheck
from ansible_collections.luma.deploy.plugins.module_utils.release.start import start_all
from ansible_collections.luma.deploy.plugins.module_utils.release.switch import Switch
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held


@dataclass(frozen=True)
class Pause:
    """One app on one host. ``proxy``: None for an app that it does not route; ``schedule``: of one that cron starts."""

    engine: Engine
    proxy: Haproxy | None
    app: App
    held: Held
    schedule: Schedule

    def running(self) -> list[str]:
        """The names of the containers that `stop` would stop."""
        return [c.name for c in self._view().containers if c.running or self._is_awaited(c)]

    def stopped(self) -> list[str]:
        """The names of the containers that `start` would start, or have cron start. Raises `LumaError` without any
        container."""
        return [c.name for c in self._stopped()]

    def _stopped(self) -> list[Container]:
        view = self._view()
        if not view.active:
            raise LumaError(
                f"No color of {self.app.name} is active on this host: there is nothing to start. Run: luma deploy "
                f"{self.app.name}"
            )
        return [c for c in view.of(view.active) if not (c.running or self._is_awaited(c))]

    def _is_awaited(self, container: Container) -> bool:
        return bool(container.schedule) and self.schedule.is_set(container.schedule)

    def stop(self, timeouts: DrainTimeouts, stop_timeout: float) -> Retired:
        """Lets nobody new to the app, finishes what is in flight, and stops its containers."""
        self.schedule.set("")
        wait_for_jobs(self.engine, self.app, self._view().containers, timeouts.requests)
        view = self._view()
        running = [c for c in view.containers if c.running]
        drained = Retired()
        if self.proxy and view.slots:
            self.proxy.set_states(self.app.backend, "drain", [slot.name for slot in view.slots if slot.address])
            drained = wait_for_drain(self.proxy, self.app, {c.address for c in running if c.address}, timeouts)
        self.held.stop_where_lost(f"The stop of {self.app.name}")
        stopped = in_parallel(lambda c: stop(self.engine, c, stop_timeout), running)
        if self.proxy and view.slots:
            free_slots(self.proxy, self.app, FREE_SECONDS)
        return replace(drained, containers=tuple(stopped))

    def start(self, check: HealthCheck) -> list[str]:
        """Starts the active color, and waits until each of its replicas is healthy. Returns what was done."""
        containers = self._stopped()
        if containers and containers[0].schedule:
            return self.schedule.follow(containers)
        names = [c.name for c in containers]
        work, what_now = f"The start of {self.app.name}", f"To see more: luma logs {self.app.name}"
        start_all(self.engine, self.app, check, names, self.held, work, what_now)
        if self.proxy:
            with self.proxy.exclusive():
                self._serve(self.proxy, check)
        healthy = f"Health checks: ✓ {len(names)}/{len(names)} replicas healthy"
        return [*in_words("Started", names), healthy]

    def _serve(self, proxy: Haproxy, check: HealthCheck) -> None:
        """Waits until the proxy gets answers, and hands it the requests that have waited meanwhile."""
        view = self._view()
        heal(proxy, view)
        color = view.active or ""
        Switch(self.engine, proxy, self.app, color, check).see()
        SlotCheck(proxy, self.app, check, Rerouting()).answer_waiting(self._view().slots_of(color))

    def _view(self) -> View:
        return View.take(self.engine, self.proxy, self.app)


def in_words(verb: str, names: t.Sequence[str]) -> list[str]:
    return [f"{verb} {', '.join(names)}"] if names else []
