# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook on the controller: what it gets, what it says, and that nothing of it is left when it has to stop."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible_collections.luma.deploy.plugins.action import hook
from ansible_collections.luma.deploy.plugins.plugin_utils.action import hook_command, interruption

LOCK = {"project": "shop", "app": "blog", "run": "3f2a"}
# A group of two processes that SIGTERM does not end; the id of the other one is in a file.
STUBBORN = "trap '' TERM; sleep 60 & echo $! > other; echo ready; mv other started; wait"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(hook_command, "INTERVAL", 0.01)


def run(script: str, folder: Path, reason: Any = lambda: "", **environment: str) -> hook_command.Ended:
    return hook_command.run(["sh", "-c", script], str(folder), environment, reason)


def test_it_runs_in_its_folder_with_the_environment_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN", "mine")
    monkeypatch.setenv("LUMA_APP", "another")
    ended = run('pwd; echo "$OWN $LUMA_APP"; echo oops >&2; exit 3', tmp_path, LUMA_APP="blog")
    assert (ended.code, ended.stopped) == (3, "")
    assert ended.output == (str(tmp_path), "mine blog", "oops")
    assert ended.in_words.startswith("failed with exit code 3 after")
    assert run("kill -9 $$", tmp_path).in_words.startswith("was killed by signal 9 after")


def test_what_it_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    ended = run("sleep 60 & echo $! > other", tmp_path)
    assert (ended.code, ended.output) == (0, ())
    os.kill(int((tmp_path / "other").read_text()), signal.SIGKILL)


def test_of_a_long_output_the_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_command, "OUTPUT_BYTES", 10)
    assert run("seq 1000", tmp_path).output == ("...", "999", "1000")


def test_it_may_end_before_it_is_told_to(tmp_path: Path) -> None:
    def once_it_has_ended() -> str:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return "the lock is lost"

    assert run("exit 3", tmp_path, once_it_has_ended).code == 3


@pytest.mark.parametrize("how", ["asked", "signal"])
def test_all_of_it_ends_when_it_has_to(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_command, "GRACE", 0.1)
    handler = signal.getsignal(signal.SIGTERM)

    def reason() -> str:
        if not (tmp_path / "started").exists():
            return ""
        if how == "signal":
            signal.raise_signal(signal.SIGTERM)
            return ""
        return "enough"

    ended = run(STUBBORN, tmp_path, reason)
    assert (ended.code, ended.output) == (-signal.SIGKILL, ("ready",))
    assert ended.stopped == {"asked": "enough", "signal": "Ansible ends"}[how]
    wait_until_gone(int((tmp_path / "started").read_text()))
    assert signal.getsignal(signal.SIGTERM) is handler


def wait_until_gone(pid: int) -> None:
    """Waits for a process that was killed; a zombie, of which nobody has asked the exit code, has no command line."""
    deadline = time.monotonic() + 20
    command = Path(f"/proc/{pid}/cmdline")
    while command.exists() and command.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_may_end_in_its_own_way(tmp_path: Path) -> None:
    script = "trap 'echo cleaned; exit 0' TERM; touch started; while :; do sleep 0.01; done"
    ended = run(script, tmp_path, lambda: "enough" if (tmp_path / "started").exists() else "")
    assert (ended.code, ended.output[-1], ended.stopped) == (0, "cleaned", "enough")


# --- why it has to stop ----------------------------------------------------------------------------------------------


def stop(lock: dict[str, str] | None = None, **answer: Any) -> hook.Stop:
    action: Any = SimpleNamespace(renew=lambda lock, task_vars: answer)
    return hook.Stop(action, lock, {})


def test_a_hook_stops_at_ctrl_c_but_for_one_that_tells_of_it(tmp_path: Path) -> None:
    made = stop()
    assert (made.reason(), made.markers) == ("", {})
    (tmp_path / "interrupted").touch()
    assert interruption.requested()
    assert (made.reason(), made.markers) == ("Ctrl-C", {"interrupted": True})
    assert stop().reason() == ""


def test_a_hook_stops_with_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stop()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert made.reason() == "ansible-playbook is gone"


def test_a_hook_stops_when_its_lock_is_lost_and_for_nothing_less(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stop(LOCK, failed=True, locked=True, msg="taken over").reason() == ""
    monkeypatch.setattr(hook, "RENEWAL", 0.0)
    made = stop(LOCK, failed=True, locked=True, msg="taken over")
    assert (made.reason(), made.markers) == ("taken over", {"locked": True})
    assert stop(LOCK, failed=True, msg="no space left").reason() == ""
    assert stop(LOCK).reason() == ""
    assert stop(None, locked=True).reason() == ""
