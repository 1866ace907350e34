# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs at certain times: what luma.yml may say, and what cron is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.release import schedule as scheduling
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load

from tests.unit.fakes import FakeEngine, Host


def report(folder: Path, keys: str) -> dict[str, Any]:
    text = f"name: shop\napps: {{shop: {{image: i, processes: {{report: {{{keys}}}}}}}}}\n"
    (folder / "luma.yml").write_text(text)
    read = load(str(folder / "luma.yml"), inventory=Inventory(["a", "b"]))
    return dict(read["apps"]["shop-report"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("*/5   0-23/2 1,15 JAN-mar mon,3,7", "*/5 0-23/2 1,15 jan-mar mon,3,7"),
        ("59 23 31 12 0", "59 23 31 12 0"),
        ("@Daily", "@daily"),
    ],
)
def test_what_cron_takes(tmp_path: Path, written: str, expected: str) -> None:
    app = report(tmp_path, f"schedule: '{written}'")
    assert (app["schedule"], app["hosts"]) == (expected, ["a"])


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ("schedule: 3", "3 is not five fields as cron has them"),
        ("schedule: '@reboot'", "is not five fields as cron has them, such as 0 3"),
        ("schedule: '60 * * * *'", "60 is no minute from 0 to 59"),
        ("schedule: '* 24 * * *'", "24 is no hour from 0 to 23"),
        ("schedule: '* * 0 * *'", "0 is no day of the month from 1 to 31"),
        ("schedule: '* * * mon *'", "mon is no month from 1 to 12"),
        ("schedule: '* * * * 5-1'", "5-1 is no day of the week from 0 to 7"),
        ("schedule: '5/2 * * * *'", "5/2 is no minute"),
        ("schedule: '*/0 * * * *'", "is no minute"),
        ("schedule: '*-3 * * * *'", "is no minute"),
        ("schedule: '1,, * * * *'", "is no minute"),
        ("schedule: '* * * * *;reboot'", "is no day of the week"),
        ("schedule: '@daily', replicas: 2", "replicas: a process with a schedule has one container"),
        ("schedule: '@daily', proxy: {hosts: [a.test]}", "proxy: a process with a schedule is not routed"),
        (
            "schedule: '@daily', health_check: {command: [a]}",
            "health_check: a process with a schedule is judged by",
        ),
    ],
)
def test_what_it_cannot_be(tmp_path: Path, keys: str, mistake: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        report(tmp_path, keys)
    assert mistake in str(caught.value)


@pytest.fixture
def schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schedule:
    monkeypatch.setattr(scheduling, "CRON_FOLDER", tmp_path / "cron.d")
    (tmp_path / "cron.d").mkdir()
    engine = FakeEngine(Host(), tmp_path)
    engine.docker_host = "tcp://10.0.0.1:2375/100%"
    return Schedule(engine, App("my.shop_1", "report"), str(tmp_path / "luma"))


def test_cron_gets_a_file_that_it_reads(schedule: Schedule) -> None:
    assert schedule.is_set("")
    schedule.set("0 3 * * *")
    assert (schedule.is_set("0 3 * * *"), schedule.is_set("0 4 * * *"), schedule.is_set("")) == (True, False, False)
    assert schedule.file.name == "luma-my_2eshop_5f1--report"
    assert schedule.file.read_text().splitlines()[-1].startswith("0 3 * * * root ")
    assert schedule.file.read_text().endswith(" tcp://10.0.0.1:2375/100\\% my.shop_1 report\n")
    assert schedule.file.stat().st_mode & 0o777 == 0o644
    # A newer luma may have another program.
    schedule.program.write_text("older")
    assert not schedule.is_set("0 3 * * *")
    schedule.set("")
    assert not schedule.file.exists()
    (schedule.file / "folder").mkdir(parents=True)
    with pytest.raises(LumaError, match="Cron could not be told of report's schedule"):
        schedule.set("0 3 * * *")


def test_what_has_no_schedule_any_more_is_not_started(schedule: Schedule) -> None:
    schedule.set("0 3 * * *")
    assert schedule.follow([], check_mode=True) == schedule.follow([]) == ["report has no schedule any more"]
    assert schedule.follow([]) == []


def test_a_host_without_cron_is_refused(schedule: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_processes", lambda: iter(["init", "crond"]))
    schedule.refuse_missing()
    monkeypatch.setattr(scheduling, "_processes", lambda: iter(["init", "croned"]))
    with pytest.raises(LumaError, match="apt-get install cron"):
        schedule.refuse_missing()
