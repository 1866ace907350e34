# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a rollback brings back, or a restart, and how it is deployed again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.host.registries import MISSING
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import is_lost
from ansible_collections.luma.deploy.plugins.plugin_utils.text import minute

HTTPS_OF_ROUTE = ("ssl", "ssl_redirect", "hsts", "own_certificate")
Release = Mapping[str, Any]
Found = Mapping[str, Mapping[str, Any]]
Identity = tuple[Any, ...]


class CannotRollBack(Exception):
    """Why, and what to do. Nothing was changed."""


class InvalidChoice(CannotRollBack):
    """Why the input is wrong; nothing was contacted."""


class NoSuchRelease(CannotRollBack):
    """There is nothing on record that could be brought back."""


class NoHostAnswers(CannotRollBack):
    """None of the hosts, or their engines, can be reached."""


def the_app(apps: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one app that is rolled back."""
    if len(apps) != 1:
        names = ", ".join(app["name"] for app in apps)
        raise InvalidChoice(f"A rollback works on one app, and luma.yml has several: {names}. Name one of them.")
    return apps[0]


def require_answers(app: Mapping[str, Any], found: Found) -> None:
    """Raises `NoHostAnswers` where none does."""
    if all(is_lost(result) for result in found.values()):
        reasons = "".join(f"\n  {host}: {result.get('msg')}" for host, result in found.items())
        raise NoHostAnswers(f"No host of {app['name']} can be reached:{reasons}")


@dataclass(frozen=True)
class Choice:
    """What a process is to run: a release on record, and whether that is another one than now. ``on_hosts``: the
    release as each host has it on record, see `_on_each_host`."""

    process: Mapping[str, Any]
    release: Release
    moves: bool
    on_hosts: Mapping[str, Release] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        return spec_of(self.release, self.process, self.on_hosts)

    def __str__(self) -> str:
        name, release = self.process["name"], self.release
        if not self.moves:
            return f"{name} stays at {release['release']}"
        at = minute(release["at"].partition("+")[0])
        return f"Rolling back {name} to {release['release']}, deployed {at} by {release['by']}"


def choices(app: Mapping[str, Any], wanted: str, found: Found) -> list[Choice]:
    """The releases to bring back, one for each process. What the last deployment did not change stays, and so does a
    process that did not have the ``wanted`` release."""
    processes = app["processes"] or [app]
    if len(processes) == 1:
        return [_choice(processes[0], target(processes[0], wanted, found), found, moves=True)]
    now = {each["name"]: _serving(each, found) for each in processes}
    last = max((release for release in now.values() if release), key=lambda each: str(each["at"]), default={})
    chosen, reasons = list[Choice](), list[CannotRollBack]()
    for process in processes:
        serving = now[process["name"]]
        if wanted or not serving or serving.get("run", "") == last.get("run", ""):
            try:
                release = target(process, wanted, _on_its_hosts(process, found))
                chosen.append(_choice(process, release, found, moves=True))
                continue
            except NoSuchRelease as exc:
                reasons.append(exc)
        if serving:
            chosen.append(_choice(process, serving, found, moves=False))
    if not any(choice.moves for choice in chosen):
        raise reasons[0]
    return chosen


def serving(app: Mapping[str, Any], found: Found) -> list[Choice]:
    """The releases that serve, one for each process, to be deployed once more. Raises `NoSuchRelease`."""
    known = [(each, _serving(each, found)) for each in app["processes"] or [app]]
    chosen = [_choice(process, release, found, moves=False) for process, release in known if release]
    if not chosen:
        raise NoSuchRelease(
            f"{app['name']} was never deployed: there is nothing to restart. Run: luma deploy {app['name']}"
        )
    return chosen


def _choice(process: Mapping[str, Any], release: Release, found: Found, moves: bool) -> Choice:
    return Choice(process, release, moves, _on_each_host(process, release, found))


def _on_each_host(process: Mapping[str, Any], release: Release, found: Found) -> dict[str, Release]:
    """The release on each host that has it on record. A host whose engine calls the image by another id keeps it under
    another name, and the release may be called after that id."""
    hosts = {host: result for host, result in _on_its_hosts(process, found).items() if not is_lost(result)}
    known = {host: _releases(process["name"], host, result) for host, result in hosts.items()}
    meant = _identity(release)
    same = {host: [each for each in releases if _identity(each) == meant] for host, releases in known.items()}
    # One of the same name first: a record may have what the image is under two names.
    return {
        host: sorted(releases, key=lambda each: each["release"] != release["release"])[0]
        for host, releases in same.items()
        if releases
    }


def _on_its_hosts(process: Mapping[str, Any], found: Found) -> Found:
    return {host: found[host] for host in process["hosts"] if host in found}


def _serving(process: Mapping[str, Any], found: Found) -> Release | None:
    """The release that serves now; where none does the newest on record, None without one."""
    of_process = _on_its_hosts(process, found)
    known = [_releases(process["name"], host, result) for host, result in of_process.items() if not is_lost(result)]
    newest_first = [release for releases in known for release in releases]
    return next((each for each in newest_first if each["serves"]), next(iter(newest_first), None))


def whole_spec(app: Mapping[str, Any], chosen: Sequence[Choice]) -> dict[str, Any]:
    """The app as it is to be deployed, by the role `luma.deploy.app`."""
    specs = [choice.spec for choice in chosen]
    if not app["processes"]:
        return specs[0]
    return {**app, "hooks": app["hooks"] | {"release": None}, "build": None, "processes": specs}


def target(app: Mapping[str, Any], wanted: str, found: Found) -> Release:
    """The release to bring back, the same on all hosts: the ``wanted`` one, or with an empty name the previous one.

    The previous one is the newest that does not serve. Since a release that serves again becomes the newest, a second
    rollback returns to where the first one began. The hosts that know one have to mean the same, and all have to have
    it: a run that was killed on its way and a host that was down for a release look alike, and what most hosts mean may
    be one release too far back. Hosts that cannot be reached are not asked; whether they may be missing is for the
    deployment to say.
    """
    known = {host: _releases(app["name"], host, result) for host, result in found.items() if not is_lost(result)}
    named = {_identity(each) for releases in known.values() for each in releases if _is_called(each, wanted)}
    choices = {host: _choose(app["name"], wanted, named, releases, host) for host, releases in known.items()}
    # The name that the first host has for it.
    meant = {_identity(choice): choice for choice in reversed(list(choices.values())) if choice}
    require_answers(app, found)
    if not meant:
        raise NoSuchRelease(
            f"There is nothing to roll back to: {', '.join(known)} has no release of {app['name']} on record but the "
            "one that serves. Nothing was changed."
        )
    (identity, release), *others = meant.items()
    if others or not all(identity in map(_identity, releases) for releases in known.values()):
        each = ", ".join(f"{choice['release'] if choice else 'none'} on {host}" for host, choice in choices.items())
        raise CannotRollBack(
            f"The hosts do not agree on the release that {app['name']} would go back to: {each}. "
            f"Nothing was changed. Choose one that all of them have, with --to; luma releases {app['name']} lists them."
        )
    return release


def _releases(app: str, host: str, result: Mapping[str, Any]) -> list[Release]:
    """The releases that a host has on record, newest first."""
    if result.get("failed"):
        raise CannotRollBack(f"{host}: {result.get('msg')}")
    known = next(each for each in result["apps"] if each["name"] == app)
    if known["problem"]:
        raise CannotRollBack(f"{host}: {known['problem']}")
    return list(reversed(known["releases"]))


def _is_called(release: Release, wanted: str) -> bool:
    return bool(wanted) and wanted in (release["release"], release["config_hash"][: len(wanted)])


def _choose(
    app: str, wanted: str, named: Collection[Identity], releases: Sequence[Release], host: str
) -> Release | None:
    """What one host would go back to; None where it has nothing but what serves. ``named``: what any of the hosts calls
    so, since a release that is called after its image may have another name here."""
    choices = sorted(releases, key=lambda release: bool(release["serves"]))
    if wanted:
        matches = [each for each in choices if _identity(each) in named]
        if not matches:
            known = ", ".join(dict.fromkeys(each["release"] for each in releases)) or "none"
            raise NoSuchRelease(f"{host} has no release {wanted} of {app} on record; there are: {known}")
        return matches[0]
    return choices[0] if choices and not choices[0]["serves"] else None


def _identity(release: Release) -> Identity:
    """What tells it from others, also on other hosts, whose engines may call its image by another id."""
    image_id, *rest = release["identity"]
    return release["release"] if not release.get("content") else "", release.get("content") or image_id, *rest


def spec_of(release: Release, app: Mapping[str, Any], on_hosts: Mapping[str, Release]) -> dict[str, Any]:
    """The app as it was when the release served, from the image that luma kept; but on the hosts that luma.yml names
    today, in the waves and with the hooks of today. Nothing is built, no registry is asked, and there is no release
    hook: an earlier release does not know how to undo what a later one has migrated."""
    today = {key: app[key] for key in ("hosts", "servers", "deploy", "releases") if key in app}
    today["hooks"] = app["hooks"] | {"release": None}
    kept = {"image": release["kept_image"], "release": release["release"], "build": None, "pull": MISSING}
    kept["on_hosts"] = {
        host: {"image": each["kept_image"], "release": each["release"]}
        for host, each in on_hosts.items()
        if (each["kept_image"], each["release"]) != (release["kept_image"], release["release"])
    }
    # A release that was recorded before there was such a key has none.
    spec = {**app, "files": [], **release["spec"], "processes": [], **today, **kept}
    if app.get("route") and spec["route"]:
        # Browsers remember that they were sent to HTTPS: what a release had before it is not what visitors expect now.
        https = {key: app["route"][key] for key in HTTPS_OF_ROUTE}
        check = spec["health_check"] | {"https": app["route"]["ssl"]}
        spec |= {"route": spec["route"] | https, "https": app["https"], "health_check": check}
    return spec
