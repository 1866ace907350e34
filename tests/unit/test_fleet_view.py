# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a fleet while it is deployed to: the lines, and what a terminal makes of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible import constants
from ansible_collections.luma.deploy.plugins.callback.luma import CallbackModule
from ansible_collections.luma.deploy.plugins.plugin_utils.images import progress
from ansible_collections.luma.deploy.plugins.plugin_utils.images.progress import Sent
from ansible_collections.luma.deploy.plugins.plugin_utils.output.fleet_view import (
    FleetView,
    Step,
    cut,
    phase_of,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.output.live_lines import LiveLines

from tests.terminal import Screen
from tests.unit.live_fleet import HOSTS

ROOT = Path(__file__).parents[2]
WIDE = os.terminal_size((100, 40))


class Story:
    """A deployment of blog in which things happen at certain seconds."""

    def __init__(self, *hosts: str, color: str = "green") -> None:
        self.view = FleetView()
        self.view.deploy("blog", {host: {color} for host in hosts}, 0.0)

    def step(self, host: str, phase: str, began: float, ended: float, *, failed: bool = False) -> None:
        self.view.steps[host] = Step("A task", began, phase)
        self.view.end(host, ended, failed=failed)

    def lines(self, now: float, size: os.terminal_size = WIDE, **sent: Sent) -> list[str]:
        return self.view.lines(now, size, sent)


def test_a_host_has_a_line_with_the_phases_that_it_has_passed() -> None:
    story = Story("one", "two", "three", "four")
    for host in ("one", "two", "four"):
        story.step(host, "prepare", 0.0, 4.0)
    story.step("one", "switch", 5.0, 6.2)
    story.step("one", "retire", 7.0, 9.0)
    story.view.steps["two"] = Step("Switch", 5.0, "switch")
    story.step("three", "prepare", 0.0, 3.0, failed=True)
    lines = story.lines(9.0)
    assert lines[0] == "✓ one    blog green  prepare 4.0 s ▸ switch 1.2 s ▸ retire 2.0 s"
    assert lines[1][1:] == " two    blog green  prepare 4.0 s ▸ switch 4 s"
    assert lines[2:] == ["✗ three  blog green  prepare failed", "· four   blog green  prepare 4.0 s"]


def test_a_phase_of_two_processes_or_waves_is_one_and_what_was_skipped_is_none() -> None:
    story = Story("one")
    story.step("one", "switch", 2.0, 3.0)
    story.step("one", "switch", 5.0, 7.0)
    story.view.steps["one"] = Step("Switch", 7.0, "bake")
    story.view.end("one", 9.0, skipped=True)
    assert story.lines(9.0) == ["· one  blog green  switch 3.0 s"]


def test_where_a_line_is_too_short_the_first_phases_are_left_out() -> None:
    story = Story("one")
    for number, phase in enumerate(("prepare", "release", "switch", "bake", "retire")):
        story.step("one", phase, number, number + 1.0)
    (line,) = story.lines(9.0, os.terminal_size((60, 24)))
    assert line == "✓ one  blog green  … ▸ bake 1.0 s ▸ retire 1.0 s"


def test_a_quick_deployment_is_not_drawn_and_a_long_task_is_drawn_without_one() -> None:
    assert Story("one").lines(0.9) == []
    view = FleetView()
    view.steps["localhost"] = Step("Build image", 1.0)
    assert view.lines(1.9, WIDE, {}) == []
    assert [line[2:] for line in view.lines(6.0, WIDE, {})] == ["localhost  Build image 5 s"]


def test_the_next_app_begins_anew() -> None:
    story = Story("one")
    story.step("one", "prepare", 0.0, 1.0)
    story.view.deploy("shop", {"two": set()}, 5.0)
    assert story.lines(7.0) == ["· two  shop"]


def test_an_image_that_is_sent_has_a_bar() -> None:
    story = Story("one")
    story.view.steps["one"] = Step("Prepare", 0.0, "prepare")
    assert story.lines(2.0, one=Sent(0, 0))[0][2:] == "one  blog green  prepare 2 s  packing the image"
    assert story.lines(3.0, one=Sent(31_000_000, 62_000_000))[0][2:] == (
        "one  blog green  prepare 3 s  █████░░░░░ 31.0 MB of 62.0 MB"
    )


def test_a_fleet_that_does_not_fit_shows_failures_and_work_first() -> None:
    story = Story(*HOSTS)
    story.view.steps[HOSTS[7]] = Step("Switch", 2.0, "switch")
    story.step(HOSTS[20], "prepare", 0.0, 1.0, failed=True)
    for host in HOSTS[:5]:
        story.step(host, "retire", 1.0, 2.0)
    lines = story.lines(9.0, os.terminal_size((80, 8)))
    assert [line.split()[1] for line in lines[:5]] == [HOSTS[number] for number in (5, 6, 7, 8, 20)]
    assert lines[5:] == ["… and 25 more: 20 waiting, 5 done"]


def test_no_line_is_wider_than_the_terminal() -> None:
    assert cut("日本語", 6) == "日本語"
    assert cut("日本語", 5) == "日本…"
    (line,) = Story("a-host-with-a-name-that-takes-much-room.example.com").lines(9.0, os.terminal_size((30, 24)))
    assert line == "· a-host… blog green".replace("… ", "…  ")


@pytest.mark.parametrize(
    ("module", "arguments", "phase"),
    [
        ("bluegreen_container", {}, "prepare"),
        ("bluegreen_container", {"state": "absent"}, "undo"),
        ("network_alias_switch", {"restore_route": True}, "undo"),
        ("graceful_shutdown", {}, "retire"),
        ("deploy_lock", {"state": "absent"}, ""),
    ],
)
def test_the_phase_follows_from_the_module(module: str, arguments: dict[str, object], phase: str) -> None:
    assert phase_of(f"luma.deploy.{module}", arguments) == phase


def test_how_far_an_image_is_is_noted_for_whoever_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    assert not progress.note("one", Sent(1, 2))
    assert progress.on_their_way() == {}
    progress.watch()
    with progress.shown("a/b"):
        assert progress.on_their_way() == {"a/b": Sent(0, 0)}
        assert progress.note("a/b", Sent(1, 2))
        assert progress.on_their_way() == {"a/b": Sent(1, 2)}
    assert progress.on_their_way() == {}


def test_a_quiet_run_prints_no_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(CallbackModule, "get_option", lambda _callback, option: option == "quiet")
    CallbackModule().v2_playbook_on_start(SimpleNamespace(_file_name="deploy.yml"))
    assert progress.note("one", Sent(1, 2))


# On a terminal


def block(lines: list[str]) -> list[str]:
    return [line for line in lines if "blog green" in line]


def test_thirty_hosts_fit_where_there_is_room_below_what_is_printed_and_nothing_is_left_of_them() -> None:
    environment = {"PYTHONPATH": f"{ROOT}/.collections:{ROOT}"}
    screen = Screen(24, 80, sys.executable, "-m", "tests.unit.live_fleet", **environment)
    screen.wait_until(lambda lines: len(block(lines)) == 21 and lines[-1] == "… and 9 more: 9 at work")
    screen.resize(50, 120)
    screen.wait_until(lambda lines: [line.split()[1] for line in block(lines)] == HOSTS)
    screen.type(f"print a report, of two lines\nfail {HOSTS[3]}\nprint another\n")
    failed = "✗ web-03.example.com  blog green  prepare failed"
    lines = screen.wait_until(lambda lines: "another" in lines and failed in lines and len(block(lines)) == 30)
    assert [line for line in lines if line][:3] == ["a report", "of two lines", "another"]
    screen.type("close\n")
    assert screen.end() == 0
    assert [line for line in screen.lines if line] == ["a report", "of two lines", "another"]
    assert screen.shows_cursor


def test_a_terminal_that_knows_no_codes_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert not LiveLines().on_terminal
    monkeypatch.setenv("TERM", "xterm")
    assert LiveLines().on_terminal
