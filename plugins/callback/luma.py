# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of luma prints: the report lines that its modules return, errors, and a sign of life meanwhile."""

from __future__ import annotations

DOCUMENTATION = r"""
name: luma
type: stdout
short_description: The output of the luma command
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Prints the lines that luma's modules return as C(report), and errors. Nothing else is printed.
  - A task that takes more than a second shows that it is working, with a counter on a terminal, one line elsewhere.
options:
  exit_code_file:
    description:
      - A file into which the exit code of the luma command is written, V(2) where the input was wrong, V(3) where a
        host could not be reached, and V(1) where a deployment failed.
    type: path
    env:
      - name: LUMA_EXIT_CODE_FILE
"""

import sys
import threading
import time
from pathlib import Path

from ansible import constants
from ansible.executor.stats import AggregateStats
from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase

PATIENCE = 1.0
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FAILED = 1
INVALID_INPUT = 2
UNREACHABLE = 3


class SignOfLife:
    """Says what is being done once it has taken more than `PATIENCE` seconds."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, what: str) -> None:
        self.end()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, args=(what, self._over), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def _show(self, what: str, over: threading.Event) -> None:
        began = time.monotonic()
        if over.wait(PATIENCE):
            return
        if not self.terminal:
            print(f"{what}...", flush=True)
            return
        frame = 0
        while not over.wait(0.1):
            frame += 1
            print(
                f"\r{FRAMES[frame % len(FRAMES)]} {what}... {time.monotonic() - began:.0f} s ",
                end="",
                flush=True,
            )
        # Back to the start of the line, which is erased (ECMA-48, EL).
        print("\r\x1b[K", end="", flush=True)


class CallbackModule(CallbackBase):
    """The stdout callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "luma.deploy.luma"

    def __init__(self) -> None:
        super().__init__()
        self.sign_of_life = SignOfLife()
        self.exit_code = 0

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        self.sign_of_life.begin(task.name or task.action)

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self.sign_of_life.end()
        if "results" not in result.result:
            self._print_report(result)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        self.sign_of_life.end()
        self._print_report(result)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        self.sign_of_life.end()

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        self.sign_of_life.end()
        if "results" not in result.result and not ignore_errors:
            self._print_failure(result)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        self.sign_of_life.end()
        self._print_failure(result)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        self.sign_of_life.end()
        self.exit_code = UNREACHABLE
        self._error(f"[{result.host.get_name()}] ❌ cannot be reached: {result.result.get('msg', '')}")

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self.sign_of_life.end()

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        self.sign_of_life.end()
        file = self.get_option("exit_code_file")
        if file and self.exit_code:
            Path(file).write_text(str(self.exit_code), encoding="ascii")

    def _print_report(self, result: CallbackTaskResult) -> None:
        host = result.host.get_name()
        values = result.result
        for warning in values.get("warnings", ()):
            self._display.display(f"[{host}] ⚠️ {warning}", color=constants.COLOR_WARN)
        for line in self._lines(result):
            # The probe's numbers are the whole run's, not one host's.
            self._display.display(line if line.startswith("Probe: ") else f"[{host}] {line}")

    @staticmethod
    def _lines(result: CallbackTaskResult) -> list[str]:
        values = result.result
        if result.task.action in ("ansible.builtin.debug", "debug"):
            return [str(values["msg"])] if "msg" in values else []
        return list(values.get("report", ()))

    def _print_failure(self, result: CallbackTaskResult) -> None:
        values = result.result
        self.exit_code = INVALID_INPUT if values.get("invalid_input") else self.exit_code or FAILED
        for line in values.get("report", ()):
            self._display.display(line)
        # luma's own messages say what happened; those of other modules need to be told by their task.
        task = "" if result.task.action.startswith("luma.deploy.") else f"{result.task.name}: "
        self._error(f"[{result.host.get_name()}] ❌ {task}{values.get('msg', 'failed without a message')}")
        for name in ("stderr", "module_stderr"):
            if values.get(name):
                self._error(str(values[name]))

    def _error(self, text: str) -> None:
        self._display.display(text, color=constants.COLOR_ERROR, stderr=True)
