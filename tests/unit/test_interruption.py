# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What signals do within a transaction."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.playbook.task import Task
from ansible_collections.luma.deploy.plugins.plugin_utils.action import interruption
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome_callback import begins_transaction


@pytest.fixture
def ansible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """The signals that Ansible itself got, by its own handler."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(interruption._Catcher, "current", None)
    got: list[int] = []
    earlier = {each: signal.signal(each, lambda number, _frame: got.append(number)) for each in interruption.SIGNALS}
    yield got
    for each, handler in earlier.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("second", interruption.SIGNALS)
@pytest.mark.parametrize("first", interruption.SIGNALS)
def test_the_first_signal_is_a_wish_and_the_second_one_is_ansibles(
    ansible: list[int], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, first: int, second: int
) -> None:
    monkeypatch.setattr(interruption, "TOGETHER", 0)
    # Both callbacks do, for each app.
    interruption.catch()
    interruption.catch()
    assert not interruption.requested()
    signal.raise_signal(first)
    assert interruption.requested()
    assert (ansible, capfd.readouterr().err) == ([], interruption.MESSAGE)
    interruption.catch()
    signal.raise_signal(second)
    assert ansible == [second]


def test_a_signal_that_comes_twice_at_once_is_one(ansible: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "TOGETHER", 1000)
    interruption.catch()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert (interruption.requested(), ansible) == (True, [])


def test_a_process_that_is_just_forked_does_nothing(ansible: list[int]) -> None:
    interruption.catch()
    child = os.fork()
    if child == 0:
        signal.raise_signal(signal.SIGINT)
        os._exit(interruption.requested())
    assert os.waitpid(child, 0)[1] == 0
    assert ansible == []


@pytest.mark.parametrize(
    ("task", "begins"),
    [
        ({"luma.deploy.deploy_lock": {"state": "taken"}}, True),
        ({"luma.deploy.deploy_lock": {}}, True),
        ({"luma.deploy.deploy_lock": {"state": "released"}}, False),
        ({"luma.deploy.bluegreen_container": {"lock": {}}}, True),
        ({"luma.deploy.bluegreen_container": {"state": "absent"}}, False),
        ({"luma.deploy.container_logs": {"follow": True}}, False),
    ],
)
def test_a_transaction_begins_when_its_lock_is_taken(task: dict[str, Any], begins: bool) -> None:
    loaded = Task()
    ((loaded.action, loaded.args),) = task.items()
    assert begins_transaction(loaded) is begins
