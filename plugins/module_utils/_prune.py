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
import time
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.luma.deploy.plugins.module_utils._colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils._engine import (
    LABEL_APP,
    LABEL_PROJECT,
    Container,
    Engine,
    explanation,
)
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
#: How long a deployment may take for the removal of images, in seconds; the next one goes on.
REMOVAL_SECONDS = 10.0

# `Engine` tells of a missing SDK.
with contextlib.suppress(ImportError):
    from docker.errors import APIError, DockerException, NotFound
    from requests.exceptions import RequestException


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

    def _images(self, removed: t.Collection[str] = (), gone: t.Collection[str] = ()) -> t.Iterator[str]:
        return Images(self.engine, self.state_dir, self.project).unneeded(removed, gone)


class Images:
    """The images that luma has brought to a host for a project. With an ``app`` only those that were a release of it:
    one that was built, and has not served yet, may be about to be deployed."""

    def __init__(self, engine: Engine, state_dir: str, project: str, app: str = "") -> None:
        self.engine = engine
        self.state_dir = state_dir
        self.project = project
        self.app = app

    def remove_unneeded(self) -> tuple[list[str], str]:
        """Removes what nothing needs, for `REMOVAL_SECONDS` at most; returns the names, and the last problem."""
        removed, problem, end = [], "", time.monotonic() + REMOVAL_SECONDS
        try:
            # The name by which it is found the next time goes last.
            for name in sorted(self.unneeded(), key=lambda name: name.startswith(self._kept)):
                if time.monotonic() >= end:
                    break
                with contextlib.suppress(NotFound):
                    self.engine.client.remove_image(name)
                    removed.append(name)
        except (LumaError, DockerException, RequestException) as exc:
            problem = explanation(exc)
        return removed, problem

    def unneeded(self, removed: t.Collection[str] = (), gone: t.Collection[str] = ()) -> t.Iterator[str]:
        """The names of what nothing needs, and ids of what has no name, without the containers of these ids and the
        records of these apps."""
        needed = self._in_use(removed) | self._on_record(gone)
        for image in self.engine.call("list images", self.engine.client.images):
            if image["Id"] not in needed:
                yield from self._names_of_luma(image)

    def _names_of_luma(self, image: t.Mapping[str, t.Any]) -> list[str]:
        """What is to be removed of an image: its names that luma gave."""
        names = [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]
        mine = [name for name in names if name.startswith(self._kept)]
        sent = [name for name in names if name.startswith(SENT)]
        labels = image.get("Labels") or {}
        repository = labels.get(LABEL_REPOSITORY)
        digests = [digest for digest in image.get("RepoDigests") or () if not digest.startswith(("<none>", KEPT))]
        if self.app and not mine:
            return []
        if labels.get(LABEL_PROJECT) != self.project:
            # One that was pulled, and whose tag means another image by now, has no name but the digest.
            return mine + digests if mine == names else mine
        if any(name.startswith(KEPT) and name not in mine + sent for name in names):
            # Another project, or another app, has deployed it, too, and may return to it.
            return mine
        if names:
            return mine + sent + [name for name in names if name.rpartition(":")[0] == repository]
        return [] if any(digest.partition("@")[0] != repository for digest in digests) else [image["Id"]]

    @property
    def _kept(self) -> str:
        return f"{kept_repository(App(self.project, self.app))}:" if self.app else f"{KEPT}{self.project}/"

    def _in_use(self, removed: t.Collection[str]) -> set[str]:
        rows = self.engine.list_containers()
        return {row["ImageID"] for row in rows if row["Id"] not in removed}

    def _on_record(self, gone: t.Collection[str]) -> set[str]:
        """Raises `LumaError` where a record is damaged: its images are not known."""
        apps = [app for app in recorded_apps(self.state_dir, self.project) if app not in gone]
        return {release.image_id for app in apps for release in Releases(self.state_dir, App(self.project, app)).read()}


def free_bytes(engine: Engine) -> int:
    """The free space of the file system that holds the images."""
    root = engine.call("ask the engine for its folder", engine.client.info)["DockerRootDir"]
    return shutil.disk_usage(root).free
