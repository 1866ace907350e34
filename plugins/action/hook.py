# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a hook of luma.yml on the controller; documented in the module of the same name."""

from __future__ import annotations

import os
import shlex
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.action import hook_command, interruption

OPTIONS = {
    "name": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str", "required": True},
    "folder": {"type": "path", "default": "."},
    "environment": {"type": "dict", "default": {}},
    "log_of": {"type": "str"},
    "lock": {
        "type": "dict",
        "options": {
            "project": {"type": "str", "required": True},
            "app": {"type": "str", "required": True},
            "run": {"type": "str", "required": True},
        },
    },
}
#: Seconds between two signs of life of the lock.
RENEWAL = 20.0
#: The last lines of the output that a failure's message has.
OUTPUT_LINES = 20


class ActionModule(ActionBase):
    """Runs the command in a process of its own, and keeps the app's lock alive meanwhile."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        name, command = options["name"], shlex.join(options["command"])
        result |= {"name": name, "app": (options["lock"] or {}).get("app")}
        if self._task.check_mode:
            return result | {"changed": False, "report": [f"Hook {name} would be run: {command}"]}
        environment = {key: str(value) for key, value in options["environment"].items()}
        stop = Stop(self, options["lock"], task_vars or {})
        try:
            ended = hook_command.run(
                options["command"], options["folder"], {"LUMA_HOOK": name, **environment}, stop.reason
            )
        except OSError as exc:
            return result | {"failed": True, "msg": f"Hook {name} ({command}) could not be started: {exc}"}
        result |= {"changed": True, "rc": ended.code, "seconds": round(ended.seconds, 3)}
        self._keep(options, ended, task_vars or {})
        if ended.code == 0 and not ended.stopped:
            report = [*(f"{name} | {line}" for line in ended.output), f"Hook {name} has run, in {ended.seconds:.1f} s"]
            return result | {"stdout_lines": list(ended.output), "report": report}
        lines = "".join(f"\n  {line}" for line in ended.output[-OUTPUT_LINES:])
        message = f"Hook {name} ({command}) {ended.in_words}{lines}"
        return result | {"failed": True, "stdout_lines": list(ended.output), "msg": message, **stop.markers}

    def renew(self, lock: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of the sign of life on the task's host."""
        arguments = {"project": lock["project"], "app": lock["app"], "state": "renewed", "run": {"id": lock["run"]}}
        return self._on_host("luma.deploy.deploy_lock", arguments, task_vars)

    def _keep(self, options: dict[str, Any], ended: hook_command.Ended, task_vars: dict[str, Any]) -> None:
        """Keeps the output for `luma logs`, on the task's host: other people deploy from other machines."""
        lock = options["lock"]
        if not lock:
            return
        lines = [*ended.output, f"({ended.in_words if ended.code or ended.stopped else 'exit 0'})"]
        app = options["log_of"] or lock["app"]
        arguments = {"project": lock["project"], "app": app, "hook": options["name"], "lines": lines}
        self._on_host("luma.deploy.hook_log", arguments, task_vars)

    def _on_host(self, module: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """What a module on the task's host returns; nothing where the host cannot be reached, which is of no concern to
        a command that runs here."""
        try:
            result: dict[str, Any] = self._execute_module(module, module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure:
            return {}
        return result


class Stop:
    """Why a hook has to stop before it ends by itself: its lock is no longer this run's, Ctrl-C, or the end of
    ansible-playbook, of which this process is a child. ``markers`` tell the kind of failure from others."""

    def __init__(self, action: ActionModule, lock: dict[str, Any] | None, task_vars: dict[str, Any]) -> None:
        self.action = action
        self.lock = lock
        self.task_vars = task_vars
        self.markers: dict[str, bool] = {}
        self._parent = os.getppid()
        # A hook that tells of an interruption is run after it.
        self._interrupted_before = interruption.requested()
        self._renewed = time.monotonic()

    def reason(self) -> str:
        if os.getppid() != self._parent:
            return "ansible-playbook is gone"
        if interruption.requested() and not self._interrupted_before:
            self.markers["interrupted"] = True
            return "Ctrl-C"
        return self._lost_lock()

    def _lost_lock(self) -> str:
        if not self.lock or time.monotonic() - self._renewed < RENEWAL:
            return ""
        answer = self.action.renew(self.lock, self.task_vars)
        self._renewed = time.monotonic()
        if not answer.get("locked"):
            return ""
        self.markers["locked"] = True
        return str(answer["msg"])
