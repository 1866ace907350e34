# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses what a rollback brings back; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.rollback import (
    CannotRollBack,
    InvalidChoice,
    NoHostAnswers,
    choices,
    require_answers,
    serving,
    the_app,
    whole_spec,
)


class ActionModule(ActionBase):
    """Returns the app as it is to be deployed. Nothing is contacted."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "apps": {"type": "list", "elements": "dict", "required": True},
                "release": {"type": "str", "default": ""},
                "found": {"type": "dict", "default": {}},
                "restart": {"type": "bool", "default": False},
            }
        )
        result["changed"] = False
        try:
            app = the_app(arguments["apps"])
            if not arguments["found"]:
                return result
            require_answers(app, arguments["found"])
            if arguments["restart"]:
                chosen = serving(app, arguments["found"])
            else:
                chosen = choices(app, arguments["release"], arguments["found"])
        except CannotRollBack as exc:
            kind = {"invalid_input": InvalidChoice, "unreachable_engine": NoHostAnswers}
            markers = {marker: isinstance(exc, error) for marker, error in kind.items()}
            return result | {"failed": True, "msg": str(exc)} | markers
        lines = [] if arguments["restart"] else [str(choice) for choice in chosen]
        return result | {"app_spec": whole_spec(app, chosen), "report": lines}
