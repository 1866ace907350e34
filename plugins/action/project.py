# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads luma.yml on the controller; documented in the module of the same name."""

from __future__ import annotations

import difflib
import os
import socket
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils._config import load
from ansible_collections.luma.deploy.plugins.plugin_utils._yaml import InvalidFile

ENGINE_SOCKET = "/var/run/docker.sock"


class ActionModule(ActionBase):
    """Returns what the playbooks need of luma.yml. Nothing is contacted but the engine's socket on this machine."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "file": {"type": "str", "default": "luma.yml"},
                "apps": {"type": "list", "elements": "str", "default": []},
            }
        )
        try:
            project = load(arguments["file"])
            apps = chosen(project["apps"], arguments["apps"])
        except InvalidFile as exc:
            return result | {"failed": True, "invalid_input": True, "msg": str(exc)}
        inventory = (task_vars or {}).get("groups", {}).get("all", [])
        for app in apps:
            app["hosts"] = app["servers"] or inventory or ["localhost"]
        hosts = sorted({host for app in apps for host in app["hosts"]})
        return result | {
            "changed": False,
            "project": project["project"],
            "proxy": project["proxy"],
            "apps": apps,
            "hosts": hosts,
            "engine_missing": "localhost" in hosts and not engine_listens(),
            "report": [line for app in apps for line in announcement(app)],
        }


def chosen(apps: dict[str, dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """The apps of these names, or all of them without a name."""
    for name in names:
        if name not in apps:
            near = difflib.get_close_matches(name, list(apps), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(apps)}"
            raise InvalidFile(f"There is no app {name} in luma.yml; {hint}")
    return [apps[name] for name in names] if names else list(apps.values())


def announcement(app: dict[str, Any]) -> list[str]:
    lines = [f"Starting blue-green deployment for {app['name']}..."]
    if app["proxy"] and (app["proxy"]["ssl"] or app["proxy"]["ssl_redirect"]):
        lines.append(f"⚠️ {app['name']}: HTTPS is not there yet, everything is served over plain HTTP without redirect")
    return lines


def engine_listens() -> bool:
    """Whether an engine accepts connections on this machine; one that DOCKER_HOST names is the user's own affair."""
    if os.environ.get("DOCKER_HOST"):
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        return connection.connect_ex(ENGINE_SOCKET) == 0
