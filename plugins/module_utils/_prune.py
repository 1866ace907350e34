# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project leaves behind on a host, and no container and no release on record needs.

Only what luma made is ever removed, known by its labels and by the names that luma gave: the name that a user or a
registry gave to an image stays.
"""

from __future__ import annotations

import shutil
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils._colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils._engine import LABEL_APP, LABEL_PROJECT, Engine
from ansible_collections.luma.deploy.plugins.module_utils._proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils._releases import Releases, recorded_apps

#: The names that keep images, see `_releases.kept_image`.
KEPT = "luma/"


@dataclass(frozen=True)
class Leftovers:
    """What is to be removed: names of stopped containers, backends, apps whose record is to go, names of images, and
    ids of images without a name."""

    containers: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.containers or self.routes or self.records or self.images)


class Prune:
    """One project on one host. ``apps``: the names of the apps that luma.yml still has."""

    def __init__(self, engine: Engine, proxy: Proxy, state_dir: str, project: str, apps: t.AbstractSet[str]) -> None:
        self.engine = engine
        self.proxy = proxy
        self.state_dir = state_dir
        self.project = project
        self.apps = apps

    def find(self) -> Leftovers:
        labels = [f"{LABEL_PROJECT}={self.project}", LABEL_APP]
        rows = self.engine.call("list containers", self.engine.client.containers, all=True, filters={"label": labels})
        present = {row["Labels"][LABEL_APP] for row in rows}
        gone = {app for app in recorded_apps(self.state_dir, self.project) if app not in self.apps | present}
        routed = {route.app: route.backend for route in self.proxy.routes() if route.project == self.project}
        stopped = [name for app in sorted(present) for name in self._stopped(App(self.project, app))]
        return Leftovers(
            containers=tuple(stopped),
            routes=tuple(backend for app, backend in routed.items() if app not in self.apps | present),
            records=tuple(sorted(gone)),
            images=tuple(sorted(self._images(stopped, gone))),
        )

    def remove(self, leftovers: Leftovers) -> None:
        """Removes what was found. An image goes last: what is recorded or runs is known to be gone then."""
        for name in leftovers.containers:
            self.engine.remove(name)
        if leftovers.routes:
            self.proxy.forget(leftovers.routes)
        for app in leftovers.records:
            Releases(self.state_dir, App(self.project, app)).discard()
        for name in leftovers.images:
            self.engine.call("remove image " + name, self.engine.client.remove_image, name)

    def _stopped(self, app: App) -> list[str]:
        """The stopped containers of the color that is not active. One that was never started may be part of a
        deployment that is under way."""
        view = View.take(self.engine, None, app)
        idle = [c for c in view.containers if view.active and c.color != view.active]
        return [c.name for c in idle if c.status in ("exited", "dead")]

    def _images(self, removed: t.Collection[str], gone: t.Collection[str]) -> t.Iterator[str]:
        needed = self._images_in_use(removed) | self._images_on_record(gone)
        for image in self.engine.call("list images", self.engine.client.images):
            if image["Id"] in needed:
                continue
            names = [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]
            mine = [name for name in names if name.startswith(f"{KEPT}{self.project}/")]
            if (image.get("Labels") or {}).get(LABEL_PROJECT) != self.project:
                yield from mine
            elif any(name.startswith(KEPT) and name not in mine for name in names):
                # Another project has deployed it, too, and may return to it.
                yield from mine
            else:
                yield from names or [image["Id"]]

    def _images_in_use(self, removed: t.Collection[str]) -> set[str]:
        rows = self.engine.call("list containers", self.engine.client.containers, all=True)
        return {row["ImageID"] for row in rows if row["Names"][0].lstrip("/") not in removed}

    def _images_on_record(self, gone: t.Collection[str]) -> set[str]:
        """Raises `LumaError` where a record is damaged: its images are not known."""
        apps = [app for app in recorded_apps(self.state_dir, self.project) if app not in gone]
        return {release.image_id for app in apps for release in Releases(self.state_dir, App(self.project, app)).read()}


def free_bytes(engine: Engine) -> int:
    """The free space of the file system that holds the images."""
    root = engine.call("ask the engine for its folder", engine.client.info)["DockerRootDir"]
    return shutil.disk_usage(root).free
