# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch: moves an app's alias from one color to the other and commits it in the proxy.

Steps, in order; each does only the difference between what is and what should be, so that a run after one that died
anywhere finishes it or undoes it:

- hold: slots that do not serve the active color get no new request, whatever address the DNS gives them
- make: each container of the new color is attached again, with the alias
- see: the proxy knows every new container, and each answers through it
- commit: one batch makes the new color's slots ready and drains the old color's
- route: the proxy loads the route of the new color, where it is another one than the old color's
- break: each container of the old color is attached again, without the alias
- release: slots that became free may serve again

Until the commit the old color serves, and an error undoes the steps before. After it the new color serves, and an
error goes forward: the next run does what is left.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel, in_turn
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View, other
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    DEFAULT_TIMEOUTS,
    FREE_SECONDS,
    DrainTimeouts,
    free_slots,
    wait_for_drain,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck, probe
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting
from ansible_collections.luma.deploy.plugins.module_utils.release.slot_check import SlotCheck

POLL_SECONDS = 0.01
#: How long the proxy may take to know the new color and to get an answer from it, in seconds.
SEE_SECONDS = 15.0


@dataclass(frozen=True)
class Move:
    """One container that was attached again. ``address_kept`` is false where its established connections were lost."""

    container: str
    step: str
    milliseconds: float
    address_kept: bool


@dataclass
class Switched:
    """What a switch did. ``slots`` tells which container each slot of the proxy served at the commit; ``steps`` how
    many milliseconds each step took; ``reloaded`` whether the proxy loaded another route."""

    color: str
    previous: str | None
    changed: bool = False
    reloaded: bool = False
    moves: list[Move] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)
    commit_milliseconds: float | None = None
    slots: dict[str, str] = field(default_factory=dict)
    slot_colors: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def note_slots(self, slots: t.Iterable[Slot], view: View) -> None:
        serving = {c.address: c for c in view.containers if c.address}
        known = [slot for slot in slots if slot.address in serving]
        self.slots = {slot.name: serving[slot.address].name for slot in known}
        self.slot_colors = {slot.name: serving[slot.address].color for slot in known}


class Switch:
    """One switch of one app on one host to ``color``.

    ``check`` is asked of every new container before anything is changed, and once more through the proxy; None where
    the color serves already, or has served up to now. ``rerouting``: the route that comes with the color.
    """

    def __init__(
        self,
        engine: Engine,
        proxy: Haproxy | None,
        app: App,
        color: str,
        check: HealthCheck | None = None,
        replicas: int | None = None,
        drain_timeouts: DrainTimeouts = DEFAULT_TIMEOUTS,
        rerouting: Rerouting | None = None,
    ) -> None:
        self.engine = engine
        self.proxy = proxy
        self.app = app
        self.color = color
        self.check = check
        self.replicas = replicas
        self.drain_timeouts = drain_timeouts
        self.rerouting = rerouting or Rerouting()

    def run(self, check_mode: bool = False) -> Switched:
        with self.proxy.exclusive() if self.proxy and not check_mode else contextlib.nullcontext():
            return self._run(check_mode)

    def _run(self, check_mode: bool) -> Switched:
        view = self._view()
        result = Switched(self.color, view.active)
        committed = view.active == self.color
        self.rerouting.choose(self.color, moves=not committed)
        if view.of(self.color) and not self._left_to_do(view):
            return result
        _refuse_unfit(self, view)
        result.changed = True
        if check_mode:
            return result
        try:
            if not committed:
                self._step(result, "hold", self.hold)
            self._step(result, "make", self.make)
            if not committed:
                self._step(result, "see", self.see)
            self._step(result, "commit", self.commit)
        except BaseException as exc:
            if not committed:
                self._undo_after(exc)
            raise
        if self.rerouting.is_due:
            self._step(result, "route", self.reroute)
        self._step(result, "break", self.break_)
        self._step(result, "release", self.release)
        return result

    def _step(self, result: Switched, name: str, step: t.Callable[[Switched], None]) -> None:
        began = time.monotonic()
        step(result)
        result.steps[name] = _milliseconds(began)

    def _view(self) -> View:
        return View.take(self.engine, self.proxy, self.app)

    def _slot_check(self, proxy: Haproxy) -> SlotCheck:
        return SlotCheck(proxy, self.app, self.check, self.rerouting)

    # --- what there is to do ------------------------------------------------------------------------------------

    def _left_to_do(self, view: View) -> bool:
        serving = view.slots_of(self.color)
        return bool(
            self._to_make(view)
            or self._to_break(view)
            or any(slot.held for slot in serving)
            or any(slot.serving for slot in view.slots if slot not in serving)
            or self.rerouting.is_due
        )

    def _to_make(self, view: View) -> list[Container]:
        containers = view.of(self.color)
        return [c for c in containers if self.app.alias not in c.aliases or not c.attached]

    def _to_break(self, view: View) -> list[Container]:
        """The other color's containers that hold the alias, and those that a killed run left detached: requests in
        flight on them can still be finished."""
        return [c for c in view.of(other(self.color)) if self.app.alias in c.aliases or (c.running and not c.attached)]

    # --- the steps ----------------------------------------------------------------------------------------------

    def hold(self, _result: Switched) -> None:
        if self.proxy is None:
            return
        view = self._view()
        serving = view.slots_of(other(self.color))
        free = [slot for slot in view.slots if slot not in serving]
        _refuse_without_room(self.app, view, len(free), len(view.of(self.color)))
        if view.active:
            self.rerouting.keep(view.active)
        self.proxy.set_states(self.app.backend, "drain", [slot.name for slot in free if not slot.held])

    def make(self, result: Switched) -> None:
        self._move(result, "make", self._to_make(self._view()), [self.app.alias])

    def see(self, _result: Switched | None = None) -> None:
        if self.proxy is None:
            return
        deadline = time.monotonic() + SEE_SECONDS
        view = self._view()
        slot_check = self._slot_check(self.proxy)
        unseen = view.of(self.color)
        while True:
            view = replace(view, slots=tuple(self.proxy.slots(self.app.backend)))
            slots = {slot.address: slot for slot in view.slots_of(self.color)}
            unseen = [c for c in unseen if not slot_check.passes(slots.get(c.address))]
            if not unseen:
                return
            if time.monotonic() >= deadline:
                raise LumaError(
                    "luma-proxy gets no healthy answer from {}, which answers on the host: nothing was switched. See: "
                    "docker logs luma-proxy".format(", ".join(c.name for c in unseen))
                )
            time.sleep(POLL_SECONDS)

    def commit(self, result: Switched) -> None:
        if self.proxy is None:
            return
        view = self._view()
        ready = view.slots_of(self.color)
        drain = [slot for slot in view.slots if slot.address and slot not in ready]
        if self.rerouting.is_due:
            self.proxy.set_up(self.app.backend, [slot.name for slot in ready])
        key = self.rerouting.change_sticky_key() if view.active != self.color else ""
        began = time.monotonic()
        try:
            self.proxy.commit(self.app.backend, [slot.name for slot in ready], [slot.name for slot in drain], key)
        except LumaError:
            # An answer that came too late is no reason to go back: what counts is what the proxy does.
            if self._view().active != self.color:
                raise
        result.commit_milliseconds = _milliseconds(began)
        self._slot_check(self.proxy).answer_waiting(ready)
        result.note_slots(ready + drain, view)

    def reroute(self, result: Switched) -> None:
        self.rerouting.load()
        result.reloaded = True

    def break_(self, result: Switched) -> None:
        view = self._view()
        network = self.engine.network(self.app.network)
        if network is not None and not network.keeps_addresses:
            result.warnings.append(
                f"Network {self.app.network} was not made by luma and has no explicit subnet, so that a container "
                "cannot keep its address: the old color was drained before it lost the alias."
            )
            if self.proxy is not None:
                wait_for_drain(self.proxy, self.app, view.addresses(other(self.color)), self.drain_timeouts)
        self._move(result, "break", self._to_break(view), [])

    def release(self, _result: Switched) -> None:
        if self.proxy is not None:
            free_slots(self.proxy, self.app)

    def _undo_after(self, error: BaseException) -> None:
        try:
            self.undo()
        except LumaError as exc:
            raise LumaError(
                f"{error} luma could not undo all of it: {exc} The other color serves. To clean up, run the command "
                "again."
            ) from error

    def undo(self) -> None:
        """Takes back what was done before the commit: the new color loses the alias, then its slots are freed. The
        engine's part does not need the proxy, which may be what failed."""
        containers = View.take(self.engine, None, self.app).of(self.color)
        made = [c for c in containers if self.app.alias in c.aliases or not c.attached]
        if self.proxy is not None:
            with contextlib.suppress(LumaError):
                self._slot_check(self.proxy).give_ports_back(self._view().slots_of(self.color))
        in_turn(lambda c: self.engine.reattach(c, self.app.network, []), made)
        if self.proxy is not None:
            free_slots(self.proxy, self.app, FREE_SECONDS)

    def _move(self, result: Switched, step: str, containers: t.Sequence[Container], aliases: list[str]) -> None:
        def move(container: Container) -> Move:
            began = time.monotonic()
            kept = self.engine.reattach(container, self.app.network, aliases)
            return Move(container.name, step, _milliseconds(began), kept)

        # Docker 20.10 takes twice as long for two at once; newer engines leave each detached for as long as all take.
        result.moves += in_turn(move, containers)


def _refuse_without_room(app: App, view: View, free: int, needed: int) -> None:
    """Raises `LumaError` where the proxy has not as many ``free`` slots as the new color needs."""
    if not view.slots:
        raise LumaError(
            f"luma-proxy does not route {app.name}: it has no backend {app.backend}. Nothing was switched. Run the "
            "role luma.deploy.proxy first."
        )
    if free < needed:
        raise LumaError(
            f"luma-proxy has {free} free slots for {needed} new replicas of {app.name}: nothing was switched. Run the "
            "role luma.deploy.proxy with the new number of replicas first."
        )


def _refuse_unfit(switch: Switch, view: View) -> None:
    """Raises `LumaError` where the color cannot serve: it is not complete, or a replica of it does not run, or is not
    healthy."""
    containers = view.of(switch.color)
    name = f"{switch.app.name}'s color {switch.color}"
    if not containers:
        raise LumaError(f"{name} has no container: nothing to switch to, nothing was changed.")
    if switch.replicas is not None and len(containers) != switch.replicas:
        raise LumaError(
            f"{name} has {len(containers)} of {switch.replicas} replicas: it is not complete, nothing was changed. "
            "Deploy it again."
        )
    for container in containers:
        if not container.ready:
            raise LumaError(
                f"{container.name} is {container.status}: luma did not switch to {name}, nothing was changed. See: "
                f"docker logs {container.name}"
            )
    if switch.check:
        _refuse_unhealthy(switch.engine, switch.check, [c for c in containers if c.address])


def _refuse_unhealthy(engine: Engine, check: HealthCheck, containers: t.Sequence[Container]) -> None:
    outcomes = in_parallel(lambda c: probe(engine, check, c), containers)
    for container, outcome in zip(containers, outcomes):
        if not outcome.healthy:
            raise LumaError(
                f"{container.name} is not healthy: {outcome.saw}. luma did not switch to it, nothing was changed. "
                f"See: docker logs {container.name}"
            )


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)
