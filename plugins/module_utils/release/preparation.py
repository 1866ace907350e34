# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the inactive color of an app to "created, started, every replica healthy"; serves nobody yet. What must
not run twice is only created: `release.handover` starts it."""

from __future__ import annotations

import contextlib
import time
import typing as t
from functools import partial

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import fixed_host_port
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import short_id
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, App, View, other
from ansible_collections.luma.deploy.plugins.module_utils.release.container_names import names_of_colors
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import DEFAULT_TIMEOUTS, DrainTimeouts, retire
from ansible_collections.luma.deploy.plugins.module_utils.release.health import probe
from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import identity, name_of
from ansible_collections.luma.deploy.plugins.module_utils.release.replica import create_replica
from ansible_collections.luma.deploy.plugins.module_utils.release.start import start_all
from ansible_collections.luma.deploy.plugins.module_utils.release.switch import Switch
from ansible_collections.luma.deploy.plugins.module_utils.release.wanted import Prepared, Wanted
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held

WITHOUT_LOCK = Held()
REMOVED = "The new containers were removed. What was running still runs."


class Preparation:
    """One run of the phase on one host. ``image_id``: the id of the wanted image there, empty where it is missing, as
    it may be in check mode. ``deploy_timeout`` in seconds. ``held``: the lock under which it works; where that is lost
    while replicas become healthy, they are removed. ``known``: the releases by which a new one gets its name, see
    `release.release_names`."""

    def __init__(
        self,
        engine: Engine,
        proxy: Haproxy | None,
        app: App,
        wanted: Wanted,
        image_id: str,
        deploy_timeout: float = 120.0,
        drain_timeouts: DrainTimeouts = DEFAULT_TIMEOUTS,
        held: Held = WITHOUT_LOCK,
        known: t.Sequence[t.Mapping[str, t.Any]] = (),
    ) -> None:
        self.engine = engine
        self.proxy = proxy
        self.app = app
        self.wanted = wanted
        self.known = known
        self.image_id = image_id
        self.deploy_timeout = deploy_timeout
        self.drain_timeouts = drain_timeouts
        self.held = held
        self._answers: dict[str, bool] = {}

    def refuse(self, force: bool = False) -> None:
        """Raises `LumaError` for what would keep the color from being made, before anything is changed. The proxy is
        not asked, since it need not run yet."""
        view = View.take(self.engine, None, self.app)
        if force or not self._color_that_is_ready(view):
            # Raises where somebody has one that luma did not make.
            self._names()
            self._refuse_taken_ports(view)
            self.wanted.mounts.refuse_missing(self.app.name)

    def run(self, force: bool = False, check_mode: bool = False) -> Prepared:
        """Finds the color that is to serve, or makes it. What `refuse` refuses must have been asked before."""
        view = View.take(self.engine, self.proxy, self.app)
        ready = None if force else self._color_that_is_ready(view)
        if ready:
            if not check_mode:
                self._keep_running(view.of(ready))
            return self._prepared(view, ready, created=False)
        color = self._color_to_make(view)
        release = self._release()
        if check_mode:
            back = view.active
            before = _summary(view), back, release_of(view, back)
            return Prepared(back, color, (), True, False, release, *before, self._identity)
        return self._make(view, color, release)

    def _release(self) -> str:
        """The name of what is made; empty where that is the image's, and it is missing."""
        base = self.wanted.release or short_id(self.image_id)
        return name_of(base, self._identity, self.known)

    @property
    def _identity(self) -> list[t.Any]:
        return identity(self.image_id, self.wanted.config_hash, self.wanted.replicas)

    @staticmethod
    def _color_to_make(view: View) -> str:
        return other(view.active) if view.active else COLORS[0]

    # --- nothing to make ----------------------------------------------------------------------------------------

    def _color_that_is_ready(self, view: View) -> str | None:
        """The color whose containers are already what is wanted, complete and healthy: the active one, or one that an
        earlier run made before it died."""
        colors = [view.active, other(view.active)] if view.active else list(COLORS)
        for color in colors:
            containers = view.of(color)
            # One that does not serve yet may have been made by a run that did not know all records.
            named = color == view.active or {c.release for c in containers} == {self._release()}
            if named and self._as_wanted(containers) and self._healthy(containers):
                return color
        return None

    def _as_wanted(self, containers: t.Sequence[Container]) -> bool:
        wanted = self.wanted
        return len(containers) == wanted.replicas and all(
            c.image_id == self.image_id and c.config_hash == wanted.config_hash for c in containers
        )

    def _healthy(self, containers: t.Sequence[Container]) -> bool:
        """Whether every replica answers now; one that was detached by a killed run is judged after it is attached."""
        if not all(c.ready for c in containers):
            return False
        return all(in_parallel(self._answers_now, [c for c in containers if c.address]))

    def _answers_now(self, container: Container) -> bool:
        """Each is asked once: `run` looks at what `refuse` has looked at a moment before."""
        if container.id not in self._answers:
            self._answers[container.id] = probe(self.engine, self.wanted.check, container).healthy
        return self._answers[container.id]

    def _prepared(self, view: View, color: str, created: bool, **timings: float) -> Prepared:
        containers, back = tuple(view.of(color)), color_to_return_to(view, color)
        return Prepared(
            active=view.active,
            color=color,
            containers=containers,
            created=created,
            settled=view.settled_on(color),
            release=containers[0].release,
            before=_summary(view),
            back=back,
            previous_release=release_of(view, back or view.active),
            identity=self._identity,
            timings={name: round(seconds, 3) for name, seconds in timings.items()},
        )

    # --- refusals -----------------------------------------------------------------------------------------------

    def _refuse_taken_ports(self, view: View) -> None:
        """A fixed host port belongs to one container at a time, so that the new color could never start."""
        fixed = [port for port in self.wanted.ports if fixed_host_port(port)]
        if fixed and (view.active or self.wanted.replicas > 1):
            raise LumaError(
                "{} publishes the fixed host port {}, which only one container can hold at a time, so that a new "
                "color cannot start beside the active one. Nothing was changed. Route the app through the proxy "
                "(proxy.hosts), or publish a range (8081-8084:3000) or only the container's port "
                '("3000").'.format(self.app.name, ", ".join(fixed))
            )

    def _names(self) -> dict[str, list[str]]:
        return names_of_colors(self.engine, self.app, self.wanted.replicas)

    # --- making -------------------------------------------------------------------------------------------------

    def _make(self, view: View, color: str, release: str) -> Prepared:
        began = time.monotonic()
        deadline = began + self.deploy_timeout
        self.wanted.runtime.refuse_missing(self.engine)
        self.wanted.mounts.place()
        self.engine.ensure_network(self.app.network, {LABEL_PROJECT: self.app.project})
        self._clear(view, color)
        cleared = time.monotonic()
        try:
            with self.engine.free_addresses(self.app.project, self.app.network) as addresses:
                names = self._names()[color]
                replicas = [(name, number, next(addresses, "")) for number, name in enumerate(names, 1)]
                create = partial(create_replica, self.engine, self.app, self.wanted, color, release)
                in_parallel(lambda replica: create(*replica), replicas)
            started = self._start(names, deadline) if self.wanted.starts_at_once else cleared
        except BaseException:
            # Where the engine is what failed, the next run removes them.
            with contextlib.suppress(LumaError):
                self._remove(color)
            raise
        return self._prepared(
            View.take(self.engine, self.proxy, self.app),
            color,
            created=True,
            clear=cleared - began,
            start=started - cleared,
            health=time.monotonic() - started,
        )

    def _start(self, names: t.Sequence[str], deadline: float) -> float:
        """Returns when all had been started."""
        work = f"The preparation of {self.app.name}"
        started = start_all(self.engine, self.app, self.wanted.check, names, self.held, work, REMOVED, deadline)
        in_parallel(self.engine.keep_running, names)
        return started

    def _clear(self, view: View, color: str) -> None:
        """Removes what an earlier run left of the color that is to be made. Where it can have traffic, that is taken
        from it first."""
        leftovers = view.of(color)
        if not leftovers:
            return
        if view.active and view.holders(color):
            Switch(self.engine, self.proxy, self.app, view.active).run()
        retire(self.engine, self.proxy, self.app, color, self.drain_timeouts, self.wanted.stop_timeout)

    def _keep_running(self, containers: t.Iterable[Container]) -> None:
        """Only what is healthy is started again after a crash: a replica that fails in its health check shows how it
        ended, and not that it was started again."""
        left = [c for c in containers if c.restart_policy in ("", "no") and not c.schedule]
        in_parallel(lambda c: self.engine.keep_running(c.id), left)

    def _remove(self, color: str) -> None:
        containers = self.engine.containers(self.app.project, self.app.name, self.app.network)
        in_parallel(lambda c: self.engine.remove(c.id), [c for c in containers if c.color == color])


def color_to_return_to(view: View, color: str) -> str | None:
    """The color that served before ``color`` was made: the active one or, where an earlier run died after its switch,
    the one that it has not yet retired. One that is newer than the active color has never served: an earlier run died
    before its switch."""
    before = view.active if view.active != color else other(color)
    containers = view.of(before) if before else []
    if before != view.active and any(old.created > new.created for old in containers for new in view.of(color)):
        return None
    return before if containers and all(c.ready for c in containers) else None


def release_of(view: View, color: str | None) -> str | None:
    return view.of(color)[0].release if color else None


def _summary(view: View) -> dict[str, t.Any]:
    """The active color, for a diff."""
    if view.active is None:
        return {}
    containers = view.of(view.active)
    return {
        "color": view.active,
        "image": short_id(containers[0].image_id),
        "release": release_of(view, view.active),
        "replicas": len(containers),
        "configuration": containers[0].config_hash,
    }
