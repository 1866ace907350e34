# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts the servers of luma.yml are: hosts and groups of Ansible's inventory, addresses, names that resolve."""

from __future__ import annotations

import difflib
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.plugin_utils._values import is_address

LOCALHOST = "localhost"


@dataclass(frozen=True)
class Inventory:
    """What Ansible's inventory has, apart from luma.yml: its hosts, and its groups with their hosts."""

    hosts: Sequence[str] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def resolve(self, server: str) -> list[str]:
        """The hosts that a server of luma.yml stands for. Raises ValueError where there is none."""
        if server in self.groups and server not in self.hosts:
            if not self.groups[server]:
                raise ValueError(f"the inventory's group {server} has no hosts")
            return list(self.groups[server])
        if server in self.hosts or server == LOCALHOST or is_address(server) or has_address(server):
            return [server]
        near = difflib.get_close_matches(server, [*self.hosts, *self.groups], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{server} is no host or group of the inventory, and no name that has an address{hint}")


def has_address(name: str) -> bool:
    """Whether ssh would find a host of this name: the system resolves it, or ssh's configuration knows it."""
    return _resolves(name) or _resolves_for_ssh(name)


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except (OSError, UnicodeError):
        return False


def _resolves_for_ssh(name: str) -> bool:
    """Whether ssh's configuration gives the name another one that resolves, or a way through another host."""
    try:
        # -G prints what applies to the name, and connects to nothing.
        done = subprocess.run(
            ["ssh", "-G", name], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    settings = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    if {"proxyjump", "proxycommand"} & settings.keys():
        return True
    other = settings.get("hostname", name)
    return other != name and _resolves(other)
