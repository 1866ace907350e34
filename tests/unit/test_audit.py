# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log of a host, and what several hosts' logs come to."""

from __future__ import annotations

import multiprocessing
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.run.audit import AuditLog
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.lookups import audit

RUN = {"id": "r1", "by": "me@laptop", "host": "laptop", "pid": 12, "command": "luma deploy blog"}
WRITERS, LINES = 4, 50


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(str(tmp_path / "luma"))


def outcomes(log: AuditLog, *apps: str, lines: int = 1000) -> list[str]:
    return [line["outcome"] for line in log.read("shop", apps, lines)]


def test_a_line_says_who_what_from_where_and_what_came_of_it(log: AuditLog) -> None:
    assert log.read("shop", [], 10) == []
    log.add("shop", "blog", RUN, {"outcome": "deployed", "release": "3f2a"})
    (line,) = log.read("shop", ["blog"], 10)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", line.pop("at"))
    assert line == {
        "by": "me@laptop",
        "from": "laptop",
        "command": "luma deploy blog",
        "id": "r1",
        "project": "shop",
        "app": "blog",
        "outcome": "deployed",
        "release": "3f2a",
    }


def test_the_last_lines_of_the_apps_in_question_newest_last(log: AuditLog) -> None:
    for number in range(4):
        log.add("shop", "blog", RUN, {"outcome": f"b{number}"})
        log.add("shop", "api", RUN, {"outcome": f"a{number}"})
        log.add("news", "blog", RUN, {"outcome": "foreign"})
    assert outcomes(log, "blog", lines=2) == ["b2", "b3"]
    assert outcomes(log, lines=3) == ["a2", "b3", "a3"]


def test_there_are_two_files_at_the_most(tmp_path: Path) -> None:
    log = AuditLog(str(tmp_path), max_bytes=1000)
    for number in range(100):
        log.add("shop", "blog", RUN, {"outcome": f"b{number}"})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["audit.log", "audit.log.1"]
    assert all(500 < file.stat().st_size <= 1000 for file in (log.rotated,))
    assert log.file.stat().st_size <= 1000
    kept = outcomes(log)
    assert kept == [f"b{number}" for number in range(100)][-len(kept) :]
    assert len(kept) > 5


def test_writers_do_not_disturb_each_other(log: AuditLog) -> None:
    fork = multiprocessing.get_context("fork")
    # It is rotated once on the way.
    log.max_bytes = 20_000

    def write(name: str) -> None:
        for number in range(LINES):
            log.add("shop", name, RUN, {"outcome": f"{name}{number}"})

    writers = [fork.Process(target=write, args=(str(name),), daemon=True) for name in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(20)
    assert log.rotated.exists()
    for name in map(str, range(WRITERS)):
        assert outcomes(log, name) == [f"{name}{number}" for number in range(LINES)]


def test_a_line_that_was_cut_is_left_out(log: AuditLog) -> None:
    log.add("shop", "blog", RUN, {"outcome": "first"})
    with log.file.open("ab") as file:
        # Within a character, too.
        file.write('{"at": "2026-11-23", "problem": "…'.encode()[:-1])
    log.add("shop", "blog", RUN, {"outcome": "second"})
    log.add("shop", "blog", RUN, {"outcome": "third"})
    assert outcomes(log) == ["first", "second", "third"]
    assert len(log.file.read_bytes().splitlines()) == 4


def test_only_root_reads_it(log: AuditLog) -> None:
    log.add("shop", "blog", RUN, {"outcome": "deployed"})
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600


def test_a_run_that_came_to_the_same_on_several_hosts_has_one_line() -> None:
    def line(run: str, minute: int, outcome: str, **facts: Any) -> dict[str, Any]:
        who = {"app": "blog", "by": "me@laptop", "command": "luma deploy"}
        return {"id": run, "at": f"2026-11-23T01:{minute:02}:00+00:00", "outcome": outcome, **who, **facts}

    found: dict[str, Any] = {
        "web1": {"lines": [line("r1", 1, "deployed"), line("r2", 5, "died"), line("r3", 9, "deployed")]},
        "web2": {"lines": [line("r1", 2, "deployed"), line("r2", 4, "failed"), line("r3", 9, "deployed")]},
        "web3": {"unreachable": True, "msg": "no route"},
    }
    shown = audit(found, 20)["report"]
    assert shown == [
        "WHEN                  APP   WHO        COMMAND      OUTCOME   HOSTS",
        "2026-11-23 01:01 UTC  blog  me@laptop  luma deploy  deployed  web1, web2",
        "2026-11-23 01:04 UTC  blog  me@laptop  luma deploy  failed    web2",
        "2026-11-23 01:05 UTC  blog  me@laptop  luma deploy  died      web1",
        "2026-11-23 01:09 UTC  blog  me@laptop  luma deploy  deployed  web1, web2",
    ]
    assert audit(found, 1)["report"][1:] == [shown[-1]]
    assert audit({"web1": {"lines": []}}, 20)["report"] == ["No run is on record"]
