# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command in a container, or attaches the user to it; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.luma.deploy.plugins.plugin_utils.action.attachment import command_line, hand_over, obstacle


class ActionModule(ActionBase):
    """Runs the module. What the command wrote goes where it wrote it; where it ran goes to the standard error."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("attach") and obstacle(self._connection):
            # Output alone can wait for the end.
            arguments["attach"] = False
        result |= self._execute_module(module_args=arguments, task_vars=task_vars)
        if not result.get("container"):
            return result
        host, display = (task_vars or {})["inventory_hostname"], Display()
        display.display(f"[{host}] In {result['container']}:", stderr=True)
        if result["attach"]:
            terminal = bool(self._task.args.get("terminal"))
            result["report"] = hand_over(command_line(self._connection, result["attach"], terminal))
        else:
            display.display(result["stdout"], newline=False)
            display.display(result["stderr"], newline=False, stderr=True)
        return result
