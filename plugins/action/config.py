# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows luma.yml as it is read; documented in the module of the same name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.shown import settings
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile, compose
from ansible_collections.luma.deploy.plugins.plugin_utils.text import shown_path


class ActionModule(ActionBase):
    """Returns the settings. Nothing is contacted."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec({"file": {"type": "str", "default": "luma.yml"}})
        try:
            found = list(settings(compose(shown_path(arguments["file"]))))
        except InvalidFile as exc:
            return result | {"failed": True, "invalid_input": True, "msg": str(exc)}
        told = [asdict(setting) for setting in found if setting.value]
        return result | {"changed": False, "settings": told, "report": [str(setting) for setting in found]}
