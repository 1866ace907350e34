# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, and sends it the proxy's image where the host cannot pull it."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.action.https_arguments import run_with_agent, with_https
from ansible_collections.luma.deploy.plugins.plugin_utils.action.login_arguments import with_logins
from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import WithImage


class ActionModule(WithImage):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given, variables = self._task.args, task_vars or {}
        others = {key: value for key, value in given.items() if key != "luma_file"}
        arguments = with_logins(others, given.get("luma_file"))
        arguments = with_https(arguments, given.get("luma_file"), variables, self._task.check_mode)
        return result | run_with_agent(arguments, lambda each: self.run_module(each, variables))
