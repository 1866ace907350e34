# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of an app on a host: who gets it, when its holder counts as silent, and what becomes of its steps."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.run import lock as lock_module
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held, Holder, Lock, no_deployment
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.lookups import locks

from tests.unit.fakes import is_locked

MINE = {"id": "mine", "by": "me@laptop", "host": "laptop", "pid": 12, "command": "luma deploy blog"}
YOURS = {"id": "yours", "by": "you@desk", "host": "desk", "pid": 34, "command": "luma rollback blog"}
ROUNDS, RACERS = 40, 4


class Clock:
    """The host's seconds since its start."""

    boot = "first"
    uptime = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(lock_module, "boot_id", lambda: made.boot)
    monkeypatch.setattr(lock_module, "uptime", lambda: made.uptime)
    return made


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    return Lock(str(tmp_path), "shop", "blog")


def holder(lock: Lock) -> str:
    now = lock.read()
    return now.id if now else ""


def found(lock: Lock) -> Holder:
    holder = lock.read()
    assert holder
    return holder


def refused(action: Callable[[], Any]) -> LumaError:
    with pytest.raises(LumaError) as caught:
        action()
    return caught.value


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file can get longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- who gets it --------------------------------------------------------------------------------------------------


def test_of_two_that_come_at_once_one_gets_it(lock: Lock) -> None:
    fork = multiprocessing.get_context("fork")
    start, wins = fork.Barrier(RACERS), fork.Queue()

    def race(name: str) -> None:
        for number in range(ROUNDS):
            start.wait(20)
            with contextlib.suppress(LumaError):
                lock.take({"id": f"{name}-{number}"})
                wins.put(number)
            start.wait(20)
            lock.release(f"{name}-{number}")

    racers = [fork.Process(target=race, args=(str(name),), daemon=True) for name in range(RACERS)]
    for racer in racers:
        racer.start()
    assert sorted(wins.get(timeout=20) for _round in range(ROUNDS)) == list(range(ROUNDS))
    for racer in racers:
        racer.join(20)
    assert wins.empty()
    assert holder(lock) == ""


def test_another_run_is_told_who_holds_it(lock: Lock, clock: Clock) -> None:
    assert lock.take(MINE) is None
    clock.uptime += 3
    error = refused(lambda: lock.take(YOURS))
    assert str(error).startswith("blog is being deployed by me@laptop (luma deploy blog, process 12) since 20")
    assert "last sign of life 3 s ago" in str(error)
    assert error.facts["locked"]
    assert {name: error.facts["holder"][name] for name in MINE} == MINE
    assert holder(lock) == "mine"


def test_the_holder_takes_it_again(lock: Lock, clock: Clock) -> None:
    lock.take(MINE)
    clock.uptime += 3
    before = lock.take(dict(MINE, command="another"))
    assert before
    assert before.run["command"] == "luma deploy blog"
    assert (found(lock).run, found(lock).age) == (before.run, 0)


def test_another_run_waits_for_it_where_it_is_told_to(lock: Lock) -> None:
    lock.take(MINE)
    thread = threading.Timer(0.1, lock.release, ("mine",))
    thread.start()
    assert lock.take(YOURS, wait=20) is None
    thread.join()
    assert holder(lock) == "yours"


def test_only_its_holder_releases_it_unless_it_is_forced(lock: Lock) -> None:
    assert lock.release("mine") is None
    lock.take(MINE)
    assert lock.release("yours") is None
    assert holder(lock) == "mine"
    forced = lock.release(None)
    assert forced
    assert forced.id == "mine"
    assert holder(lock) == ""
    assert lock.release(None) is None


def test_apps_and_projects_are_apart(lock: Lock, tmp_path: Path) -> None:
    lock.take(MINE)
    others = [Lock(str(tmp_path), "shop", "api"), Lock(str(tmp_path), "news", "blog")]
    for other in others:
        other.take(YOURS)
    assert [holder(each) for each in (lock, *others)] == ["mine", "yours", "yours"]
    with no_deployment(str(tmp_path), "other"):
        pass


def test_work_on_a_whole_project_and_its_deployments_keep_each_other_out(lock: Lock, tmp_path: Path) -> None:
    with no_deployment(str(tmp_path), "shop"):
        assert is_locked(lock.folder)
    lock.take(MINE)
    with pytest.raises(LumaError, match="blog is being deployed by me@laptop"), no_deployment(str(tmp_path), "shop"):
        pass
    assert not is_locked(lock.folder)


def test_a_run_that_died_keeps_no_work_from_a_project(lock: Lock, clock: Clock, tmp_path: Path) -> None:
    lock.take(MINE, lease=10)
    clock.uptime += 11
    with no_deployment(str(tmp_path), "shop"):
        assert is_locked(lock.folder)


def test_only_root_reads_it(lock: Lock) -> None:
    lock.take(MINE)
    assert stat.S_IMODE(lock.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(lock.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"run": {"id": "x"}}'])
def test_what_a_host_without_power_left_is_nobodys(lock: Lock, damage: str) -> None:
    lock.take(MINE)
    lock.file.write_text(damage)
    assert lock.read() is None
    assert lock.take(YOURS) is None


# --- signs of life ------------------------------------------------------------------------------------------------


def test_it_is_stale_once_its_holder_was_silent_for_longer_than_its_lease(lock: Lock, clock: Clock) -> None:
    lock.take(MINE)
    clock.uptime += 60
    assert not found(lock).stale
    clock.uptime += 1
    assert found(lock).stale
    lock.renew("mine", lease=300)
    clock.uptime += 299
    assert not found(lock).stale
    lock.renew("mine")
    clock.uptime += 61
    assert found(lock).stale


def test_a_stale_one_is_taken_from_its_holder_only_by_who_knows_that_it_is_dead(lock: Lock, clock: Clock) -> None:
    lock.take(MINE)
    clock.uptime += 100
    assert "luma lock release blog" in str(refused(lambda: lock.take(YOURS)))
    assert refused(lambda: lock.take(YOURS, take_over=["other"])).facts["holder"]["stale"]
    before = lock.take(YOURS, take_over=["other", "mine"])
    assert before
    assert (before.id, before.age) == ("mine", 100)
    assert holder(lock) == "yours"


def test_after_a_reboot_its_holder_has_been_silent_since_then_at_least(lock: Lock, clock: Clock) -> None:
    lock.take(MINE)
    clock.boot, clock.uptime = "second", 20
    assert (found(lock).age, found(lock).stale) == (20, False)
    clock.uptime = 61
    assert found(lock).stale
    lock.renew("mine")
    assert not found(lock).stale


@pytest.mark.parametrize("time_of_day", ["2001-01-01T00:00:00+00:00", "2101-01-01T00:00:00+00:00"])
def test_no_clock_that_can_be_set_counts(
    lock: Lock, clock: Clock, time_of_day: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "now", lambda: time_of_day)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    lock.take(MINE)
    os.utime(lock.file, (0, 0))
    clock.uptime += 5
    assert found(lock).age == 5


def test_uptime_is_in_seconds_and_a_boot_has_an_id() -> None:
    before = lock_module.uptime()
    time.sleep(0.01)
    assert 0.01 <= lock_module.uptime() - before < 60
    assert lock_module.boot_id() == lock_module.boot_id() != ""


def test_a_full_disk_keeps_a_run_from_beginning_but_not_from_going_on(lock: Lock, clock: Clock) -> None:
    lock.take(MINE)
    with full_disk():
        with lock.held("mine"):
            clock.uptime += 100
        lock.release("mine")
        error = refused(lambda: lock.take(YOURS))
    assert "The lock of blog cannot be changed" in str(error)
    assert "locked" not in error.facts
    assert holder(lock) == ""


# --- steps --------------------------------------------------------------------------------------------------------


def test_a_step_is_refused_without_the_lock(lock: Lock) -> None:
    def step() -> None:
        with lock.held("mine"):
            pytest.fail("it works")

    error = refused(step)
    assert "blog is not locked by this run any more: the lock was released." in str(error)
    assert error.facts == {"locked": True, "holder": None}
    lock.take(YOURS)
    error = refused(step)
    assert "another run has taken over, you@desk" in str(error)
    assert error.facts["holder"]["id"] == "yours"


def test_a_step_gives_signs_of_life(lock: Lock, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "RENEWAL_SECONDS", 0.01)
    lock.take(MINE)
    clock.uptime += 50
    with lock.held("mine"):
        assert found(lock).age == 0
        clock.uptime += 50
        wait_for(lambda: found(lock).age == 0)
    clock.uptime += 50
    assert found(lock).age == 50


def test_a_step_is_told_why_it_has_to_end(lock: Lock) -> None:
    lock.take(MINE)
    with lock.held("mine") as held:
        assert held.lost() == ""
        held.stop_where_lost("The preparation of blog")
        assert not lock.interrupt("yours")
        assert held.lost() == ""
        assert lock.interrupt("mine")
        assert not lock.interrupt("mine")
        assert held.lost() == "the run was interrupted"
        lock.renew("mine")
        error = refused(lambda: held.stop_where_lost("The preparation of blog"))
        assert (str(error), error.facts) == (
            "The preparation of blog was stopped: the run was interrupted.",
            {"interrupted": True},
        )
        lock.release(None)
        assert held.lost() == "the lock was released"
    assert Held().lost() == ""


def test_a_run_is_interrupted_before_it_has_the_lock(lock: Lock) -> None:
    """Ctrl-C is quicker than the step that is on its way to the host."""
    lock.interrupt("mine")
    lock.take(YOURS)
    assert not found(lock).interrupted
    lock.interrupt("mine")
    assert "is being deployed by" in str(refused(lambda: lock.take(MINE, wait=20)))
    lock.release("yours")
    lock.take(MINE)
    with lock.held("mine") as held:
        assert held.lost() == "the run was interrupted"
    lock.release("mine")
    lock.take(MINE)
    assert not found(lock).interrupted


def test_what_undoes_an_interrupted_step_works_under_the_lock_as_well(lock: Lock) -> None:
    lock.take(MINE)
    lock.interrupt("mine")
    with lock.held("mine") as held:
        assert held.lost()


def test_who_takes_over_waits_until_a_step_of_the_dead_run_has_undone_itself(lock: Lock) -> None:
    lock.take(MINE)
    at_work, undone = threading.Event(), threading.Event()

    def step() -> None:
        with lock.held("mine") as held:
            at_work.set()
            wait_for(held.lost)
            time.sleep(0.2)
            undone.set()

    thread = threading.Thread(target=step)
    thread.start()
    at_work.wait(20)
    lock.take(YOURS, take_over=["mine"])
    assert undone.is_set()
    thread.join()


def test_a_step_that_does_not_end_keeps_others_from_beginning(lock: Lock) -> None:
    lock.take(MINE)
    lock.step_timeout = 0.2
    with lock.held("mine"):
        error = refused(lambda: lock.take(YOURS, take_over=["mine"]))
        assert "still at work on blog" in str(error)
        assert error.facts == {"locked": True}
        # Nor does it let in the next one, which finds no lock.
        assert holder(lock) == ""
        assert refused(lambda: lock.take(YOURS))
    assert lock.take(YOURS) is None


# --- for people ---------------------------------------------------------------------------------------------------


def test_its_status_on_each_host(lock: Lock, clock: Clock) -> None:
    lock.take(MINE)
    clock.uptime += 61
    silent = found(lock)
    looks: dict[str, Any] = {
        "web1": {"apps": [{"name": "blog", "holder": None, "words": ""}]},
        "web2": {"apps": [{"name": "blog", "holder": silent.facts(), "words": str(silent)}]},
        "web3": {"unreachable": True, "msg": "no route"},
    }
    assert locks([{"name": "blog", "hosts": ["web1", "web2", "web3"]}], looks)["report"] == [
        "blog",
        "  web1  free",
        f"  web2  ⚠️ silent for too long: locked by {silent}",
    ]
