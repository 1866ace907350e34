# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, and sends it the proxy's image where the host cannot pull it."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import WithImage


class ActionModule(WithImage):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result | self.run_module(self._task.args, task_vars or {})
