# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells others what a deployment came to; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.action.delivery import deliver
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.notice import notice
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Transaction
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import NoValue
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import notify_addresses, vault_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

ARGUMENTS = {
    "luma_file": {"type": "path", "required": True},
    "app": {"type": "dict", "required": True},
    "ledger": {"type": "dict", "required": True},
    "run": {"type": "dict", "required": True},
    "failed": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """Sends the notice from the controller. What goes wrong is a warning: the deployment has ended."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS)
        ledger = arguments["ledger"]
        run = Transaction.read(arguments["app"], ledger["processes"])
        told = notice(run, ledger, arguments["run"], arguments["failed"])
        result |= {"changed": False, "notice": told}
        if self._task.check_mode:
            return result
        try:
            problems = deliver(told, notify_addresses(arguments["luma_file"], vault_of(self._loader)))
        except (InvalidFile, NoValue) as exc:
            problems = [str(exc)]
        return result | {"warnings": [f"notify: {problem}" for problem in problems]}
