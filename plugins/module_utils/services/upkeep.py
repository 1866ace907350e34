# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service on one host: created, kept running, or replaced in place.

Two versions of a database must not work on the same data, so that a service has one running container, and a
replacement is a short outage. In between there are two containers, and their names say what they are::

    shop-db       what serves, or served until a moment ago
    shop-db-new   what replaces it: created, then the old one is stopped, then this one started

Once the new one has shown that it runs, the old one is removed and the new one gets its name. A run that dies leaves
some of this, and the next one begins by repairing it. Volumes are never removed.
"""

from __future__ import annotations

import contextlib
import math
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.wanted_image import WantedImage
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import Stopped, stop
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck, wait_until_healthy
from ansible_collections.luma.deploy.plugins.module_utils.services.serving import (
    create_container,
    require_that_it_serves,
    wait_until_it_serves,
)
from ansible_collections.luma.deploy.plugins.module_utils.services.specification import (
    Service,
    differences,
    inherited_volumes,
)


@dataclass
class Outcome:
    """What was found, and done, or in check mode would be. ``action``: ``created``, ``replaced``, ``started``,
    ``restarted`` or ``kept``; ``changes``: the keys that differed from what ran, of the environment the variables'
    names; ``away``: how long nothing ran meanwhile, in seconds; ``notes``: what users should know beside it."""

    name: str
    container: str
    action: str = "kept"
    changed: bool = False
    changes: tuple[str, ...] = ()
    away: float = 0.0
    status_before: str = ""
    image_before: str = ""
    image: str = ""
    image_shown: str = ""
    notes: list[str] = field(default_factory=list)


class Upkeep:
    """One service on one host, in one run. ``image`` is the inspect result of its image, None where the host lacks
    it. ``earlier``: the name of the container that the earlier luma has made for it, which is replaced as one of luma's
    own is: two must not work on the same data. ``restart``: one that runs is stopped and started again."""

    def __init__(
        self,
        engine: Engine,
        service: Service,
        network: str,
        image: WantedImage,
        replacing: bool = True,
        check_mode: bool = False,
        earlier: str = "",
        restart: bool = False,
    ) -> None:
        self.engine = engine
        self.service = service
        self.earlier = earlier
        self.network = network
        self.image = image.found
        self.replacing = replacing
        self.check_mode = check_mode
        self.restart = restart
        self.outcome = Outcome(service.name, service.container_name, image=image.id, image_shown=image.shown)
        if image.warning:
            self.outcome.notes.append(f"⚠️ {image.warning}")

    def run(self) -> Outcome:
        current = self._repair()
        if current is None:
            self._create()
            return self.outcome
        self.outcome.status_before, self.outcome.image_before = current.status, current.image_id
        self.outcome.changes = self._changes(current)
        if self.outcome.changes and self.replacing:
            self._replace(current)
        else:
            self._keep(current)
        return self.outcome

    def _did(self, action: str) -> None:
        self.outcome.action = action
        self.outcome.changed = True

    # --- what a dead run left -----------------------------------------------------------------------------------

    def _repair(self) -> Container | None:
        """Ends a replacement that an earlier run began; returns what serves, or served last."""
        old, new = self._find(self.service.container_name), self._find(self.service.new_name)
        if old is None and self.earlier:
            old = self._find(self.earlier)
        if new is None:
            return old
        self.outcome.changed = True
        self.outcome.notes.append("repaired what an earlier run left")
        # Its restart policy says that it had shown that it runs. Whatever is wrong with it by now: it has the data.
        accepted = old is None or (new.restart_policy not in ("", "no") and not old.running)
        taken_over = accepted or (new.running and not (old and old.running))
        if self.check_mode:
            return new if taken_over else old
        if accepted or (taken_over and self._serves(new.id)):
            self._promote(old)
            return self._find(self.service.container_name)
        # One that ran may hold data by now.
        self._discard(new.id, volumes=new.status == "created")
        return old

    def _find(self, name: str) -> Container | None:
        return self.engine.container(name, self.network)

    def _promote(self, old: Container | None) -> None:
        """The new container has shown that it runs: it is the service from now on."""
        self.engine.keep_running(self.service.new_name)
        if old:
            self.engine.remove(old.id, volumes=False)
        self.engine.rename(self.service.new_name, self.service.container_name)

    # --- what is to be done -------------------------------------------------------------------------------------

    def _changes(self, current: Container) -> tuple[str, ...]:
        if current.image_id == self.outcome.image and current.config_hash == self.service.config_hash:
            return ()
        return differences(self.engine.description(current.id), self.image, self.service) or ("configuration",)

    def _keep(self, current: Container) -> None:
        """The container stays; whatever keeps it from serving is put right."""
        if current.name == self.earlier != self.service.container_name:
            self.outcome.container = self.earlier
            self.outcome.notes.append("made by the earlier luma; luma deploy --services replaces it")
            return
        detached = self.service.name not in current.aliases
        if detached:
            self.outcome.changed = True
            self.outcome.notes.append(f"connected to {self.network} again")
        stopped = current.status != "running"
        if stopped:
            self._did("started")
        elif self.restart:
            self._did("restarted")
        if self.check_mode:
            return
        if detached:
            self.engine.reattach(current, self.network, [self.service.name])
        if stopped:
            self.engine.start(current.id)
            self._require(current.id)
        elif self.restart:
            self._restart(current)
        if current.restart_policy in ("", "no"):
            self.engine.keep_running(current.id)

    def _restart(self, current: Container) -> None:
        began = time.monotonic()
        stopped = stop(self.engine, current, self.service.stop_timeout)
        self.engine.start(current.id)
        self.outcome.away = round(time.monotonic() - began, 2)
        self._require(current.id)
        self._tell_killed(stopped)

    def _tell_killed(self, stopped: Stopped) -> None:
        if stopped.killed:
            self.outcome.notes.append(
                f"⚠️ it did not end within {self.service.stop_timeout:g} s of SIGTERM and was killed: raise stop_timeout"
            )

    def _create(self) -> None:
        self._did("created")
        if self.check_mode:
            return
        name = self.service.container_name
        self._create_container(name, self.service.mounts.volumes)
        try:
            self.engine.start(name)
            self._require(name)
        except BaseException as exc:
            with contextlib.suppress(LumaError):
                self._discard(name)
            if isinstance(exc, LumaError):
                raise LumaError(
                    f"{exc}\nIt was removed again. Correct luma.yml and deploy again.", **exc.facts
                ) from exc
            raise
        self.engine.keep_running(name)

    def _replace(self, old: Container) -> None:
        self._did("replaced")
        if self.check_mode:
            return
        binds, left = inherited_volumes(self.engine.description(old.id), self.service.mounts)
        self._create_container(self.service.new_name, binds, old.fixed_address)
        began = time.monotonic()
        try:
            stopped = stop(self.engine, old, self.service.stop_timeout)
            self.engine.start(self.service.new_name)
            self.outcome.away = round(time.monotonic() - began, 2)
            self._require(self.service.new_name)
        except BaseException as exc:
            after = self._bring_back(old)
            if isinstance(exc, LumaError):
                raise LumaError(f"{exc}\n{after}", **exc.facts) from exc
            raise
        self._promote(old)
        self._tell_killed(stopped)
        self.outcome.notes.extend(f"⚠️ what was on {path} is kept in the volume {name}" for path, name in left)

    def _bring_back(self, old: Container) -> str:
        """After a new container has failed: lets the old one serve again, and says how that went."""
        try:
            self._discard(self.service.new_name)
            self.engine.start(old.id)
            verdict = wait_until_healthy(self.engine, HealthCheck("running"), old.id, self.network, math.inf)
        except LumaError as exc:
            return f"⚠️ The container that served before is down: {exc}\nTry: docker start {old.name}"
        if not verdict.healthy:
            return f"⚠️ The container that served before does not run any more either. See: docker logs {old.name}"
        return "It was removed, and the container that served before runs again. Correct luma.yml and deploy again."

    # --- containers ---------------------------------------------------------------------------------------------

    def _create_container(self, name: str, binds: t.Sequence[str], address: str = "") -> None:
        create_container(self.engine, self.service, self.network, name, binds, address)

    def _serves(self, name: str) -> bool:
        return wait_until_it_serves(self.engine, self.service, self.network, name).healthy

    def _require(self, name: str) -> None:
        require_that_it_serves(self.engine, self.service, self.network, name)

    def _discard(self, name: str, volumes: bool = True) -> None:
        """Removes a container that is given up, stopped first where it runs: it may be at work on the data."""
        container = self._find(name)
        if container:
            stop(self.engine, container, self.service.stop_timeout)
            self.engine.remove(container.id, volumes)
