# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a whole run of luma at one step of the switch, as kill -9 does.

Python imports this module of itself where it is on PYTHONPATH: the product knows nothing of it.
LUMA_TEST_DIES_AT names the step: before it begins, or with ":detached" in its middle, when a container
is detached and not yet attached again. LUMA_TEST_RUN_BY is the process that started the run.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

STEP, _unused, MOMENT = os.environ.get("LUMA_TEST_DIES_AT", "").partition(":")
RUN_BY = int(os.environ.get("LUMA_TEST_RUN_BY", "0"))


def kill_run() -> None:
    """Kill the processes of the run, the first one first, and this one last."""
    pids = [os.getpid()]
    while (parent := parent_of(pids[-1])) not in (RUN_BY, 1, 0):
        pids.append(parent)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def arm(switch: Any) -> None:
    """Make the class Switch deadly."""
    run_step = switch.Switch._step

    def step(self: Any, result: Any, name: str, action: Any) -> None:
        if name == STEP and not MOMENT:
            kill_run()
        if name == STEP:
            self.engine.attach = lambda *_arguments: kill_run()
        run_step(self, result, name, action)

    switch.Switch._step = step


class ArmingLoader(importlib.abc.Loader):
    """Loads the switch's module as ever, and arms it."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        arm(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the switch's module where everybody does, for that loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.endswith(".module_utils.release.switch"):
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            spec.loader = ArmingLoader(spec.loader)
        return spec


if STEP:
    sys.meta_path.insert(0, Finder())
