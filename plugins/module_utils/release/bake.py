# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bake: a color that has just got the traffic is watched for a while, and refused where it does worse than before.

Three things are watched: that its containers stay up, that they pass their health check, and how many of their answers
the proxy counts as errors, compared with what the app's other slots came to before.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.health import LOG_LINES, HealthCheck, probe
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held

#: The pause between two looks, in seconds.
PAUSE = 1.0


@dataclass(frozen=True)
class Limits:
    """What a color may do. ``error_share`` (of 1): how much more than twice the share before may be errors, where there
    are ``min_errors`` of them; ``failures``: how many health checks in a row make a replica unhealthy."""

    error_share: float = 0.01
    min_errors: int = 5
    failures: int = 3


@dataclass(frozen=True)
class Count:
    """Requests, and how many of them were answered with 5xx or not at all."""

    requests: int = 0
    errors: int = 0

    @property
    def share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def __add__(self, other: Count) -> Count:
        return Count(self.requests + other.requests, self.errors + other.errors)

    def __sub__(self, other: Count) -> Count:
        return Count(self.requests - other.requests, self.errors - other.errors)

    @property
    def percentage(self) -> str:
        return f"{self.share * 100:.1f} %"


class Traffic:
    """What the proxy counts for containers from the first look on, by their names; ``before``: what all other slots of
    the backend had come to by then, since the proxy loaded its configuration.

    A slot goes on counting when it gets another address, and all begin anew in the worker that a reload starts.
    """

    def __init__(self, proxy: Haproxy, backend: str) -> None:
        self.proxy = proxy
        self.backend = backend
        self.counts: dict[str, Count] = {}
        self.before = Count()
        self._worker = ""
        self._last: dict[str, Count] = {}

    @property
    def total(self) -> Count:
        return sum(self.counts.values(), Count())

    def look(self, containers: t.Iterable[Container]) -> None:
        try:
            worker = self.proxy.worker()
            slots = self.proxy.slots(self.backend)
            if worker != self.proxy.worker():
                return
        except LumaError:
            # It is being started again, which is no fault of the color.
            return
        names = {c.address: c.name for c in containers if c.address}
        counted = {slot.name: Count(slot.requests, slot.errors) for slot in slots}
        if not self._worker:
            self.before = sum((counted[slot.name] for slot in slots if slot.address not in names), Count())
        elif worker != self._worker:
            self._last = dict.fromkeys(counted, Count())
        for slot in slots:
            if slot.address in names:
                name, now = names[slot.address], counted[slot.name]
                self.counts[name] = self.counts.get(name, Count()) + now - self._last.get(slot.name, now)
        self._worker, self._last = worker, counted


@dataclass(frozen=True)
class Baked:
    """What was seen. ``traffic`` and ``before``: None where the app has no proxy."""

    seconds: float
    replicas: int
    traffic: Count | None = None
    before: Count | None = None

    def __str__(self) -> str:
        text = f"Baked {self.seconds:g} s: "
        if self.traffic is None:
            return text + f"{self.replicas} replica(s) stayed healthy"
        if not self.traffic.requests:
            return text + f"no request came, {self.replicas} replica(s) stayed healthy"
        text += f"{self.traffic.requests:,} requests, {self.traffic.percentage} errors"
        return text + (f", before {self.before.percentage}" if self.before and self.before.requests else "")


class Bake:
    """One bake of one app on one host. ``proxy``: None for an app that it does not route."""

    def __init__(
        self,
        engine: Engine,
        proxy: Haproxy | None,
        app: App,
        color: str,
        check: HealthCheck,
        limits: Limits,
        held: Held,
    ) -> None:
        self.engine = engine
        self.app = app
        self.color = color
        self.check = check
        self.limits = limits
        self.held = held
        self.traffic = Traffic(proxy, app.backend) if proxy else None
        self.failures: dict[str, int] = {}
        self.next_probe = 0.0

    def run(self, seconds: float) -> Baked:
        """Watches for so long; raises `LumaError` as soon as the color does worse than before."""
        at_first = {c.name: c for c in self._containers()}
        if not at_first:
            raise LumaError(f"{self.app.name}'s color {self.color} has no container: there is nothing to watch.")
        end = time.monotonic() + seconds
        while True:
            self.held.stop_where_lost(f"The bake of {self.app.name}")
            containers = {c.name: c for c in self._containers()}
            for name, earlier in at_first.items():
                self._refuse_ended(earlier, containers.get(name))
            self._refuse_unhealthy(list(containers.values()))
            self._refuse_errors(containers)
            left = end - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(PAUSE, left))
        if self.traffic is None:
            return Baked(seconds, len(at_first))
        return Baked(seconds, len(at_first), self.traffic.total, self.traffic.before)

    def _containers(self) -> list[Container]:
        found = self.engine.containers(self.app.project, self.app.name, self.app.network)
        return [c for c in found if c.color == self.color]

    def _refuse_ended(self, earlier: Container, now: Container | None) -> None:
        if now is None:
            raise LumaError(f"{earlier.name} is gone since {self.color} has got the traffic.", container=earlier.name)
        if now.running and now.restarts <= earlier.restarts:
            return
        saw = "was started again by Docker, since it had ended" if now.running else f"exited with code {now.exit_code}"
        raise self._regression(now, saw + (", out of memory" if now.oom_killed else ""))

    def _refuse_unhealthy(self, containers: t.Sequence[Container]) -> None:
        if time.monotonic() < self.next_probe:
            return
        self.next_probe = time.monotonic() + self.check.interval
        outcomes = in_parallel(lambda c: probe(self.engine, self.check, c), containers)
        for container, outcome in zip(containers, outcomes):
            failures = 0 if outcome.healthy else self.failures.get(container.name, 0) + 1
            self.failures[container.name] = failures
            if failures >= self.limits.failures:
                saw = f"failed its health check {failures} times in a row; the last time: {outcome.saw}"
                raise self._regression(container, saw)

    def _refuse_errors(self, containers: t.Mapping[str, Container]) -> None:
        if self.traffic is None:
            return
        self.traffic.look(containers.values())
        total, before = self.traffic.total, self.traffic.before
        too_many = total.share > 2 * before.share + self.limits.error_share
        if total.errors < self.limits.min_errors or not too_many:
            return
        name, count = max(self.traffic.counts.items(), key=lambda item: item[1].errors)
        raise self._regression(
            containers[name],
            f"answered {count.errors} of {count.requests} requests with 5xx or not at all; all of {self.color}: "
            f"{total.percentage} of {total.requests}, before: {before.percentage} of {before.requests}",
        )

    def _regression(self, container: Container, saw: str) -> LumaError:
        logs = self.engine.logs(container.id, LOG_LINES)
        last = [f"Its last {len(logs)} log lines:", *("  " + line for line in logs)] if logs else ["It logged nothing."]
        text = f"{self.color} does worse than what served before. {container.name} {saw}.\n" + "\n".join(last)
        return LumaError(text, container=container.name, logs=logs)
