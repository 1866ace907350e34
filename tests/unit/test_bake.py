# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bake takes for a regression, and what not, in a world that changes from look to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.release import bake as bake_module
from ansible_collections.luma.deploy.plugins.module_utils.release.bake import Bake, Baked, Limits
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck, Probe
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held

from tests.unit.fakes import APP, FakeEngine, FakeHaproxy, Host

GREEN = ("blog-green-1", "blog-green-2")
# The slots of blue, which has lost the alias, and of green.
BLUES, GREENS = ("blog1", "blog2"), ("blog3", "blog4")


class World(FakeHaproxy, FakeEngine):
    """An engine and a proxy for two replicas of green, where each second something may happen."""

    def __init__(self, folder: Path) -> None:
        FakeEngine.__init__(self, Host(), folder)
        self.host.add("blue", 2, serving=True)
        self.host.add("green", 2, serving=True)
        self.host.slots |= dict.fromkeys(BLUES, "")
        self.answers_by_slot = {slot: [0, 0] for slot in self.host.slots}
        self.process = 1
        self.silent = False
        self.unhealthy: set[str] = set()
        self.seconds = 0.0
        self.each_second: Callable[[int], None] = lambda second: None

    # What happens

    def answer(self, slot: str, good: int = 0, bad: int = 0) -> None:
        self.answers_by_slot[slot][0] += good
        self.answers_by_slot[slot][1] += bad

    def begin_anew(self) -> None:
        self.process += 1
        self.answers_by_slot = {slot: [0, 0] for slot in self.host.slots}

    def becomes(self, name: str, **facts: object) -> None:
        self.host.containers[name] = replace(self.host.containers[name], **facts)  # type: ignore[arg-type]

    # What is asked

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.each_second(round(self.seconds))

    def run(self, command: str) -> str:
        if self.silent:
            raise LumaError("luma-proxy does not answer")
        if command == "show info":
            return f"Name: HAProxy\nPid: {self.process}\nStart_time_sec: 7\n"
        if command.startswith("show stat"):
            rows = [f"shop:blog,{slot},0,{good},{bad},0" for slot, (good, bad) in self.answers_by_slot.items()]
            return "\n".join(["# pxname,svname,scur,hrsp_2xx,hrsp_5xx,eresp", *rows, ""])
        return super().run(command)

    def logs(self, name: str, lines: int = 20) -> list[str]:
        return [f"the last words of {name}"]

    def probe(self, _engine: object, _check: HealthCheck, container: Container) -> Probe:
        return Probe(container.name not in self.unhealthy, "GET /up answered")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(bake_module, "time", SimpleNamespace(monotonic=lambda: made.seconds, sleep=made.sleep))
    monkeypatch.setattr(bake_module, "probe", made.probe)
    return made


def bake(world: World, *, proxied: bool = True, held: Held | None = None) -> Baked:
    proxy = world if proxied else None
    return Bake(world, proxy, APP, "green", HealthCheck("http"), Limits(), held or Held()).run(10)


def refusal(world: World) -> str:
    with pytest.raises(LumaError) as raised:
        bake(world)
    assert raised.value.facts["container"] in GREEN
    return str(raised.value)


def test_what_stays_well_is_told_in_figures(world: World) -> None:
    world.answer(BLUES[0], good=9_900, bad=100)
    # An earlier release had green's slot.
    world.answer(GREENS[0], bad=5_000)
    world.each_second = lambda second: world.answer(GREENS[second % 2], good=120, bad=1)
    assert str(bake(world)) == "Baked 10 s: 1,210 requests, 0.8 % errors, before 1.0 %"
    assert world.seconds == 10


def test_without_requests_or_a_proxy_there_are_no_figures(world: World) -> None:
    assert str(bake(world)) == "Baked 10 s: no request came, 2 replica(s) stayed healthy"
    assert str(bake(world, proxied=False)) == "Baked 10 s: 2 replica(s) stayed healthy"


def test_more_errors_than_before_are_a_regression(world: World) -> None:
    world.answer(BLUES[0], good=999, bad=1)
    world.each_second = lambda second: world.answer(GREENS[1], good=30, bad=3)
    text = refusal(world)
    assert "blog-green-2 answered 6 of 66 requests with 5xx or not at all" in text
    assert "all of green: 9.1 % of 66, before: 0.1 % of 1000" in text
    assert "  the last words of blog-green-2" in text
    assert world.seconds == 2


@pytest.mark.parametrize(("errors_before", "errors"), [(0, 4), (60, 12)])
def test_few_errors_and_as_many_as_before_are_none(world: World, errors_before: int, errors: int) -> None:
    world.answer(BLUES[0], good=1000 - errors_before, bad=errors_before)
    world.each_second = lambda second: world.answer(GREENS[0], good=90, bad=errors) if second == 3 else None
    bake(world)


def test_counters_that_begin_anew_are_added_up(world: World) -> None:
    def happens(second: int) -> None:
        if second == 4:
            world.begin_anew()
            # The proxy's new worker gives green's addresses to other slots.
            slots = world.host.slots
            slots.update({BLUES[0]: slots[GREENS[0]], GREENS[0]: ""})
        world.silent = second == 7
        for slot in (BLUES[0] if second >= 4 else GREENS[0], GREENS[1]):
            world.answer(slot, good=10)

    world.each_second = happens
    assert bake(world).traffic == bake_module.Count(200, 0)


def test_one_failed_check_is_none_and_three_in_a_row_are(world: World) -> None:
    def happens(second: int) -> None:
        world.unhealthy = {"blog-green-1"} if second in (2, 3) or second > 5 else set()

    world.each_second = happens
    text = refusal(world)
    assert "blog-green-1 failed its health check 3 times in a row; the last time: GET /up answered." in text
    assert world.seconds == 8


@pytest.mark.parametrize(
    ("facts", "saw"),
    [
        ({"running": False, "exit_code": 3}, "exited with code 3"),
        ({"restarts": 1}, "was started again by Docker, since it had ended"),
        ({"running": False, "exit_code": 137, "oom_killed": True}, "exited with code 137, out of memory"),
    ],
)
def test_a_container_that_ends_is_a_regression(world: World, facts: dict[str, object], saw: str) -> None:
    world.each_second = lambda second: world.becomes("blog-green-2", **facts)
    assert f"blog-green-2 {saw}." in refusal(world)


def test_the_other_color_may_end(world: World) -> None:
    world.each_second = lambda second: world.becomes("blog-blue-1", running=False)
    bake(world)


def test_a_color_that_is_gone_is_a_regression_too(world: World) -> None:
    world.each_second = lambda second: world.remove("blog-green-1") if second == 1 else None
    assert "blog-green-1 is gone" in refusal(world)


def test_it_ends_where_the_run_is_interrupted(world: World) -> None:
    class Interrupted(Held):
        def stop_where_lost(self, work: str) -> None:
            if world.seconds >= 3:
                raise LumaError(f"{work} was stopped", interrupted=True)

    with pytest.raises(LumaError, match="The bake of blog was stopped"):
        bake(world, held=Interrupted())
    assert world.seconds == 3
