# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what a command in a container wrote; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):
    """Runs the module. What the command wrote goes where it wrote it; where it ran goes to the standard error."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        result |= self._execute_module(task_vars=task_vars)
        if result.get("container"):
            host, display = (task_vars or {})["inventory_hostname"], Display()
            display.display(f"[{host}] In {result['container']}:", stderr=True)
            display.display(result["stdout"], newline=False)
            display.display(result["stderr"], newline=False, stderr=True)
        return result
