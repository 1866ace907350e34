# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the module of the same name what only the controller has: secret values, files, and missing images."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import with_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import WithImage
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import remote_user, with_mounts

#: What the module takes of a service as `project` returns it, beside the names of its secrets.
OPTIONS = (
    *(
        "name",
        "image",
        "command",
        "environment",
        "ports",
        "volumes",
        "files",
        "health_check",
        "stop_timeout",
        "registry",
    ),
    "pull",
)


class ActionModule(WithImage):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        luma_file = arguments.pop("luma_file", None)
        if luma_file:
            arguments["services"] = [self._with_secrets(spec, luma_file) for spec in arguments["services"]]
        arguments["services"] = [with_mounts(spec, luma_file, self) for spec in arguments["services"]]
        arguments["remote_user"] = remote_user(self)
        return result | self.run_module(arguments, task_vars or {})

    def _with_secrets(self, spec: dict[str, Any], luma_file: str) -> dict[str, Any]:
        options = {option: spec[option] for option in OPTIONS} | {"secret_names": spec["secrets"]}
        return with_secrets(options, luma_file, "services", spec["name"], self._loader)
