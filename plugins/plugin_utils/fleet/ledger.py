# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment of one process of an app to its hosts: what each host came to in each phase, and what is next.

A phase runs on all hosts at once. At the barrier behind it `Fleet` takes note of every host's result, and raises `Undo`
where the transaction cannot go on: then every host goes back to the color that served before. Nothing is contacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.host.registries import ALWAYS
from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import name_of
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import (
    INTERRUPTED,
    LOCKED,
    NEW,
    OLD,
    TOOK_NO_PART,
    UNKNOWN,
    UNREACHABLE,
    Contest,
    Host,
    Result,
    Results,
    Undo,
    any_has,
    has_failed,
    is_lost,
    is_refused,
    joined,
    line,
    message,
)


class Fleet:
    """A process between two phases. ``app`` is its specification, as `luma.deploy.project` returns it; ``hosts``
    each host's part, in the order of luma.yml."""

    def __init__(self, app: Mapping[str, Any], hosts: Mapping[str, Host]) -> None:
        self.app = app
        self.hosts = dict(hosts)
        #: Whether the lock of its first host decides which of two runs goes on that came at once.
        self.decides = True

    @classmethod
    def read(cls, app: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]]) -> Fleet:
        """As `as_dict` has written it down; at its beginning without ``hosts``."""
        return cls(app, {name: Host(**hosts.get(name, {})) for name in app["hosts"]})

    def as_dict(self) -> dict[str, dict[str, Any]]:
        return {name: asdict(host) for name, host in self.hosts.items()}

    def those(self, condition: Callable[[Host], bool]) -> list[str]:
        return [name for name, host in self.hosts.items() if condition(host)]

    @property
    def up(self) -> list[str]:
        """The hosts that take part."""
        return self.those(lambda host: not host.skipped)

    @property
    def locked(self) -> list[str]:
        """The hosts whose lock this run has, and can give back. Not those where it would cost a timeout of ssh; one
        whose engine alone does not answer is no such host."""
        return self.those(lambda host: host.locked and not host.unreachable)

    @property
    def first_to_switch(self) -> str:
        """The first host on which there is something to switch to, or in check mode would be; empty without one."""
        return next(iter(self.those(lambda host: bool(host.color) and not host.settled and not host.skipped)), "")

    # --- phases -------------------------------------------------------------------------------------------------

    def lock(self, results: Results, again: bool = False) -> Contest:
        """Every host has to give its lock to this run. Where others have some of them, those hosts are asked
        ``again``, once, as the `Contest` says."""
        results = self._with_absent(results, again)
        for name, result in results.items():
            self.hosts[name].locked = not has_failed(result)
        return self._require_locks(results, again)

    def _with_absent(self, results: Results, again: bool) -> dict[str, Result]:
        """A host that an earlier task has lost has no result."""
        return {name: TOOK_NO_PART for name in self.up if not again} | dict(results)

    def _require_locks(self, results: Results, again: bool) -> Contest:
        """Every host has to have succeeded, but for those whose lock another run has. What becomes of these."""
        refusals = {name: result for name, result in results.items() if is_refused(result)}
        self.require_all({name: result for name, result in results.items() if name not in refusals})
        if not refusals:
            return Contest()
        holders = {name: result["holder"] for name, result in refusals.items() if result.get("holder")}
        # Without a holder it is a step that a dead run has left at work.
        first = self.up[0] if self.decides else ""
        contest = None if again or len(holders) < len(refusals) else Contest.of(holders, first)
        if contest is None:
            raise Undo((line(name, result) for name, result in refusals.items()), LOCKED)
        return contest

    def prepare(self, results: Results, known: Iterable[Result] = (), again: bool = False) -> Contest:
        """Every host has to be ready. Each has taken its lock, and begun, without knowing of the others: the hosts that
        are returned have to do it ``again``, once. ``known``: the releases that any host has on record."""
        results = self._with_absent(results, again)
        for name, result in results.items():
            self._note_prepared(self.hosts[name], result)
        try:
            contest = self._require_locks(results, again)
        except Undo:
            self._stay_where_one_cannot_go_back()
            raise
        hosts = [] if again else [*contest.hosts, *self._to_name_anew(results, known), *self._to_lock_again(results)]
        if not hosts:
            self._stay_where_one_cannot_go_back()
            require_one_image(self.app, {name: self.hosts[name].image for name in self.up if self.hosts[name].image})
        return replace(contest, hosts=hosts)

    @staticmethod
    def _note_prepared(host: Host, result: Result) -> None:
        # A host that is lost may have its lock.
        host.locked = bool(result.get("lock_taken") or result.get("unreachable")) and not result.get("lock_released")
        if "previous_release" in result:
            host.before, host.serves = result["previous_release"], OLD
        if not has_failed(result):
            host.back, host.color, host.other = result["back"], result["color"], result["other"]
            host.release, host.settled = result["release"], result["settled"]
            host.image = dict(result.get("image", {}))
            # In check mode there is nothing yet to switch to.
            host.prepared = bool(result["containers"]) and not host.settled
            # An earlier run may have died after its switch.
            host.serves = NEW if result["active"] == host.color else OLD

    def _to_name_anew(self, results: Results, known: Iterable[Result]) -> list[str]:
        """The hosts whose new containers have another name than the records of all hosts together give the release."""
        made = {name: result for name, result in results.items() if result.get("created") and name in self.up}
        releases = list(known)
        return [
            name
            for name, result in made.items()
            if name_of(result["release"], result["identity"], releases) != result["release"]
        ]

    def _to_lock_again(self, results: Results) -> list[str]:
        """The hosts that found nothing to do and gave their lock back, while others have something to do."""
        back = [name for name in self.up if results[name].get("lock_released")]
        return back if len(back) < len(self.up) else []

    def _stay_where_one_cannot_go_back(self) -> None:
        """Hosts that an earlier run has switched can go back, to be level with those that are behind. They stay where
        one of them cannot, or where the others may be level with them as they are."""
        parts = [host for host in self.hosts.values() if not host.skipped]
        switched = [host for host in parts if host.serves == NEW]
        releases = {host.release for host in switched}
        # One that failed has no color, and may serve either.
        behind = [host for host in parts if host.serves == OLD and (host.color or host.before not in releases)]
        if not all(host.back for host in switched) or (len(switched) < len(parts) and not behind):
            for host in switched:
                # What served before this run is what serves.
                host.back, host.before = None, host.release

    def release(self, results: Results) -> None:
        """The hook has to have succeeded; no other host can take the place of the one that it ran on."""
        self._note(results)
        self._raise_for(results)

    def switch(self, results: Results) -> None:
        """Every host of a wave has to serve the new color."""
        for name, result in results.items():
            host = self.hosts[name]
            host.asked = True
            host.serves = UNKNOWN if has_failed(result) else NEW
            host.slots, host.slot_colors = result.get("slots", {}), result.get("slot_colors", {})
        self.require_all(results)

    def retire(self, results: Results) -> None:
        """What is left of the old color undoes nothing: everybody is served by the new one."""
        for name, result in results.items():
            self.hosts[name].retired = not has_failed(result)
            self.hosts[name].locked &= not result.get("lock_released")
        self._note(results)

    def undo(self, returned: Results, removed: Results) -> None:
        """Hosts that were told to switch went back (``returned``), and what had been prepared was ``removed``."""
        for name, result in returned.items():
            self.hosts[name].serves = UNKNOWN if has_failed(result) else OLD
        for name, result in removed.items():
            self.hosts[name].prepared = has_failed(result)
        self._note(removed)
        self._note(returned)

    def remove(self, results: Results, command: str) -> str:
        """Every host has to have removed the app; what one has removed stays so. ``command``: what the user has
        typed. Returns what is said at the end."""
        name = self.app["name"]
        try:
            self.require_all(results)
        except Undo as exc:
            left = [host for host, result in results.items() if has_failed(result)]
            done = ", ".join(host for host in results if host not in left)
            what = f"removed from {done}, but not from" if done else "not removed from"
            text = f"❌ {name} is {what} {', '.join(left)}. Fix the error above, then run: {command}"
            raise Undo([str(exc), text], exc.marker) from exc
        return f"{name} is removed from {', '.join(results)} ✅"

    def require_all(self, results: Results) -> None:
        """Every host has to have succeeded, but for those that cannot be reached and that luma.yml allows for. One that
        was told to switch is not left out: nobody knows what it serves, or whether the new color is what broke it."""
        self._note(results)
        lost = {name for name, result in results.items() if is_lost(result) and not self.hosts[name].asked}
        skipped = lost.union(self.those(lambda host: host.skipped))
        if len(skipped) <= self.app["deploy"]["max_unavailable_hosts"] and len(skipped) < len(self.hosts):
            for name in lost:
                self.hosts[name].skipped = True
        self._raise_for({name: result for name, result in results.items() if name in self.up})

    @staticmethod
    def _raise_for(results: Results) -> None:
        failed = {name: result for name, result in results.items() if has_failed(result)}
        if failed:
            lost = any(map(is_lost, failed.values()))
            marker = UNREACHABLE if lost else LOCKED if any_has(failed, LOCKED) else ""
            raise Undo((line(name, result) for name, result in failed.items()), marker)

    def _note(self, results: Results) -> None:
        for name, result in results.items():
            self.hosts[name].lost = is_lost(result)
            self.hosts[name].unreachable = bool(result.get("unreachable"))
            if has_failed(result) and not result.get(INTERRUPTED):
                self.hosts[name].problem = message(result)


def known_releases(earlier: Iterable[Result], results: Results) -> list[Result]:
    """The releases that any host has on record, as they were told with the locks; each once."""
    known = list(earlier)
    for told in (result.get("releases", ()) for result in results.values()):
        known += [release for release in told if release not in known]
    return known


def require_one_image(app: Mapping[str, Any], images: Results) -> None:
    """Every host has to have the image that a registry has confirmed; without one each has its own, and what was built
    is known. Hosts that store images in another way may call the same one by another id."""
    if app["build"] or app["pull"] != ALWAYS:
        return
    meant = next((image for image in images.values() if image["confirmed"]), None)
    if not meant or all(meant["digest"] == image["digest"] or meant["id"] == image["id"] for image in images.values()):
        return
    each = ", ".join(f"{(image['digest'] or image['id'])[:19]} on {name}" for name, image in images.items())
    others = [name for name, image in images.items() if not image["confirmed"]]
    reason = "The tag was moved while luma asked. Run the command again."
    if others:
        reason = (
            f"{joined(others)} could not ask the registry, or has an image of its own. To get the registry's image, "
            f"run there: docker pull {app['image']}"
        )
    raise Undo([f"❌ The hosts do not have the same image {app['image']}: {each}. {reason}"])
