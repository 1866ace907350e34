# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A loop whose items are worked on at the same time; documented in the module of the same name."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import Templar, is_trusted_as_template, trust_as_template

# What the actions of luma's modules need: here it is loaded once, and not in the process of each host.
from ansible_collections.luma.deploy.plugins.plugin_utils.action import app_action  # noqa: F401  # pylint: disable=unused-import

OPTIONS = {
    "module": {"type": "str", "required": True},
    "items": {"type": "list", "elements": "dict", "required": True},
    "item_var": {"type": "str", "required": True},
    "arguments": {"type": "dict", "required": True},
    "condition": {"type": "str"},
}
#: What Ansible runs modules by that have no action plugin.
WITHOUT_ACTION = "ansible.legacy.normal"
#: As Ansible does it for each host: what it keeps of a task is not made for threads.
FORK = multiprocessing.get_context("fork")

Result = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What the module is run for: an item, and the variables and templates in which it is the one."""

    item: dict[str, Any]
    variables: dict[str, Any]
    templar: Templar

    def evaluate(self, expression: Any) -> Any:
        return self.templar.evaluate_expression(trust_as_template(in_jinja(expression)))


def in_jinja(expression: Any) -> str:
    """An expression, or lists and dictionaries of some, as one: Ansible compiles each by itself, a millisecond each."""
    if isinstance(expression, dict):
        return "{" + ", ".join(f"{key!r}: {in_jinja(value)}" for key, value in expression.items()) + "}"
    if isinstance(expression, list):
        return "[" + ", ".join(map(in_jinja, expression)) + "]"
    if not isinstance(expression, str):
        return repr(expression)
    if not is_trusted_as_template(expression):
        raise AnsibleError(f"luma.deploy.at_once evaluates no expression of unknown origin: {expression}")
    return f"({expression})"


class ActionModule(ActionBase):
    """Runs the action of a module for each item. Where there are several, each has a process."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        turns = [self._turn({options["item_var"]: item}, task_vars or {}) for item in options["items"]]
        results = at_once([partial(self._worked_on, turn, options) for turn in turns])
        return result | summary(results) | {"results": results}

    def _turn(self, item: dict[str, Any], task_vars: dict[str, Any]) -> Turn:
        variables = task_vars | item
        return Turn(item, variables, self._templar.copy_with_new_env(available_variables=variables))

    def _worked_on(self, turn: Turn, options: dict[str, Any]) -> Result:
        began = time.monotonic()
        try:
            if options["condition"] and not turn.evaluate(options["condition"]):
                return {"skipped": True, **turn.item}
            came_to = self._run(options["module"], turn.evaluate(options["arguments"]), turn)
        except AnsibleConnectionFailure as exc:
            came_to = {"unreachable": True, "msg": str(exc)}
        except AnsibleError as exc:
            came_to = {"failed": True, "msg": str(exc)}
        return came_to | turn.item | {"times": [began, time.monotonic()]}

    def _run(self, module: str, arguments: dict[str, Any], turn: Turn) -> Result:
        task = self._task.copy(exclude_parent=True, exclude_tasks=True)
        task._parent = self._task._parent
        task.action, task.args = module, self._defaults(module, turn) | arguments
        actions = self._shared_loader_obj.action_loader
        action = actions.get(
            module if actions.has_plugin(module) else WITHOUT_ACTION,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=turn.templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        try:
            came_to: Result = action.run(task_vars=turn.variables)
            return came_to
        finally:
            action.cleanup()

    def _defaults(self, module: str, turn: Turn) -> dict[str, Any]:
        """What ``module_defaults`` of the task, its blocks and its play have for the module, by its full name."""
        found: dict[str, Any] = {}
        for defaults in self._task.module_defaults or ():
            found |= defaults.get(module) or {}
        return dict(turn.templar.template(found))


def at_once(works: list[Callable[[], Result]]) -> list[Result]:
    """What these return, in their order. One alone is done in this process."""
    if len(works) == 1:
        return [works[0]()]
    pipes = [FORK.Pipe(duplex=False) for _work in works]
    processes = [
        FORK.Process(target=send, args=(work, sender)) for work, (_receiver, sender) in zip(works, pipes, strict=True)
    ]
    for process, (_receiver, sender) in zip(processes, pipes, strict=True):
        process.start()
        sender.close()
    results = [received(receiver) for receiver, _sender in pipes]
    for process in processes:
        process.join()
    return results


def send(work: Callable[[], Result], sender: Connection) -> None:
    # That of the process which this one was forked from ends all of its group, to which this one belongs.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        came_to = work()
    except Exception as exc:
        came_to = failure(f"Unexpected {type(exc).__name__}: {exc}")
    sender.send(came_to)


def received(receiver: Connection) -> Result:
    try:
        return dict(receiver.recv())
    except EOFError:
        return failure("The process that worked on it on the controller ended before it was done.")


def failure(message: str) -> Result:
    now = time.monotonic()
    return {"failed": True, "msg": message, "times": [now, now]}


def summary(results: list[Result]) -> Result:
    """What Ansible has to know of all items, as of those of its own loops."""

    def any_is(key: str) -> bool:
        return any(each.get(key) for each in results)

    def all_of(key: str) -> list[Any]:
        found = [each.get(key) or [] for each in results]
        return [value for values in found for value in (values if isinstance(values, list) else [values])]

    skipped = all(each.get("skipped") for each in results)
    marks = {mark: True for mark in ("failed", "unreachable") if any_is(mark)}
    told = {key: values for key in ("diff", "warnings") if (values := all_of(key))}
    return {"changed": any_is("changed"), "skipped": skipped, **marks, **told}
