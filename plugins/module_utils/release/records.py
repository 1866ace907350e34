# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of an app on one host: a record of the last that served, and the images kept for them.

The record is one JSON file for an app, ``releases/PROJECT/APP.json`` in luma's folder, newest last. It says nothing
about which release is active: the network alias does, as ever. It holds names of secrets only, never their values.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import now, write_file
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import short_id
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import identity, record_file

#: How many releases of an app are kept, where luma.yml does not say.
KEPT = 5


@dataclass(frozen=True)
class Release:
    """What served at one time. ``image`` is the name that it was deployed under, ``image_id`` what that name meant;
    ``at`` a time in UTC (RFC 3339); ``by`` user@host; ``spec`` the app as `luma.deploy.project` returned it;
    ``run`` the id of the run of luma that deployed it, empty where an earlier luma has recorded it."""

    release: str
    image: str
    image_id: str
    config_hash: str
    at: str
    by: str
    spec: t.Mapping[str, t.Any]
    run: str = ""

    @property
    def replicas(self) -> int:
        return int(self.spec.get("replicas", 1))

    def is_same(self, other: Release) -> bool:
        """Whether both are the same containers: a release's name alone is no difference."""
        return self.identity == other.identity

    def runs_as(self, containers: t.Sequence[Container]) -> bool:
        """Whether these containers are this release."""
        return bool(containers) and len(containers) == self.replicas and all(map(self.made, containers))

    def made(self, container: Container) -> bool:
        return (container.image_id, container.config_hash) == (self.image_id, self.config_hash)

    @property
    def identity(self) -> list[t.Any]:
        """What its containers are, on any host."""
        return identity(self.image_id, self.config_hash, self.replicas)


class Releases:
    """The record of one app on one host. ``state_dir`` is luma's folder, by default ``/var/lib/luma``; ``kept``: how
    many releases it has."""

    def __init__(self, state_dir: str, app: App, kept: int = KEPT) -> None:
        self.app = app
        self.kept = kept
        self.file = record_file(state_dir, app.project, app.name)

    def read(self) -> list[Release]:
        """The releases, newest last; none where nothing is recorded. Raises `LumaError` where the file is damaged."""
        try:
            return [Release(**fields) for fields in json.loads(self.file.read_text(encoding="utf-8"))]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError, TypeError) as exc:
            raise LumaError(f"The record of {self.app.name}'s releases, {self.file}, cannot be read: {exc}") from exc

    def add(self, new: Release) -> None:
        """Makes a release the newest one. One that is the newest already keeps its time and its author; an earlier
        one moves, so that the release before the newest is the one that served before it."""
        releases = self.read()
        if releases and releases[-1].is_same(new):
            new = replace(new, at=releases[-1].at, by=releases[-1].by, run=releases[-1].run)
            if new == releases[-1]:
                return
        self._write([*(earlier for earlier in releases if not earlier.is_same(new)), new][-self.kept :])

    def last(self) -> str | None:
        """The name of the newest release; None where nothing was ever deployed, empty where the file is damaged."""
        try:
            return next((known.release for known in reversed(self.read())), None)
        except LumaError:
            return ""

    def discard(self) -> None:
        self.file.unlink()

    def _write(self, releases: t.Sequence[Release]) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self.file, json.dumps([asdict(release) for release in releases], indent=2) + "\n")


def recorded_apps(state_dir: str, project: str) -> list[str]:
    """The apps of a project that have a record on this host."""
    return sorted(file.stem for file in Path(state_dir, "releases", project).glob("*.json"))


def releases_on_record(
    state_dir: str, project: str, without: t.Collection[str] = ()
) -> t.Iterator[tuple[str, Release]]:
    """The releases of a project on this host, each with its app's name, without those of some apps. Raises `LumaError`
    where a record is damaged."""
    for app in recorded_apps(state_dir, project):
        if app not in without:
            yield from ((app, release) for release in Releases(state_dir, App(project, app)).read())


def kept_repository(app: App) -> str:
    """The repository of the tags that keep an app's images: neither a project's nor an app's name has a slash."""
    return f"luma/{app.project}/{app.name}"


def kept_image(app: App, image_id: str) -> str:
    """The name that luma gives to a release's image, so that it stays when the name it was deployed under is given to
    another image."""
    return f"{kept_repository(app)}:{short_id(image_id)}"


def record(
    engine: Engine,
    state_dir: str,
    app: App,
    containers: t.Sequence[Container],
    spec: t.Mapping[str, t.Any],
    by: str,
    keep: int = KEPT,
    run: str = "",
) -> list[str]:
    """Writes down the release that ``containers``, the active ones, are, and keeps its image. Returns warnings: what
    serves already does not fail for want of a record."""
    first = containers[0]
    releases, warnings = Releases(state_dir, app, keep), []
    try:
        earlier = releases.read()
    except LumaError as exc:
        warnings.append(f"{exc} luma starts a new one.")
        releases.discard()
        earlier = []
    # A rollback deploys a kept image; what people call it is what it was deployed under at first.
    names = [known.image for known in earlier if known.image_id == first.image_id]
    # It may be the name by which another host keeps it.
    is_kept = spec["image"].startswith(kept_repository(app) + ":")
    image = names[-1] if is_kept and names else spec["image"]
    try:
        keep_image(engine, app, first.image_id)
        releases.add(Release(first.release, image, first.image_id, first.config_hash, now(), by, spec, run))
    except (LumaError, OSError) as exc:
        warnings.append(f"The release could not be recorded, so that a rollback will not know it: {exc}")
    return warnings


def keep_image(engine: Engine, app: App, image_id: str) -> None:
    """Gives an image luma's own name; a name is no copy."""
    arguments = {"repository": kept_repository(app), "tag": short_id(image_id)}
    engine.call("keep image " + short_id(image_id), engine.client.tag, image_id, **arguments)
