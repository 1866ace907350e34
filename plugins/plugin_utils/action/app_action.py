# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions of modules that make an app's containers have in common."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.action.https_arguments import run_with_agent, with_https
from ansible_collections.luma.deploy.plugins.plugin_utils.action.interruptible import Interruptible
from ansible_collections.luma.deploy.plugins.plugin_utils.action.login_arguments import with_logins
from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import with_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import WithImage
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import remote_user, with_mounts


class AppAction(Interruptible, WithImage):
    """Gives the module what only the controller has: secret values, files, images that the host lacks, and the user's
    wish to end."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        luma_file = given.get("luma_file")
        arguments = with_secrets(given, luma_file, "apps", given.get("app", ""), self._loader)
        arguments = with_mounts(arguments, luma_file, self) | {"remote_user": remote_user(self)}
        variables = task_vars or {}
        arguments = with_logins(arguments, luma_file)
        arguments = with_https(arguments, luma_file, variables, self._task.check_mode)
        with self.interruptible(variables):
            return result | run_with_agent(arguments, lambda each: self.run_module(each, variables))
