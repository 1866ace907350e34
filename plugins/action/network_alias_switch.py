# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, with who may come to the app."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.action.login_arguments import with_logins
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.quick_module import QuickModule


class ActionModule(QuickModule):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        arguments = with_logins({key: given[key] for key in given if key != "luma_file"}, given.get("luma_file"))
        return result | self._execute_module(module_args=arguments, task_vars=task_vars)
