# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma's two callbacks share: Ansible's many events become outcomes."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.executor.task_result import CallbackTaskResult
from ansible.inventory.host import Host
from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase
from ansible_collections.luma.deploy.plugins.plugin_utils.action import interruption
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome, State

AT_ONCE = "luma.deploy.at_once"


class OutcomeCallback(CallbackBase):
    """Calls `on_outcome` for each task on each host, and for each item of a loop, or of `at_once`."""

    CALLBACK_VERSION = 2.0

    def __init__(self) -> None:
        super().__init__()
        # When the task of each host began, or the item of its loop: one begins as the one before ends.
        self._began: dict[str, float] = {}

    @abstractmethod
    def on_outcome(self, outcome: Outcome) -> None: ...

    @property
    def is_plan(self) -> bool:
        """Whether nothing is changed and the user wants to know what would be."""
        return bool(context.CLIARGS.get("check"))

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        if begins_transaction(task) and not self.is_plan:
            interruption.catch()

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        self._began[host.get_name()] = time.monotonic()

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self._unless_loop(result, State.OK)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        self._unless_loop(result, State.IGNORED if ignore_errors else State.FAILED)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        self._unless_loop(result, when_unreachable(result.task))

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        self._ended(result, State.OK)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        self._ended(result, when_failed(result.task))

    def _unless_loop(self, result: CallbackTaskResult, state: State) -> None:
        """The items of a loop have been told one by one."""
        if result.task.action == AT_ONCE and "results" in result.result:
            self._ended_at_once(result)
        elif "results" not in result.result:
            self._ended(result, state)

    def _ended_at_once(self, result: CallbackTaskResult) -> None:
        for values in result.result["results"]:
            if values.get("skipped"):
                continue
            state = when_failed(result.task) if values.get("failed") else State.OK
            if values.get("unreachable"):
                state = when_unreachable(result.task)
            self._tell(result, dict(values), state, *values["times"])

    def _ended(self, result: CallbackTaskResult, state: State) -> None:
        host, now = result.host.get_name(), time.monotonic()
        began, self._began[host] = self._began.get(host, now), now
        # The values belong to Ansible and are shared by the callbacks.
        self._tell(result, dict(result.result), state, began, now)

    def _tell(
        self, result: CallbackTaskResult, values: dict[str, Any], state: State, began: float, ended: float
    ) -> None:
        task, (module, _arguments) = result.task, what_runs(result.task)
        self.on_outcome(Outcome(result.host.get_name(), task.name or task.action, module, values, state, began, ended))


def when_failed(task: Task) -> State:
    return State.IGNORED if task.ignore_errors else State.FAILED


def when_unreachable(task: Task) -> State:
    return State.IGNORED if task.ignore_unreachable else State.UNREACHABLE


def what_runs(task: Task) -> tuple[str, Mapping[str, Any]]:
    """The module that a task runs, and its arguments as the role writes them; text without the quotes that it has in
    expressions."""
    if task.action == AT_ONCE:
        arguments = task.args["arguments"].items()
        return str(task.args["module"]), {
            name: value.strip("'") if isinstance(value, str) else value for name, value in arguments
        }
    return str(task.action), task.args


def begins_transaction(task: Task) -> bool:
    """Whether the task takes the lock of an app."""
    module, arguments = what_runs(task)
    if module == "luma.deploy.deploy_lock":
        return bool(arguments.get("state", "taken") == "taken")
    return module == "luma.deploy.bluegreen_container" and "lock" in arguments
