# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run of luma is known to have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.run import has_ended, identity


def test_a_run_ends_with_its_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        run = identity(process.pid)
        assert not has_ended(run)
    assert has_ended(run)


def test_a_later_process_of_the_same_number_is_another_run() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert has_ended(identity(process.pid) | {"pid_started": "1"})


def test_nothing_is_known_of_a_run_of_another_machine() -> None:
    assert not has_ended(identity(2**22 + 1) | {"host": "elsewhere", "pid_started": "1"})
    assert not has_ended(identity(2**22 + 1) | {"boot": "another", "pid_started": "1"})
    assert not has_ended(identity(2**22 + 1) | {"boot": "", "pid_started": "1"})


def test_nothing_is_known_of_a_run_in_another_container_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    run = identity(2**22 + 1) | {"pid_started": "1"}
    assert has_ended(run)
    monkeypatch.setattr(Path, "readlink", lambda _self: Path("pid:[1]"))
    assert not has_ended(run)


@pytest.mark.parametrize(("error", "ended"), [(PermissionError, False), (None, False), (ProcessLookupError, True)])
def test_a_process_that_proc_hides_is_alive_where_it_can_be_sent_signals(
    error: type[OSError] | None, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(_pid: int, _number: int) -> None:
        if error:
            raise error

    run = identity(2**22 + 1) | {"pid_started": "1"}
    monkeypatch.setattr(os, "kill", kill)
    assert has_ended(run) is ended


def test_a_process_that_nobody_has_waited_for_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        run = identity(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(run)


def test_two_runs_are_told_apart() -> None:
    assert identity(1)["id"] != identity(1)["id"]
