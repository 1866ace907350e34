# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts apps and services go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.processes import Member
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.reader import Reader
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import LOCALHOST, Inventory


@dataclass(frozen=True)
class Placement:
    """One file, as it was read, and the hosts that there are."""

    reader: Reader
    read: Mapping[str, Any]
    members: Sequence[Member]
    inventory: Inventory

    def assign(self, kinds: dict[str, dict[str, Any]]) -> None:
        """Gives every entry its hosts. One that names no servers goes to all hosts, those of the inventory and those
        that the file names, and to this machine where there are none."""
        paths = {f"apps.{member.name}": self._path_of_servers(member) for member in self.members}
        named = {
            f"{kind}.{name}": self._hosts(paths.get(f"{kind}.{name}", f"{kind}.{name}.servers"), entry["servers"])
            for kind, entries in kinds.items()
            for name, entry in entries.items()
        }
        everywhere = list(dict.fromkeys([*self.inventory.hosts, *(host for hosts in named.values() for host in hosts)]))
        for kind, entries in kinds.items():
            for name, entry in entries.items():
                hosts = named[f"{kind}.{name}"] if entry["servers"] else everywhere or [LOCALHOST]
                # What has a schedule runs once, and not once on each host.
                entry["hosts"] = hosts[:1] if entry.get("schedule") else hosts
                if entry.get("https"):
                    # Which of them asks the CA, and whom the others ask.
                    entry["https"]["servers"] = entry["hosts"]

    def _path_of_servers(self, member: Member) -> str:
        own = f"{member.path}.servers"
        return own if own in self.reader.places else f"{member.app_path}.servers"

    def _hosts(self, path: str, servers: list[str]) -> list[str]:
        hosts: dict[str, None] = {}
        for index, server in enumerate(servers):
            try:
                hosts |= dict.fromkeys(self.inventory.resolve(server, bool(self.read["ssh"]["proxy_jump"])))
            except ValueError as exc:
                self.reader.refuse(f"{path}[{index}]", str(exc))
        return list(hosts)
