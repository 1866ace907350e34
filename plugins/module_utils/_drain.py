# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a color: its requests in flight are finished, then its containers are stopped and removed."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils._colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils._engine import Container, Engine, in_parallel
from ansible_collections.luma.deploy.plugins.module_utils._errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils._haproxy import Haproxy

POLL_SECONDS = 0.05
#: How long the DNS is given to take the addresses of removed containers from their slots, in seconds.
FREE_SECONDS = 2.0
#: After which the proxy closes an idle connection, in seconds: ``timeout http-keep-alive`` of its configuration. Until
#: then one that a reload has left with an old worker may bring a request to the color that is drained.
IDLE_SECONDS = 20.0
#: Exit code of a process that SIGKILL ended (128 + 9).
KILLED = 137


@dataclass(frozen=True)
class Stopped:
    """What became of one container."""

    name: str
    running: bool
    killed: bool
    seconds: float


@dataclass(frozen=True)
class Retired:
    """What became of a color. ``sessions`` were in flight when the drain began, ``cut`` when it ended;
    ``progress`` tells how the number fell, as pairs of seconds and sessions."""

    sessions: int = 0
    cut: int = 0
    drain_seconds: float = 0.0
    progress: tuple[tuple[float, int], ...] = ()
    sessions_by_slot: t.Mapping[str, int] = field(default_factory=dict)
    containers: tuple[Stopped, ...] = ()


def retire(
    engine: Engine,
    proxy: Haproxy | None,
    app: App,
    color: str,
    drain_timeout: float,
    stop_timeout: float,
    remove: bool = True,
) -> Retired:
    """Drains, stops and removes a color, and frees the slots that it leaves; refuses the active one. Both times in
    seconds."""
    view = View.take(engine, proxy, app)
    refuse_active(view, color)
    drained = wait_for_drain(proxy, app, drain_timeout) if proxy and view.slots else Retired()
    stopped = in_parallel(lambda c: stop(engine, c, stop_timeout), view.of(color))
    if remove:
        in_parallel(lambda c: engine.remove(c.id), view.of(color))
    if proxy and view.slots:
        with proxy.exclusive():
            free_slots(proxy, app, FREE_SECONDS)
            heal(proxy, View.take(engine, proxy, app))
    return Retired(
        sessions=drained.sessions,
        cut=drained.cut,
        drain_seconds=drained.drain_seconds,
        progress=drained.progress,
        sessions_by_slot=drained.sessions_by_slot,
        containers=tuple(stopped),
    )


def refuse_active(view: View, color: str) -> None:
    if view.active == color:
        raise LumaError(
            f"{color} is the active color of {view.app.name} and serves its users: it is not stopped, nothing was "
            "changed. Switch to the other color first."
        )


def wait_for_drain(proxy: Haproxy, app: App, timeout: float) -> Retired:
    """Waits until the proxy counts no session on the slots that get no new request, in the current worker and in
    those that a reload replaced; at most ``timeout`` seconds, or `IDLE_SECONDS` for connections that are idle in the
    latter."""
    began = time.monotonic()
    progress: list[tuple[float, int]] = []
    while True:
        left = {slot.name: slot.sessions for slot in proxy.slots(app.backend) if slot.held and slot.sessions}
        requests, idle = proxy.old_sessions(app.backend)
        sessions = sum(left.values()) + requests + idle
        seconds = time.monotonic() - began
        if not progress or progress[-1][1] != sessions:
            progress.append((round(seconds, 2), sessions))
        if not sessions or seconds >= (max(timeout, IDLE_SECONDS) if idle else timeout):
            return Retired(
                sessions=max(count for _seconds, count in progress),
                cut=sessions,
                drain_seconds=seconds,
                progress=tuple(progress),
                sessions_by_slot=left,
            )
        time.sleep(POLL_SECONDS)


def stop(engine: Engine, container: Container, timeout: float) -> Stopped:
    """Stops one container: its stop signal (SIGTERM unless its image says otherwise), then SIGKILL."""
    if not container.running:
        return Stopped(container.name, False, False, 0.0)
    began = time.monotonic()
    engine.stop(container.id, timeout)
    seconds = time.monotonic() - began
    after = engine.container(container.id, "")
    killed = after is not None and after.exit_code == KILLED and seconds >= timeout
    return Stopped(container.name, True, killed, round(seconds, 2))


def heal(proxy: Haproxy, view: View) -> None:
    """Lets every slot of the active color serve: a replica that was started again while slots were held may have got
    one of them."""
    held = [slot.name for slot in view.slots_of(view.active) if slot.held] if view.active else []
    proxy.set_states(view.app.backend, ready=held, drain=())


def free_slots(proxy: Haproxy, app: App, wait: float = 0.0) -> list[str]:
    """Lets slots that no address holds any more, and on which nothing is in flight, serve again: a slot keeps its
    drain flag when the DNS gives it another address. Waits up to ``wait`` seconds for addresses to leave."""
    deadline = time.monotonic() + wait
    while True:
        slots = proxy.slots(app.backend)
        held = [slot for slot in slots if slot.held]
        free = [slot.name for slot in held if not slot.address and not slot.sessions]
        if len(free) == len(held) or time.monotonic() >= deadline:
            proxy.set_states(app.backend, ready=free, drain=())
            return free
        time.sleep(POLL_SECONDS)
