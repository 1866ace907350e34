# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module that works on its host learns that the user wants the transaction to end."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible_collections.luma.deploy.plugins.plugin_utils.action import interruptible
from ansible_collections.luma.deploy.plugins.plugin_utils.action.interruptible import Interruptible

OPTIONS = {"project": "shop", "app": "blog", "run": "3f2a", "image": "x"}


class Action(Interruptible):
    """An action that runs no module, and remembers what it would have run, over which connection."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._task: Any = SimpleNamespace(args=options)
        self._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/tmp/of-the-module"))
        self.sent: list[tuple[str, dict[str, Any], str | None]] = []
        self.was_sent = threading.Event()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def _execute_module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self.sent.append((name, arguments, self._connection._shell.tmpdir))
        self.was_sent.set()
        return {}


@pytest.fixture(autouse=True)
def ctrl_c(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that is there once it was pressed."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(interruptible, "INTERVAL", 0.01)
    return tmp_path / "interrupted"


def test_the_lock_on_the_host_is_told_by_a_connection_of_its_own(ctrl_c: Path) -> None:
    action = Action(OPTIONS)
    with action.interruptible({}):
        ctrl_c.touch()
        assert action.was_sent.wait(20)
    lock = {"project": "shop", "app": "blog", "state": "interrupted", "run": {"id": "3f2a"}}
    assert action.sent == [("luma.deploy.deploy_lock", lock, None)]
    assert action._connection._shell.tmpdir == "/tmp/of-the-module"


def test_without_a_wish_or_without_a_transaction_nothing_is_sent(ctrl_c: Path) -> None:
    undisturbed = Action(OPTIONS)
    with undisturbed.interruptible({}):
        pass
    ctrl_c.touch()
    alone = Action({key: value for key, value in OPTIONS.items() if key != "run"})
    with alone.interruptible({}):
        pass
    assert (undisturbed.sent, alone.sent) == ([], [])
