# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks before an app is removed; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import Undo
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.removal import question
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Transaction


class ActionModule(ActionBase):
    """Shows what the hosts have of the app, and asks on the terminal. Nothing is contacted."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "app": {"type": "dict", "required": True},
                "found": {"type": "dict", "required": True},
                "yes": {"type": "bool", "default": False},
            }
        )
        app, found = arguments["app"], arguments["found"]
        result |= {"changed": False, "wanted": False}
        try:
            run = Transaction.read(app, {})
            of_processes = run.by_process(found)
            run.require_all(of_processes)
        except Undo as exc:
            marker = {exc.marker: True} if exc.marker else {}
            return result | {"failed": True, "msg": f"{exc}\n❌ Nothing was changed."} | marker
        if not any(each["present"] for hosts in of_processes.values() for each in hosts.values()):
            return result | {"report": [f"Nothing to remove: there is nothing of {app['name']} on {', '.join(found)}"]}
        if self._task.check_mode:
            return result
        if arguments["yes"]:
            return result | {"wanted": True}
        return result | self._ask(app["name"], question(app, of_processes))

    def _ask(self, name: str, lines: list[str]) -> dict[str, Any]:
        unchanged = f"❌ {name} was not removed, and nothing was changed."
        try:
            answer = Display().prompt_until("\n".join([*lines, f"Remove {name}? [y/N]"]))
        except AnsiblePromptNoninteractive:
            msg = f"{unchanged} There is no terminal to ask on: add --yes, or for the playbook -e yes=true."
            return {"failed": True, "invalid_input": True, "msg": msg}
        except AnsiblePromptInterrupt:
            return {"failed": True, "interrupted": True, "msg": unchanged}
        if answer.strip().lower() in (b"y", b"yes"):
            return {"wanted": True}
        return {"failed": True, "msg": unchanged}
