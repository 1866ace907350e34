# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app with `processes` becomes a member for each of them: what an app would say that ran this process alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import OF_A_PROCESS, PROCESS

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """What runs under one name: an app, or a process of one. ``path``: where luma.yml says what is its own; ``app``:
    the app that it belongs to; ``entry``: the keys of that app, with its own in their place."""

    name: str
    path: str
    app: str
    entry: Entry

    @property
    def app_path(self) -> str:
        return f"apps.{self.app}"

    @property
    def is_process(self) -> bool:
        return self.path != self.app_path

    def place_of(self, key: str) -> str:
        """Where luma.yml says the value of a key, if it says it."""
        return f"{self.path if key in OF_A_PROCESS else self.app_path}.{key}"


def members(apps: Mapping[str, Entry]) -> list[Member]:
    """All that runs, in the order of luma.yml."""
    return [member for name, app in apps.items() for member in members_of(name, app)]


def members_of(name: str, app: Entry) -> list[Member]:
    if not app["processes"]:
        return [Member(name, f"apps.{name}", name, app)]
    return [
        Member(f"{name}-{process}", f"apps.{name}.processes.{process}", name, _merged(app, own))
        for process, own in app["processes"].items()
    ]


def member(apps: Mapping[str, Entry], name: str) -> Member | None:
    return next((each for each in members(apps) if each.name == name), None)


def names_to_read(name: str) -> list[str]:
    """The apps that may have a member of this name: ``shop-web`` is an app, or the process web of the app shop."""
    return [name, *(name[:end] for end, sign in enumerate(name) if sign == "-" and end)]


def _merged(app: Entry, process: Entry) -> Entry:
    """A process has what its app has. If both say something its own counts, variable by variable; volumes add up."""
    said = {key: process[key] for key in PROCESS.keys if key in OF_A_PROCESS or process[key] not in (None, [], {})}
    return {
        **app,
        **said,
        "environment": overlaid(app["environment"], process["environment"]),
        "volumes": [*app["volumes"], *process["volumes"]],
    }


def overlaid(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """An environment (``plain`` and ``secret``) with another one over it, variable by variable."""
    return {
        "plain": {key: value for key, value in shared["plain"].items() if key not in own["secret"]} | own["plain"],
        "secret": {key: name for key, name in shared["secret"].items() if key not in own["plain"]} | own["secret"],
    }
