# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a rollback brings back, and how it is deployed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils._overview import minute

Release = Mapping[str, Any]


class CannotRollBack(Exception):
    """Why, and what to do. Nothing was changed."""


class InvalidChoice(CannotRollBack):
    """Why the input is wrong; nothing was contacted."""


def the_app(apps: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one app that is rolled back."""
    if len(apps) != 1:
        names = ", ".join(app["name"] for app in apps)
        raise InvalidChoice(f"A rollback is of one app, and there are several: {names}. Name one of them.")
    return apps[0]


def target(app: Mapping[str, Any], wanted: str, found: Mapping[str, Mapping[str, Any]]) -> Release:
    """The release to bring back, the same on all hosts: the ``wanted`` one, or with an empty name the previous one.

    The previous one is the newest that does not serve. Since a release that serves again becomes the newest, a second
    rollback returns to where the first one began.
    """
    choices: dict[str, Release] = {}
    for host, result in found.items():
        known = next(each for each in result["apps"] if each["name"] == app["name"])
        if known["problem"]:
            raise CannotRollBack(f"{host}: {known['problem']}")
        choices[host] = _choose(app["name"], wanted, known["releases"], host)
    first = next(iter(choices.values()))
    if any(_essence(choice) != _essence(first) for choice in choices.values()):
        each = ", ".join(f"{choice['release']} on {host}" for host, choice in choices.items())
        raise CannotRollBack(
            f"The hosts do not agree on the release that {app['name']} would go back to: {each}. Nothing was changed. "
            "Choose one that all of them have (luma releases) with --to."
        )
    return first


def _choose(app: str, wanted: str, releases: Sequence[Release], host: str) -> Release:
    newest_first = list(reversed(releases))
    choices = [each for each in newest_first if not each["serves"]] + [each for each in newest_first if each["serves"]]
    if wanted:
        matches = [each for each in choices if wanted in (each["release"], each["config_hash"][: len(wanted)])]
        if not matches:
            known = ", ".join(dict.fromkeys(each["release"] for each in newest_first)) or "none"
            raise CannotRollBack(f"{host} has no release {wanted} of {app} on record; there are: {known}")
        return matches[0]
    if not choices or choices[0]["serves"]:
        raise CannotRollBack(
            f"There is nothing to roll back to: {host} has no release of {app} on record but the one that serves. "
            "Nothing was changed."
        )
    return choices[0]


def _essence(release: Release) -> tuple[str, ...]:
    return release["release"], release["image_id"], release["config_hash"]


def spec_of(release: Release, app: Mapping[str, Any]) -> dict[str, Any]:
    """The app as it was when the release served, from the image that luma kept; but on the hosts that luma.yml names
    today, in the waves and with the hooks of today. Nothing is built, and there is no release hook: an earlier release
    does not know how to undo what a later one has migrated."""
    today = {key: app[key] for key in ("hosts", "servers", "deploy") if key in app}
    today["hooks"] = app["hooks"] | {"release": None}
    kept = {"image": release["kept_image"], "release": release["release"], "build": None}
    return {**app, **release["spec"], **today, **kept}


def in_words(release: Release, app: str) -> str:
    return f"Rolling back {app} to {release['release']}, deployed {minute(release['at'].partition('+')[0])} by " + str(
        release["by"]
    )
