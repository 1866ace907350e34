# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the logs of a host's containers; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import did_not_answer
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.log_lines import log_line

# How long the module waits for a line before it is started again, in seconds.
WAIT = 20


class ActionModule(ActionBase):
    """Runs the module once, or again and again until it fails or the user has seen enough."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        follow, host = boolean(arguments.get("follow", False)), (task_vars or {})["inventory_hostname"]
        names = [*arguments.get("apps", ()), *arguments.get("services", ())]
        if follow:
            arguments["wait"] = WAIT
        while True:
            found = self._execute_module(module_args=arguments, task_vars=task_vars)
            if not follow or did_not_answer(found):
                return result | found
            for line in found["lines"]:
                Display().display(log_line(host, line, names))
            arguments["cursor"] = found["cursor"]
