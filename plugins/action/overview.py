# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts together what several hosts said; documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import did_not_answer, why_silent
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.log_lines import log_lines
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.lookups import (
    audit,
    certificates,
    locks,
    proxies,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.readiness import readiness
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.releases import releases
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.status import status


class ActionModule(ActionBase):
    """Returns the lines that the luma command prints. Nothing is contacted."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "of": {
                    "type": "str",
                    "required": True,
                    "choices": ["apps", "releases", "locks", "certificates", "audit", "proxies", "logs", "readiness"],
                },
                "found": {"type": "dict", "required": True},
                "apps": {"type": "list", "elements": "dict", "default": []},
                "services": {"type": "list", "elements": "dict", "default": []},
                "details": {"type": "bool", "default": False},
                "lines": {"type": "int", "default": 20},
                "reached_at": {"type": "dict", "default": {}},
            }
        )
        found, apps = arguments["found"], arguments["apps"]
        names = [each["name"] for each in (*apps, *arguments["services"])]
        overviews = {
            "apps": lambda: status(apps, found, arguments["details"], arguments["services"]),
            "releases": lambda: releases(apps, found),
            "locks": lambda: locks(apps, found),
            "certificates": lambda: certificates(apps, found),
            "audit": lambda: audit(found, arguments["lines"]),
            "proxies": lambda: proxies(found),
            "logs": lambda: log_lines(found, names),
            "readiness": lambda: readiness(apps, found, arguments["reached_at"]),
        }
        result.update(changed=False, **overviews[arguments["of"]]())
        silent = {host: each for host, each in found.items() if did_not_answer(each)}
        if silent:
            reasons = "; ".join(f"{host} did not answer: {why_silent(each)}" for host, each in silent.items())
            result.update(failed=True, unreachable_engine=True, msg=reasons)
        return result
