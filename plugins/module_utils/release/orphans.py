# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps of a project that run on a host although luma.yml does not name them for it, such as one that was taken out."""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_COLOR, LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App

#: The options of the documentation fragment ``luma.deploy.engine.orphans``.
ORPHAN_OPTIONS: dict[str, t.Any] = {
    "apps_here": {"type": "list", "elements": "str"},
    "apps_of_project": {"type": "list", "elements": "str", "default": []},
}


def orphans_for(engine: Engine, routes: Routes, params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """What a module with `ORPHAN_OPTIONS` returns of them. Nothing is looked for where it was not told which apps
    belong here."""
    if params["apps_here"] is None:
        return []
    return orphans(engine, routes, params["project"], params["apps_here"], params["apps_of_project"])


def orphans(
    engine: Engine, routes: Routes, project: str, here: t.Iterable[str], of_project: t.Container[str] = ()
) -> list[dict[str, t.Any]]:
    """Each with the names of its containers, how many of them run, the host names that are routed to it, and whether
    luma.yml has it for other hosts."""
    # Without a color it is no replica: a hook's, or one that somebody made of an image with the app's labels.
    rows = engine.list_containers([f"{LABEL_PROJECT}={project}", LABEL_COLOR])
    apps: dict[str, list[dict[str, t.Any]]] = {}
    for row in rows:
        apps.setdefault(row["Labels"].get(LABEL_APP, ""), []).append(row)
    return [
        {
            "name": name,
            "containers": sorted(row["Names"][0].lstrip("/") for row in apps[name]),
            "running": sum(row["State"] == "running" for row in apps[name]),
            "hosts": _routed(routes, App(project, name)),
            "elsewhere": name in of_project,
        }
        for name in sorted(apps.keys() - {"", *here})
    ]


def _routed(routes: Routes, app: App) -> list[str]:
    route = routes.of(app.backend)
    return list(route.hosts) if route else []
