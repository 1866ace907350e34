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
  - Prints the lines that luma's modules return as C(report) and the messages of M(ansible.builtin.debug), with the
    host's name, warnings and errors. Nothing else is printed.
  - In check mode, prints at the end what would change, for each host and app.
  - A deployment shows on a terminal, after a second, what each host is at and which phases it has passed, in a line for
    each, and how far the images are that are sent. So does another task that takes long. Elsewhere a task that takes
    longer than five seconds is named in one line on stderr.
options:
  quiet:
    description:
      - Whether only errors are printed, and the last line, of each app that is deployed.
    type: bool
    default: false
    env:
      - name: LUMA_QUIET
"""

import atexit
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.executor.stats import AggregateStats
from ansible.executor.task_result import CallbackTaskResult
from ansible.inventory.host import Host
from ansible.playbook import Playbook
from ansible.playbook.task import Task
from ansible_collections.luma.deploy.plugins.plugin_utils import bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.luma.deploy.plugins.plugin_utils.action import interruption
from ansible_collections.luma.deploy.plugins.plugin_utils.images import progress
from ansible_collections.luma.deploy.plugins.plugin_utils.output.fleet_view import phase_of
from ansible_collections.luma.deploy.plugins.plugin_utils.output.live_lines import LiveLines
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import BARRIER, Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome_callback import OutcomeCallback, what_runs
from ansible_collections.luma.deploy.plugins.plugin_utils.output.plan import Plan
from ansible_collections.luma.deploy.plugins.plugin_utils.output.quiet import Quiet

SIGNS = {"✅": constants.COLOR_OK, "⚠️": constants.COLOR_WARN, "❌": constants.COLOR_ERROR}
#: Playbooks whose standard output is that of a command in a container: it may be a dump, and a warning in it damage.
OF_COMMANDS = ("exec.yml", "run.yml", "services_backup.yml")
DIFFERENCES = {"+ ": constants.COLOR_DIFF_ADD, "- ": constants.COLOR_DIFF_REMOVE}


class CallbackModule(OutcomeCallback):
    """The stdout callback."""

    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "luma.deploy.luma"

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan()
        self.live = LiveLines()
        self.quiet: Quiet | None = None
        self.is_output_of_a_command = False
        # Also where Ansible gives up in the middle.
        atexit.register(self.live.close)

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        self.is_output_of_a_command = Path(playbook._file_name).name in OF_COMMANDS
        self.quiet = Quiet() if self.get_option("quiet") else None
        if self.quiet or self.live.on_terminal:
            progress.watch()

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        self.live.next_task()
        if task.args.get("follow"):
            interruption.is_the_end()
        super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        super().v2_runner_on_start(host, task)
        # What follows a log speaks for itself, and what asks must not be drawn over.
        if not self.quiet and not task.args.get("follow") and task.action != "luma.deploy.removal":
            self.live.begin(host.get_name(), task.name or task.action, phase_of(*what_runs(task)))

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self.live.end(result.host.get_name())
        super().v2_runner_on_ok(result)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        self.live.end(result.host.get_name(), failed=True)
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        self.live.end(result.host.get_name(), failed=True)
        super().v2_runner_on_unreachable(result)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        self.live.end(result.host.get_name(), skipped=True)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        self.live.close()
        if self.is_plan:
            for line in self.plan.lines():
                self._display.display(line, color=DIFFERENCES.get(line.lstrip()[:2]))
        self._say(self.quiet.rest() if self.quiet else [])

    def on_outcome(self, outcome: Outcome) -> None:
        if self.is_plan:
            self.plan.add(outcome)
        if outcome.module == BARRIER and outcome.app:
            self.live.deploy(outcome.app, colors_of(outcome.values["processes"]))
        with self.live.lines_above():
            self._print(outcome)

    def _print(self, outcome: Outcome) -> None:
        for warning in [] if self.quiet else outcome.warnings:
            self._display.display(warning, color=constants.COLOR_WARN, stderr=self.is_output_of_a_command)
        if outcome.errors or not self.is_plan:
            self._say(self.quiet.lines(outcome) if self.quiet else outcome.lines)
        for error in outcome.errors:
            self._display.display(error, color=constants.COLOR_ERROR, stderr=True)

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._display.display(line, color=next((SIGNS[sign] for sign in SIGNS if sign in line), None))


def colors_of(processes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, set[str]]:
    """By host, the colors in a barrier's result of what the app's processes come to there."""
    colors: dict[str, set[str]] = {}
    for by_host in processes.values():
        for host, part in by_host.items():
            colors.setdefault(host, set()).update(filter(None, [part["color"]]))
    return colors
