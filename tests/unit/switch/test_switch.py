# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch in every state that a run can leave behind, on a host in memory whose run dies at each change."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host import client
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import View
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    retire,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.preparation import color_to_return_to
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting
from ansible_collections.luma.deploy.plugins.module_utils.release.switch import Switch

from tests.unit.fakes import APP, FakeEngine, FakeHaproxy, Host, Killed
from tests.unit.switch.steps import AT_ONCE, HTTP, run

# More changes than a switch and a retirement of three replicas make.
CHANGES = range(40)


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


def test_one_container_at_a_time_is_detached(host: Host, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PARALLEL", 10)
    together = threading.Event()

    def look() -> None:
        detached = [c.name for c in host.containers.values() if not c.attached]
        if len(detached) > 1:
            together.set()
        elif detached:
            # Another thread would have its turn now.
            together.wait(0.02)

    host.seen = look
    assert run(engine).moves
    assert not together.is_set()


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
