# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a color: what is waited for, what is closed or cut, and what one that died has left."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Session, Slot
from ansible_collections.luma.deploy.plugins.module_utils.release import drain
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    CLOSED_PER_SECOND,
    CLOSING_SECONDS,
    DrainTimeouts,
    close_streams,
    retire,
)

from tests.unit.fakes import APP, FakeEngine, FakeHaproxy, Host, Killed
from tests.unit.switch.steps import AT_ONCE, die, run


def test_a_retirement_frees_what_one_that_died_has_left(host: Host, engine: FakeEngine) -> None:
    run(engine)
    host.held.add("blog8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drain, "free_slots", die)
        with pytest.raises(Killed):
            retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    assert {c.color for c in host.containers.values()} == {"green"}
    assert "blog8" in host.held
    retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    assert not host.held


def test_a_replica_that_came_back_to_a_held_slot_serves_after_the_retirement(host: Host, engine: FakeEngine) -> None:
    run(engine)
    slot = next(name for name, address in host.slots.items() if address and host.color_of(address) == "green")
    host.held.add(slot)
    retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    assert not host.held


def test_the_drain_waits_for_the_last_session(host: Host, engine: FakeEngine) -> None:
    run(engine)
    slot = sorted(host.held)[0] if host.held else "blog1"
    host.held.add(slot)
    counts = [3, 3, 1, 0]
    proxy = FakeHaproxy(host)
    old = replace(proxy.slots(APP.backend)[0], sessions=1)
    proxy.draining = lambda *_arguments: {"": [], "7": [old] * counts.pop(0)}  # type: ignore[method-assign]
    done = retire(engine, proxy, APP, "blue", DrainTimeouts(30, 30), 0)
    assert [sessions for _seconds, sessions in done.progress] == [3, 1, 0]
    assert (done.sessions, done.cut) == (3, 0)


def stream(slot: Slot, begun: bool = True) -> Session:
    return Session("", f"0x{slot.name}", APP.backend, slot.name, begun)


class Busy(FakeHaproxy):
    """Its slots have sessions that end only when they are shut down: ``streams`` and ``requests`` of them."""

    def __init__(self, host: Host, streams: int, requests: int) -> None:
        super().__init__(host)
        self.streams, self.requests = streams, requests
        self.closed: list[Session] = []

    def draining(self, backend: str, addresses: Collection[str]) -> dict[str, list[Slot]]:
        left = self.streams + self.requests - len(self.closed)
        return {"": [replace(self.slots(backend)[7], held=True, sessions=left)] if left else []}

    def sessions_of(self, backend: str, slots: Mapping[str, Collection[Slot]]) -> list[Session]:
        (slot,) = slots[""]
        streams = [stream(slot)] * (self.streams - len(self.closed))
        return [*streams, *[stream(slot, begun=False)] * self.requests]

    def shut_down(self, session: Session) -> None:
        self.closed.append(session)


@pytest.mark.parametrize("timeouts", [DrainTimeouts(0, 0), DrainTimeouts(0, 0.1), DrainTimeouts(0.1, 0)], ids=str)
def test_streams_are_closed_and_requests_are_left_to_the_stop_signal(
    host: Host, engine: FakeEngine, timeouts: DrainTimeouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "STREAMS_POLL_SECONDS", 0.01)
    run(engine)
    proxy = Busy(host, streams=3, requests=2)
    done = retire(engine, proxy, APP, "blue", timeouts, 0)
    assert (done.sessions, done.streams, done.cut) == (5, 3, 2)
    assert all(session.begun for session in proxy.closed)


def test_the_drain_does_not_wait_for_streams_where_there_are_none(host: Host, engine: FakeEngine) -> None:
    run(engine)
    done = retire(engine, Busy(host, streams=0, requests=1), APP, "blue", DrainTimeouts(0, 3600), 0)
    assert (done.streams, done.cut) == (0, 1)


def test_many_streams_are_closed_one_after_the_other(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    slot = FakeHaproxy(host).slots(APP.backend)[0]
    for count in (10, 10_000):
        assert close_streams(Busy(host, count, 0), [stream(slot)] * count) == count
    assert pauses[0] == 1 / CLOSED_PER_SECOND
    assert sum(pauses[10:]) == pytest.approx(CLOSING_SECONDS)


def test_what_is_left_after_the_drain_is_cut_and_counted(host: Host, engine: FakeEngine) -> None:
    run(engine)
    host.held.add("blog8")
    host.sessions["blog8"] = 2
    done = retire(engine, FakeHaproxy(host), APP, "blue", DrainTimeouts(0.01, 0.01), 0)
    assert (done.sessions, done.cut, done.sessions_by_slot) == (2, 2, {"blog8": 2})
    assert "blog8" in host.held
    assert {c.color for c in host.containers.values()} == {"green"}
