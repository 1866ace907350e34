# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that luma has brought to a host, and that no container and no release on record needs any more."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import explanation
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.records import kept_repository, releases_on_record

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
    from docker.errors import DockerException, NotFound
    from requests.exceptions import RequestException


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
        needed = self._needed(removed, gone)
        for image in self._all():
            if image["Id"] not in needed:
                yield from self._names_of_luma(image)

    def of_removed_app(self, removed: t.Collection[str] = ()) -> list[str]:
        """What belongs to the app, and nothing needs once the containers of these ids and its record are gone. Of an
        image that something else needs it is the name that kept it for the app, where it has others."""
        whole_project = Images(self.engine, self.state_dir, self.project)
        needed, found = self._needed(removed, [self.app]), []
        for image in self._all():
            kept = [name for name in _names_of(image) if name.startswith(self._kept)]
            if image["Id"] in needed:
                found += kept if len(_names_of(image)) > len(kept) else []
            elif kept or self._is_built_for(image):
                found += whole_project._names_of_luma(image)
        return found

    def _names_of_luma(self, image: t.Mapping[str, t.Any]) -> list[str]:
        """What is to be removed of an image: its names that luma gave."""
        names = _names_of(image)
        mine = [name for name in names if name.startswith(self._kept)]
        sent = [name for name in names if name.startswith(SENT)]
        labels = image.get("Labels") or {}
        repository = labels.get(LABEL_REPOSITORY)
        digests = [digest for digest in image.get("RepoDigests") or () if not digest.startswith(("<none>", KEPT))]
        if self.app and not mine:
            return []
        built = [name for name in names if name.rpartition(":")[0] == repository]
        shared = any(name.startswith(KEPT) and name not in mine + sent for name in names)
        if labels.get(LABEL_PROJECT) != self.project:
            # One that was pulled, and whose tag means another image by now, has no name but the digest. One that was
            # built for another environment was deployed here by the name that luma gave it there.
            return mine + digests if mine == names else mine + (built if mine and not shared else [])
        if shared:
            # Another project, or another app, has deployed it, too, and may return to it.
            return mine
        if names:
            return mine + sent + built
        return [] if any(digest.partition("@")[0] != repository for digest in digests) else [image["Id"]]

    @property
    def _kept(self) -> str:
        return f"{kept_repository(App(self.project, self.app))}:" if self.app else f"{KEPT}{self.project}/"

    def _is_built_for(self, image: t.Mapping[str, t.Any]) -> bool:
        labels = image.get("Labels") or {}
        return (labels.get(LABEL_PROJECT), labels.get(LABEL_APP)) == (self.project, self.app)

    def _all(self) -> list[dict[str, t.Any]]:
        return self.engine.call("list images", self.engine.client.images)

    def _needed(self, removed: t.Collection[str], gone: t.Collection[str]) -> set[str]:
        return self._in_use(removed) | self._on_record(gone)

    def _in_use(self, removed: t.Collection[str]) -> set[str]:
        rows = self.engine.list_containers()
        return {row["ImageID"] for row in rows if row["Id"] not in removed}

    def _on_record(self, gone: t.Collection[str]) -> set[str]:
        """Raises `LumaError` where a record is damaged: its images are not known."""
        return {release.image_id for _app, release in releases_on_record(self.state_dir, self.project, gone)}


def _names_of(image: t.Mapping[str, t.Any]) -> list[str]:
    return [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]
