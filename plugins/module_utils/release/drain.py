# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a color: its requests in flight are finished, then its containers are stopped and removed."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Session, Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils.release.health import KILLED
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import wait_for_jobs

POLL_SECONDS = 0.05
#: How long the DNS is given to take the addresses of removed containers from their slots, in seconds.
FREE_SECONDS = 2.0
#: Streams that outlive their time are closed one after the other, so that their clients do not all come back at once:
#: so many in a second, and in so many seconds at the most.
CLOSED_PER_SECOND = 100
CLOSING_SECONDS = 30.0
#: How often is asked whether streams are left once `DrainTimeouts.requests` is over, in seconds.
STREAMS_POLL_SECONDS = 1.0


#: The options of the documentation fragment ``luma.deploy.engine.drain``.
DRAIN_OPTIONS: dict[str, t.Any] = {
    "drain_timeout": {"type": "float", "default": 30},
    "stream_drain_timeout": {"type": "float"},
}


@dataclass(frozen=True)
class DrainTimeouts:
    """How long what is in flight may go on, in seconds: ``requests`` that wait for their answer, and ``streams``, whose
    answer has begun: event streams, downloads, websockets."""

    requests: float = 30.0
    streams: float = 30.0

    @classmethod
    def of(cls, params: t.Mapping[str, t.Any]) -> DrainTimeouts:
        """Those of a module's options; streams have as long as requests where nothing else is said."""
        requests, streams = params["drain_timeout"], params["stream_drain_timeout"]
        return cls(requests, requests if streams is None else streams)


DEFAULT_TIMEOUTS = DrainTimeouts()


@dataclass(frozen=True)
class Stopped:
    """What became of one container."""

    name: str
    running: bool
    killed: bool
    seconds: float


@dataclass(frozen=True)
class Retired:
    """What became of a color. ``sessions`` were in flight when the drain began, ``cut`` when it ended; ``streams`` were
    closed meanwhile, since their time was over. ``progress`` tells how the number fell, as pairs of seconds and
    sessions."""

    sessions: int = 0
    cut: int = 0
    streams: int = 0
    drain_seconds: float = 0.0
    progress: tuple[tuple[float, int], ...] = ()
    sessions_by_slot: t.Mapping[str, int] = field(default_factory=dict)
    containers: tuple[Stopped, ...] = ()


def retire(
    engine: Engine,
    proxy: Haproxy | None,
    app: App,
    color: str,
    timeouts: DrainTimeouts,
    stop_timeout: float,
    remove: bool = True,
) -> Retired:
    """Drains, stops and removes a color, and frees the slots that it leaves; refuses the active one. ``stop_timeout``
    in seconds."""
    view = View.take(engine, proxy, app)
    refuse_active(view, color)
    drained = wait_for_drain(proxy, app, view.addresses(color), timeouts) if proxy and view.slots else Retired()
    wait_for_jobs(engine, app, view.of(color), timeouts.requests)
    stopped = in_parallel(lambda c: stop(engine, c, stop_timeout), view.of(color))
    if remove:
        in_parallel(lambda c: engine.remove(c.id), view.of(color))
    if proxy and view.slots:
        with proxy.exclusive():
            free_slots(proxy, app, FREE_SECONDS)
            heal(proxy, View.take(engine, proxy, app))
    return replace(drained, containers=tuple(stopped))


def refuse_active(view: View, color: str) -> None:
    if view.active == color:
        raise LumaError(
            f"{color} is the active color of {view.app.name} and serves its users: it is not stopped, nothing was "
            "changed. Switch to the other color first."
        )


def wait_for_drain(proxy: Haproxy, app: App, addresses: t.Collection[str], timeouts: DrainTimeouts) -> Retired:
    """Waits until the proxy counts no session on containers that get no new request. Streams that are left at the end
    of their time are closed, one after the other; requests that are left at the end of theirs are not: the stop signal
    tells the app of them."""
    backend = app.backend
    began = time.monotonic()
    progress: list[tuple[float, int]] = []
    closed: int | None = None
    while True:
        slots = proxy.draining(backend, addresses)
        sessions = sum(slot.sessions for each in slots.values() for slot in each)
        seconds = time.monotonic() - began
        if not progress or progress[-1][1] != sessions:
            progress.append((round(seconds, 2), sessions))
        if sessions and closed is None and seconds >= timeouts.streams:
            closed = close_streams(proxy, streams_on(proxy, backend, slots))
            continue
        over = seconds >= timeouts.requests
        if not sessions or (over and (closed is not None or not streams_on(proxy, backend, slots))):
            return Retired(
                sessions=max(count for _seconds, count in progress),
                cut=sessions,
                streams=closed or 0,
                drain_seconds=seconds,
                progress=tuple(progress),
                sessions_by_slot={slot.name: slot.sessions for slot in slots[""]},
            )
        time.sleep(STREAMS_POLL_SECONDS if over else POLL_SECONDS)


def streams_on(proxy: Haproxy, backend: str, slots: t.Mapping[str, t.Sequence[Slot]]) -> list[Session]:
    return [session for session in proxy.sessions_of(backend, slots) if session.begun]


def close_streams(proxy: Haproxy, streams: t.Sequence[Session]) -> int:
    """Closes streams in a steady pace; returns how many there were."""
    pause = min(1 / CLOSED_PER_SECOND, CLOSING_SECONDS / max(1, len(streams)))
    for stream in streams:
        proxy.shut_down(stream)
        time.sleep(pause)
    return len(streams)


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


def report(name: str, retired: Retired) -> list[str]:
    """What became of a color, or an app, as the luma command prints it."""
    lines = []
    if retired.sessions:
        finished = retired.sessions - retired.cut - retired.streams
        lines.append(f"Drained {name}: {finished} request(s) in flight finished in {retired.drain_seconds:.1f} s")
    if retired.streams:
        lines.append(
            f"⚠️ {retired.streams} stream(s) and websocket(s) were still open on {name} after stream_drain_timeout and "
            "were closed, one after the other"
        )
    if retired.cut:
        lines.append(f"⚠️ {retired.cut} request(s) were still open on {name} after drain_timeout and were cut")
    return lines + killed_in_words([container.name for container in retired.containers if container.killed])


def killed_in_words(names: t.Sequence[str]) -> list[str]:
    """A line about containers that SIGKILL has ended; none if there are none."""
    return [f"⚠️ {', '.join(names)} ignored the stop signal: killed after stop_timeout"] if names else []


def heal(proxy: Haproxy, view: View) -> None:
    """Lets every slot of the active color serve: a replica that was started again while slots were held may have got
    one of them."""
    held = [slot.name for slot in view.slots_of(view.active) if slot.held] if view.active else []
    proxy.set_states(view.app.backend, "ready", held)


def free_slots(proxy: Haproxy, app: App, wait: float = 0.0) -> list[str]:
    """Lets slots that no address holds any more, and on which nothing is in flight, serve again: a slot keeps its
    drain flag when the DNS gives it another address. Waits up to ``wait`` seconds for addresses to leave."""
    deadline = time.monotonic() + wait
    while True:
        slots = proxy.slots(app.backend)
        held = [slot for slot in slots if slot.held]
        free = [slot.name for slot in held if not slot.address and not slot.sessions]
        if len(free) == len(held) or time.monotonic() >= deadline:
            proxy.set_states(app.backend, "ready", free)
            return free
        time.sleep(POLL_SECONDS)
