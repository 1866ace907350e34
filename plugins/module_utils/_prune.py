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

from ansible_collections.luma.deploy.plugins.module_utils._colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils._engine import LABEL_APP, LABEL_PROJECT, Container, Engine
from ansible_collections.luma.deploy.plugins.module_utils._errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils._proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils._release_hook import stopped_hooks
from ansible_collections.luma.deploy.plugins.module_utils._releases import Releases, kept_repository, recorded_apps

#: The names that keep images, see `_releases.kept_image`.
KEPT = "luma/"
#: The names of images that were sent, see `_images.name_of_other_id`.
SENT = "luma/sent:"
#: The label of the name that an image was built under, without the tag.
LABEL_REPOSITORY = "luma.repository"

# `Engine` tells of a missing SDK.
with contextlib.suppress(ImportError):
    from docker.errors import APIError


@dataclass(frozen=True)
class Leftovers:
    """What is to be removed: stopped containers (the id of each by its name), backends, apps whose record is to go,
    names of images, and ids of images without a name."""

    containers: t.Mapping[str, str] = field(default_factory=dict)
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
        images = sorted(set(leftovers.images).intersection(self._images()))
        for name in images:
            self.engine.call("remove image " + name, self.engine.client.remove_image, name)
        return replace(leftovers, containers=removed, images=tuple(images))

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

    def images_of(self, app: App, removed: t.Collection[str] = ()) -> list[str]:
        """What belongs to one app, and nothing needs once the containers of these ids and its record are gone. Of an
        image that something else needs it is the name that kept it for the app, where it has others."""
        needed, found = self._needed(removed, [app.name]), []
        for image in self._all_images():
            kept = [name for name in _names_of(image) if name.startswith(kept_repository(app) + ":")]
            if image["Id"] in needed:
                found += kept if len(_names_of(image)) > len(kept) else []
            elif kept or _is_built_for(app, image):
                found += self._own_names(image)
        return found

    def _images(self, removed: t.Collection[str] = (), gone: t.Collection[str] = ()) -> t.Iterator[str]:
        """What nothing needs, without the containers of these ids and the records of these apps."""
        needed = self._needed(removed, gone)
        for image in self._all_images():
            if image["Id"] not in needed:
                yield from self._own_names(image)

    def _needed(self, removed: t.Collection[str], gone: t.Collection[str]) -> set[str]:
        return self._images_in_use(removed) | self._images_on_record(gone)

    def _all_images(self) -> list[dict[str, t.Any]]:
        return self.engine.call("list images", self.engine.client.images)

    def _own_names(self, image: t.Mapping[str, t.Any]) -> t.Iterator[str]:
        """The names that luma gave to an image, or its id where it has none."""
        names = _names_of(image)
        mine = [name for name in names if name.startswith(f"{KEPT}{self.project}/")]
        sent = [name for name in names if name.startswith(SENT)]
        labels = image.get("Labels") or {}
        repository = labels.get(LABEL_REPOSITORY)
        if labels.get(LABEL_PROJECT) != self.project:
            yield from mine
        elif any(name.startswith(KEPT) and name not in mine + sent for name in names):
            # Another project has deployed it, too, and may return to it.
            yield from mine
        elif names:
            yield from mine + sent + [name for name in names if name.rpartition(":")[0] == repository]
        elif all(name.partition("@")[0] in ("<none>", repository) for name in image.get("RepoDigests") or ()):
            yield image["Id"]

    def _images_in_use(self, removed: t.Collection[str]) -> set[str]:
        rows = self.engine.list_containers()
        return {row["ImageID"] for row in rows if row["Id"] not in removed}

    def _images_on_record(self, gone: t.Collection[str]) -> set[str]:
        """Raises `LumaError` where a record is damaged: its images are not known."""
        apps = [app for app in recorded_apps(self.state_dir, self.project) if app not in gone]
        return {release.image_id for app in apps for release in Releases(self.state_dir, App(self.project, app)).read()}


def _names_of(image: t.Mapping[str, t.Any]) -> list[str]:
    return [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]


def _is_built_for(app: App, image: t.Mapping[str, t.Any]) -> bool:
    labels = image.get("Labels") or {}
    return (labels.get(LABEL_PROJECT), labels.get(LABEL_APP)) == (app.project, app.name)


def free_bytes(engine: Engine) -> int:
    """The free space of the file system that holds the images."""
    root = engine.call("ask the engine for its folder", engine.client.info)["DockerRootDir"]
    return shutil.disk_usage(root).free
