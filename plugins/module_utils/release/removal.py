# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of an app on one host: nobody new is let to it, what is in flight is finished, and then all that luma made of
it goes. Its volumes and the project's network stay.

Each step does only what is left to do, so that the run after one that died finishes it.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, App
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    DrainTimeouts,
    Retired,
    Stopped,
    stop,
    wait_for_drain,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.hook import ReleaseHook
from ansible_collections.luma.deploy.plugins.module_utils.release.prune import Prune
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Release, Releases
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule
from ansible_collections.luma.deploy.plugins.module_utils.release.unneeded_images import Images

#: The timeouts of an app that has to be removed, and what one is if neither luma.yml nor the record of releases says it
#: any more, in seconds.
TIMEOUTS = ("drain_timeout", "stream_drain_timeout", "stop_timeout")
TIMEOUT = 30.0


@dataclass(frozen=True)
class Remains:
    """What a host has of an app. ``hooks``: what runs that were killed have left of release hooks; ``hosts``: the names
    that the proxy routes to it; ``routed`` is true also where only a part of its route is left; ``recorded``: whether
    there is a record of its releases, which may be damaged; ``images``: names of images, and ids of those without one,
    that nothing else needs."""

    containers: tuple[Container, ...] = ()
    hooks: tuple[Container, ...] = ()
    routed: bool = False
    hosts: tuple[str, ...] = ()
    recorded: bool = False
    releases: tuple[Release, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.containers or self.hooks or self.routed or self.recorded or self.images)

    @property
    def container_names(self) -> list[str]:
        return [c.name for c in (*self.containers, *self.hooks)]


@dataclass(frozen=True)
class Removed:
    """What became of it: ``drained`` tells of the requests that were in flight, ``stopped`` of the containers."""

    drained: Retired = field(default_factory=Retired)
    stopped: tuple[Stopped, ...] = ()
    images: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


class Removal:
    """One app on one host. ``timeouts`` in seconds, by their names in `TIMEOUTS`; one that is missing is what the
    newest release on record had, or `TIMEOUT`."""

    def __init__(
        self,
        engine: Engine,
        proxy: Proxy,
        app: App,
        state_dir: str,
        timeouts: t.Mapping[str, float | None],
    ) -> None:
        self.engine = engine
        self.proxy = proxy
        self.app = app
        self.releases = Releases(state_dir, app)
        self.prune = Prune(engine, proxy, state_dir, app.project, frozenset())
        self.images = Images(engine, state_dir, app.project, app.name)
        self.schedule = Schedule(engine, app, state_dir)
        self.timeouts = timeouts

    def find(self) -> Remains:
        containers = self.engine.containers(self.app.project, self.app.name, self.app.network)
        # One without a color was made by somebody else, of an image with the app's labels.
        replicas = tuple(c for c in containers if c.color in COLORS)
        hooks = tuple(ReleaseHook(self.engine, self.app).find())
        route = self.proxy.routes.of(self.app.backend)
        return Remains(
            containers=replicas,
            hooks=hooks,
            routed=self.proxy.routes.has_any(self.app.backend),
            hosts=route.hosts if route else (),
            recorded=self.releases.file.exists(),
            releases=tuple(self._recorded()),
            images=self._images([c.id for c in (*replicas, *hooks)]),
        )

    def remove(self, found: Remains) -> Removed:
        """Removes what was found. Containers go behind the route, since requests come as long as there is one, and
        images last, when nothing is known any more to need them."""
        drain = self._timeout("drain_timeout", found.releases, TIMEOUT)
        streams = self._timeout("stream_drain_timeout", found.releases, drain)
        stop_timeout = self._timeout("stop_timeout", found.releases, TIMEOUT)
        if found.routed:
            self.proxy.forget([self.app.backend])
        self.schedule.set("")
        drained = self._drain(found, DrainTimeouts(drain, streams))
        ReleaseHook(self.engine, self.app).remove()
        stopped = in_parallel(lambda c: stop(self.engine, c, stop_timeout), found.containers)
        in_parallel(lambda c: self.engine.remove(c.id), found.containers)
        if found.recorded:
            self.releases.discard()
        images, warnings = [], []
        # If another app's record is damaged, nobody knows which it needs.
        with contextlib.suppress(LumaError):
            self.prune.forget_files(self.app)
        for name in self._images():
            try:
                self.engine.call("remove image " + name, self.engine.client.remove_image, name)
                images.append(name)
            except LumaError as exc:
                warnings.append(f"{exc}. Once nothing uses it: luma prune")
        return Removed(drained, tuple(stopped), tuple(images), warnings)

    def _timeout(self, name: str, releases: t.Sequence[Release], default: float) -> float:
        given = self.timeouts.get(name)
        recorded = releases[-1].spec.get(name) if releases else None
        return next((float(each) for each in (given, recorded) if each is not None), default)

    def _drain(self, found: Remains, timeouts: DrainTimeouts) -> Retired:
        """Waits for the requests in flight. The proxy's current worker knows the app no more; those that it replaced
        finish what they have begun, also for a run that died behind this step."""
        haproxy = self.proxy.haproxy
        if not any(c.running for c in found.containers) or not haproxy.is_reachable():
            return Retired()
        addresses = {c.address for c in found.containers if c.address}
        return wait_for_drain(haproxy, self.app, addresses, timeouts)

    def _recorded(self) -> list[Release]:
        """A record that is damaged is removed as any other."""
        try:
            return self.releases.read()
        except LumaError:
            return []

    def _images(self, removed: t.Collection[str] = ()) -> tuple[str, ...]:
        """If another app's record is damaged, nobody knows which images it needs: they stay."""
        try:
            return tuple(sorted(self.images.of_removed_app(removed)))
        except LumaError:
            return ()
