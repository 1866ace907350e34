# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch in every state that a run can leave behind, on a host in memory whose run dies at each change."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Session, Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import Route
from ansible_collections.luma.deploy.plugins.module_utils.release import drain
from ansible_collections.luma.deploy.plugins.module_utils.release import switch as switch_module
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import View
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    CLOSED_PER_SECOND,
    CLOSING_SECONDS,
    DrainTimeouts,
    close_streams,
    retire,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck, Probe
from ansible_collections.luma.deploy.plugins.module_utils.release.preparation import color_to_return_to
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting
from ansible_collections.luma.deploy.plugins.module_utils.release.switch import Switch

from tests.unit.fakes import APP, FakeEngine, FakeHaproxy, Host, Killed

HTTP = HealthCheck("http")
AT_ONCE = DrainTimeouts(0.05, 0.05)
# More changes than a switch and a retirement of three replicas make.
CHANGES = range(40)


@pytest.fixture(params=[1, 3])
def host(request: pytest.FixtureRequest) -> Host:
    """Blue serves, green is prepared."""
    host = Host()
    host.add("blue", request.param, serving=True)
    host.add("green", request.param, serving=False)
    return host


@pytest.fixture
def engine(host: Host, tmp_path: Path) -> FakeEngine:
    return FakeEngine(host, tmp_path)


@pytest.fixture(autouse=True)
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas are healthy; the waits of the real world are short in this one."""
    monkeypatch.setattr(switch_module, "probe", lambda engine, check, container: PROBE)
    monkeypatch.setattr(switch_module, "SEE_SECONDS", 0.05)
    monkeypatch.setattr(drain, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(drain, "FREE_SECONDS", 0.02)
    monkeypatch.setattr("ansible_collections.luma.deploy.plugins.module_utils.host.client.PARALLEL", 1)


PROBE = Probe(True, "200")


def die(*_arguments: object) -> None:
    raise Killed


def run(engine: FakeEngine, color: str = "green") -> switch_module.Switched:
    return Switch(engine, FakeHaproxy(engine.host), APP, color, HTTP).run()


def watch(host: Host) -> list[set[str]]:
    """Records which colors get requests, after every change."""
    seen: list[set[str]] = []
    host.seen = lambda: seen.append(host.serving)
    return seen


def assert_settled(host: Host, color: str) -> None:
    assert host.serving == {color}
    assert host.holders(color) == [c.name for c in host.containers.values() if c.color == color]
    assert not any(host.holders(other) for other in ("blue", "green") if other != color)


def test_one_color_gets_requests_at_every_moment(host: Host, engine: FakeEngine) -> None:
    seen = watch(host)
    done = run(engine)
    assert done.changed
    assert (done.previous, done.color) == ("blue", "green")
    assert all(len(colors) == 1 for colors in seen)
    assert_settled(host, "green")


def test_addresses_are_kept(host: Host, engine: FakeEngine) -> None:
    before = {c.name: c.address for c in host.containers.values()}
    done = run(engine)
    assert {c.name: c.address for c in host.containers.values()} == before
    assert all(move.address_kept for move in done.moves)


def test_steps_are_taken_in_their_order(engine: FakeEngine) -> None:
    assert list(run(engine).steps) == ["hold", "make", "see", "commit", "break", "release"]


def test_a_second_run_changes_nothing(host: Host, engine: FakeEngine) -> None:
    run(engine)
    retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    seen = watch(host)
    assert not run(engine).changed
    assert seen == []


def test_retirement_leaves_nothing_held(host: Host, engine: FakeEngine) -> None:
    run(engine)
    retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    assert not host.held
    assert {c.color for c in host.containers.values()} == {"green"}
    assert View.take(engine, FakeHaproxy(host), APP).settled_on("green")


@pytest.mark.parametrize("changes", CHANGES)
def test_killed_anywhere_somebody_serves_and_the_next_run_finishes(
    host: Host, engine: FakeEngine, changes: int
) -> None:
    seen = watch(host)
    host.changes_left = changes
    with contextlib.suppress(Killed):
        run(engine)
    host.changes_left = None
    assert all(len(colors) == 1 for colors in seen)
    assert len(host.serving) == 1
    run(engine)
    assert all(len(colors) == 1 for colors in seen)
    assert_settled(host, "green")


@pytest.mark.parametrize("changes", CHANGES)
def test_killed_anywhere_the_next_run_can_go_back(host: Host, engine: FakeEngine, changes: int) -> None:
    host.changes_left = changes
    with contextlib.suppress(Killed):
        run(engine)
    host.changes_left = None
    seen = watch(host)
    run(engine, "blue")
    assert all(len(colors) == 1 for colors in seen)
    assert_settled(host, "blue")


@pytest.mark.parametrize("changes", CHANGES)
def test_killed_anywhere_addresses_are_given_back(host: Host, engine: FakeEngine, changes: int) -> None:
    before = {c.name: c.address for c in host.containers.values()}
    host.changes_left = changes
    with contextlib.suppress(Killed):
        run(engine)
    host.changes_left = None
    run(engine)
    assert {c.name: c.address for c in host.containers.values()} == before


@pytest.mark.parametrize("changes", CHANGES)
def test_killed_anywhere_the_active_color_is_the_one_that_serves(host: Host, engine: FakeEngine, changes: int) -> None:
    host.changes_left = changes
    with contextlib.suppress(Killed):
        run(engine)
    assert {View.take(engine, FakeHaproxy(host), APP).active} == host.serving


@pytest.mark.parametrize("changes", CHANGES)
def test_killed_in_the_retirement_the_next_one_finishes(host: Host, engine: FakeEngine, changes: int) -> None:
    run(engine)
    host.changes_left = changes
    with contextlib.suppress(Killed):
        retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    host.changes_left = None
    assert host.serving == {"green"}
    retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    assert View.take(engine, FakeHaproxy(host), APP).settled_on("green")


@pytest.mark.parametrize("changes", range(8))
def test_an_error_before_the_commit_is_undone(host: Host, engine: FakeEngine, changes: int) -> None:
    replicas = len(host.containers) // 2
    if changes > 2 * replicas:
        pytest.skip("that change comes after the commit")
    seen = watch(host)
    host.fail_at = changes
    with pytest.raises(LumaError, match="refused"):
        run(engine)
    assert all(colors == {"blue"} for colors in seen)
    assert_settled(host, "blue")
    assert not host.held


def test_green_that_does_not_answer_through_the_proxy_is_not_switched_to(host: Host, engine: FakeEngine) -> None:
    proxy = FakeHaproxy(host)
    proxy.answers = lambda slot: 503
    seen = watch(host)
    with pytest.raises(LumaError, match=r"gets no healthy answer from blog-green.*nothing was switched"):
        Switch(engine, proxy, APP, "green", HTTP).run()
    assert all(colors == {"blue"} for colors in seen)
    assert_settled(host, "blue")


def test_an_incomplete_color_is_refused(host: Host, engine: FakeEngine) -> None:
    with pytest.raises(LumaError, match="not complete"):
        Switch(engine, FakeHaproxy(host), APP, "green", HTTP, replicas=7).run()
    assert_settled(host, "blue")


def test_a_stopped_replica_is_refused(host: Host, engine: FakeEngine) -> None:
    last = list(host.containers)[-1]
    host.containers[last] = replace(host.containers[last], running=False, status="exited")
    with pytest.raises(LumaError, match=f"{last} is exited"):
        run(engine)
    assert_settled(host, "blue")


def test_too_few_slots_are_told_before_anything_changes(host: Host, engine: FakeEngine) -> None:
    host.slots = dict(list(host.slots.items())[: len(host.containers) // 2])
    with pytest.raises(LumaError, match="0 free slots"):
        run(engine)
    assert_settled(host, "blue")


def test_check_mode_tells_and_changes_nothing(host: Host, engine: FakeEngine) -> None:
    seen = watch(host)
    assert Switch(engine, FakeHaproxy(host), APP, "green", HTTP).run(check_mode=True).changed
    assert seen == []


def test_the_active_color_is_not_retired(host: Host, engine: FakeEngine) -> None:
    with pytest.raises(LumaError, match="blue is the active color"):
        retire(engine, FakeHaproxy(host), APP, "blue", AT_ONCE, 0)
    assert_settled(host, "blue")


def test_without_a_proxy_the_alias_moves(host: Host, engine: FakeEngine) -> None:
    Switch(engine, None, APP, "green", HTTP).run()
    assert not host.holders("blue")
    assert host.holders("green")


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_first_deployment_serves_once_it_is_committed(tmp_path: Path, replicas: int) -> None:
    host = Host()
    host.add("blue", replicas, serving=False)
    engine = FakeEngine(host, tmp_path)
    seen = watch(host)
    done = run(engine, "blue")
    assert done.previous is None
    assert_settled(host, "blue")
    assert not host.held
    assert seen[0] == set()


def test_a_proxy_that_lost_its_flags_does_not_confuse_the_next_run(host: Host, engine: FakeEngine) -> None:
    """Both colors hold the alias and both are served: the run died before its commit and the proxy was restarted."""
    host.changes_left = 2 * len(host.containers) // 2 + 1
    with pytest.raises(Killed):
        run(engine)
    host.changes_left = None
    host.held.clear()
    run(engine)
    assert_settled(host, "green")


def test_a_foreign_network_is_drained_before_the_addresses_are_lost(host: Host, engine: FakeEngine) -> None:
    host.labels = {}
    assert any("no explicit subnet" in warning for warning in run(engine).warnings)
    assert_settled(host, "green")


def test_a_commit_whose_answer_is_lost_is_a_commit(host: Host, engine: FakeEngine) -> None:
    proxy = LateProxy(host, carries_out=True)
    assert Switch(engine, proxy, APP, "green", HTTP).run().changed
    assert_settled(host, "green")


def test_a_commit_that_the_proxy_refuses_is_undone(host: Host, engine: FakeEngine) -> None:
    seen = watch(host)
    with pytest.raises(LumaError, match="timed out"):
        Switch(engine, LateProxy(host, carries_out=False), APP, "green", HTTP).run()
    assert all(colors == {"blue"} for colors in seen)
    assert_settled(host, "blue")


OLD_ROUTE = Route("shop", "blog", "shop-network", ("blog.com",), check_path="/old")
NEW_ROUTE = replace(OLD_ROUTE, check_path="/new")


class FakeRoutes(Rerouting):
    """The route that the proxy has, and those that are kept, of a host in memory."""

    def __init__(self, host: Host, wanted: Route | None) -> None:
        super().__init__(wanted=wanted)
        self.host = host
        self.loaded = OLD_ROUTE
        self.kept: dict[str, Route] = {}

    def choose(self, color: str, moves: bool) -> None:
        self.route = self.wanted or (self.kept[color] if moves else None)
        self.is_due = self.route not in (None, self.loaded)

    def keep(self, color: str) -> None:
        self.kept[color] = self.loaded

    def load(self) -> None:
        self.host.change()
        assert self.route
        self.loaded = self.route


def reroute(engine: FakeEngine, routes: FakeRoutes, color: str) -> None:
    Switch(engine, FakeHaproxy(engine.host), APP, color, HTTP, rerouting=routes).run()


@pytest.mark.parametrize("changes", CHANGES)
def test_killed_anywhere_no_color_is_left_with_the_route_of_the_other(
    host: Host, engine: FakeEngine, changes: int
) -> None:
    routes = FakeRoutes(host, NEW_ROUTE)
    host.changes_left = changes
    with contextlib.suppress(Killed):
        reroute(engine, routes, "green")
    host.changes_left = None
    if host.serving == {"blue"}:
        assert routes.loaded == OLD_ROUTE
    reroute(engine, routes, "green")
    assert routes.loaded == NEW_ROUTE
    assert_settled(host, "green")
    routes.wanted = None
    reroute(engine, routes, "blue")
    assert routes.loaded == OLD_ROUTE
    assert_settled(host, "blue")


@pytest.mark.parametrize(("requests_wait", "first"), [(True, "drain"), (False, "ready")])
def test_a_commit_drains_first_where_requests_wait(host: Host, requests_wait: bool, first: str) -> None:
    """HAProxy carries out a batch command by command."""
    batches: list[str] = []

    class Proxy(FakeHaproxy):
        def run(self, command: str) -> str:
            batches.append(command)
            return super().run(command)

    proxy = Proxy(host)
    proxy.requests_wait = requests_wait
    proxy.commit(APP.backend, ready=["blog3", "blog4"], drain=["blog1"])
    states = [command.rpartition(" ")[2] for command in batches[-1].split("; ")]
    assert (states[0], sorted(states)) == (first, ["drain", "ready", "ready"])


class LateProxy(FakeHaproxy):
    """Answers the commit too late, having carried it out or not."""

    def __init__(self, host: Host, carries_out: bool) -> None:
        super().__init__(host)
        self.carries_out = carries_out

    def run(self, command: str) -> str:
        is_commit = "state ready" in command and "state drain" in command
        if not is_commit:
            return super().run(command)
        if self.carries_out:
            super().run(command)
        raise LumaError("timed out")


def test_the_color_to_return_to_is_one_that_served(host: Host, engine: FakeEngine) -> None:
    """Green was made by a run that died before its switch; later one dies before it retires blue."""
    prepared = View.take(engine, FakeHaproxy(host), APP)
    assert color_to_return_to(prepared, "green") == "blue"
    assert color_to_return_to(prepared, "blue") is None
    run(engine)
    switched = View.take(engine, FakeHaproxy(host), APP)
    assert color_to_return_to(switched, "green") == "blue"


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
