# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project leaves behind on a host, and no container and no release on record needs.

Only what luma made is ever removed, known by its labels and by the names that luma gave: the name that a user or a
registry gave to an image stays. An image's labels alone say little, since it has those of the image that it was built
from, too.
"""

from __future__ import annotations

import contextlib
import shutil
import typing as t
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import files_folder
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils.release.hook import stopped_hooks
from ansible_collections.luma.deploy.plugins.module_utils.release.records import (
    Releases,
    recorded_apps,
    releases_on_record,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.unneeded_images import Images

# `Engine` tells of a missing SDK.
with contextlib.suppress(ImportError):
    from docker.errors import APIError


@dataclass(frozen=True)
class Leftovers:
    """What is to be removed: stopped containers (the id of each by its name), backends, apps whose record is to go,
    files that were sent, names of images, and ids of images without a name."""

    containers: t.Mapping[str, str] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.containers or self.routes or self.records or self.files or self.images)


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
        rows = self.engine.list_containers(labels)
        # A release hook's has the label without a name.
        present = {app for app in (row["Labels"][LABEL_APP] for row in rows) if app}
        gone = {app for app in recorded_apps(self.state_dir, self.project) if app not in self.apps | present}
        routed = {route.app: route.backend for route in self.proxy.routes.all() if route.project == self.project}
        stopped = {c.name: c.id for app in sorted(present) for c in self._stopped(App(self.project, app))}
        stopped.update(stopped_hooks(self.engine, self.project))
        return Leftovers(
            containers=stopped,
            routes=tuple(backend for app, backend in routed.items() if app not in self.apps | present),
            records=tuple(sorted(gone)),
            files=tuple(self._files(stopped.values(), gone)),
            images=tuple(sorted(self._images(stopped.values(), gone))),
        )

    def remove(self, leftovers: Leftovers) -> Leftovers:
        """Removes what was found and is still left over, and returns it. An image goes last: what is recorded or runs
        is known to be gone then."""
        removed = {name: id_ for name, id_ in leftovers.containers.items() if self._remove_stopped(name, id_)}
        if leftovers.routes:
            self.proxy.forget(leftovers.routes)
        for app in leftovers.records:
            Releases(self.state_dir, App(self.project, app)).discard()
        files = self._remove_files(leftovers.files)
        images = sorted(set(leftovers.images).intersection(self._images()))
        for name in images:
            self.engine.call("remove image " + name, self.engine.client.remove_image, name)
        return replace(leftovers, containers=removed, files=files, images=tuple(images))

    def _remove_stopped(self, name: str, id_: str) -> bool:
        """Whether it was removed: the engine refuses where it was started meanwhile, or somebody else removes it."""
        try:
            self.engine.call("remove container " + name, self.engine.client.remove_container, id_, v=True)
        except LumaError as exc:
            if isinstance(exc.__cause__, APIError) and exc.__cause__.status_code in (404, 409):
                return False
            raise
        self.engine.detached.forget(id_)
        return True

    def _stopped(self, app: App) -> list[Container]:
        """The stopped containers of the color that is not active. One that was never started may be part of a
        deployment that is under way; one without a color was made by somebody else, of an image with the app's labels.
        """
        view = View.take(self.engine, None, app)
        idle = [c for c in view.containers if view.active and c.color not in ("", view.active)]
        return [c for c in idle if c.status in ("exited", "dead")]

    def forget_files(self, app: App) -> None:
        """Removes the files that were sent for an app, but for those that something needs."""
        self._remove_files([path for path in self._files() if Path(path).parent.name == app.name])

    def _remove_files(self, files: t.Collection[str]) -> tuple[str, ...]:
        if not files:
            return ()
        # A deployment of services has no lock but this one.
        with exclusive(Path(self.state_dir, "services", self.project)):
            left = tuple(path for path in self._files() if path in files)
            for path in left:
                shutil.rmtree(path)
        return left

    def _files(self, removed: t.Collection[str] = (), gone: t.Collection[str] = ()) -> t.Iterator[str]:
        """The folders of files that no container mounts, without those of these ids, and no release on record has."""
        sent = sorted(files_folder(self.state_dir, self.project).glob("*/*"))
        if not sent:
            return
        rows = self.engine.list_containers([f"{LABEL_PROJECT}={self.project}"])
        mounts = [mount for row in rows if row["Id"] not in removed for mount in row["Mounts"]]
        mounted = {Path(mount["Source"]).parent for mount in mounts if mount.get("Source")}
        releases = releases_on_record(self.state_dir, self.project, gone)
        recorded = {(app, file["digest"]) for app, release in releases for file in release.spec.get("files", ())}
        for folder in sent:
            if folder not in mounted and (folder.parent.name, folder.name) not in recorded:
                yield str(folder)

    def _images(self, removed: t.Collection[str] = (), gone: t.Collection[str] = ()) -> t.Iterator[str]:
        return Images(self.engine, self.state_dir, self.project).unneeded(removed, gone)


def free_bytes(engine: Engine) -> int:
    """The free space of the file system that holds the images."""
    root = engine.call("ask the engine for its folder", engine.client.info)["DockerRootDir"]
    return shutil.disk_usage(root).free
