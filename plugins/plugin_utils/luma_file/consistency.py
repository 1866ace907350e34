# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes that are between entries of luma.yml: names and host names that two of them want."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.metrics import port_taken
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.processes import Member
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.reader import Reader
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import OF_A_PROCESS

#: A name on a network, RFC 1035 section 2.3.4.
LONGEST_NAME = 63


def hosts_of(app: Mapping[str, Any]) -> list[str]:
    """The names that are routed to an app, those that only lead to another one last."""
    proxy = app["proxy"]
    return [*proxy["hosts"], *(name for name in proxy["redirects"] if name not in proxy["hosts"])] if proxy else []


@dataclass(frozen=True)
class Consistency:
    """One file, as it was read. ``project``: the name that stands before that of a container where it has to."""

    reader: Reader
    read: Mapping[str, Any]
    members: Sequence[Member]
    project: str

    def check(self) -> None:
        """Adds what is wrong to the reader's mistakes."""
        for name, app in self.read["apps"].items():
            self._refuse_beside_processes(f"apps.{name}", app)
        if key := port_taken(self.read["proxy"]):
            self.reader.refuse("proxy.metrics", f"has the port of proxy.{key}: choose another one")
        self._refuse_shared_hosts()
        self._refuse_shared_names()
        services = self.read["services"]
        for name, service in services.items():
            if service["backup"] and not service["backup"]["command"]:
                self.reader.refuse(f"services.{name}.backup", "has no command, whose output is the backup")
            owner = name.removesuffix("-new")
            if owner != name and owner in services:
                self.reader.refuse(f"services.{name}", f"the service {owner} has this name while it is replaced")

    def _refuse_beside_processes(self, path: str, app: dict[str, Any]) -> None:
        for key in OF_A_PROCESS:
            if app["processes"] and f"{path}.{key}" in self.reader.places:
                first = next(iter(app["processes"]))
                self.reader.refuse(
                    f"{path}.{key}", f"each process has its own: move it down, as in {path}.processes.{first}.{key}"
                )

    def _refuse_shared_hosts(self) -> None:
        owners: dict[str, str] = {}
        for member in self.members:
            paths = (member.entry["proxy"] or {}).get("path_prefix") or [""]
            for index, host in enumerate(hosts_of(member.entry)):
                for place in (f"{host}{path}" for path in paths):
                    owner = owners.setdefault(place.lower(), member.name)
                    if owner != member.name:
                        self.reader.refuse(
                            f"{member.place_of('proxy')}.hosts[{index}]", f"{place} belongs to {owner} already"
                        )

    def _refuse_shared_names(self) -> None:
        """Apps, processes and services have one room for their names: that of the network, and of the command line."""
        named = [(f"apps.{name}", name, "an app") for name in self.read["apps"]]
        named += [(each.path, each.name, "a process") for each in self.members if each.is_process]
        named += [(f"services.{name}", name, "a service") for name in self.read["services"]]
        owners: dict[str, str] = {}
        apps = {name for _path, name, kind in named if kind != "a service"}
        for path, name, kind in named:
            if len(name) > LONGEST_NAME:
                self.reader.refuse(path, f"its containers are called {name}, which is longer than {LONGEST_NAME}")
            if name in owners:
                self.reader.refuse(path, f"{owners[name]} has this name already")
            owners.setdefault(name, kind)
            self._refuse_name_of_a_container(path, name, apps)

    def _refuse_name_of_a_container(self, path: str, name: str, apps: Collection[str]) -> None:
        """The containers of an app, and the aliases of those that are being prepared, are names on the network too."""
        owner = re.sub(r"-(blue|green)(-temp)?(-\d+)?$", "", name)
        # The project's name stands before it where another project's container has the name.
        owners = [each for each in (owner, owner.removeprefix(f"{self.project}-")) if each in apps]
        if owner != name and owners:
            self.reader.refuse(path, f"a container of the app {owners[0]} may have this name; choose another one")
