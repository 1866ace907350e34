# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts the servers of luma.yml are: hosts and groups of Ansible's inventory, addresses, names that resolve."""

from __future__ import annotations

import difflib
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.values import is_address

LOCALHOST = "localhost"
#: What ssh reads of itself, the user's own first.
SSH_CONFIGURATION = ("~/.ssh/config", "/etc/ssh/ssh_config")
#: A user that nobody's configuration names.
NOBODY = "luma-has-no-such-user"


@dataclass(frozen=True)
class Inventory:
    """What Ansible's inventory has, apart from luma.yml: its hosts, and its groups with their hosts."""

    hosts: Sequence[str] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def resolve(self, server: str, elsewhere: bool = False) -> list[str]:
        """The hosts that a server of luma.yml stands for. Raises ValueError where there is none.

        ``elsewhere``: names are resolved by another host, through which ssh goes."""
        if server in self.groups and server not in self.hosts:
            if not self.groups[server]:
                raise ValueError(f"the inventory's group {server} has no hosts")
            return list(self.groups[server])
        if server in self.hosts or server == LOCALHOST or is_address(server) or elsewhere or has_address(server):
            return [server]
        near = difflib.get_close_matches(server, [*self.hosts, *self.groups], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{server} is not in the inventory, and has no address{hint}")


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
    settings = _ssh_settings(name)
    if {"proxyjump", "proxycommand"} & settings.keys():
        return True
    other = settings.get("hostname", name)
    return other != name and _resolves(other)


def configured_users(names: Sequence[str]) -> dict[str, str]:
    """The user that ssh's configuration gives to each of these hosts; without those to which it gives none.

    ssh itself tells the local user for them. The first value that it finds counts, so it is asked with a last one
    behind its configuration."""
    with tempfile.NamedTemporaryFile("w", prefix="luma-ssh-") as file:
        file.write("".join(f"Include {name}\n" for name in SSH_CONFIGURATION) + f"Host *\nUser {NOBODY}\n")
        file.flush()
        with ThreadPoolExecutor(max_workers=4) as pool:
            found = pool.map(lambda name: _ssh_settings(name, "-F", file.name).get("user", NOBODY), names)
            return {name: user for name, user in zip(names, found, strict=True) if user != NOBODY}


def _ssh_settings(name: str, *options: str) -> dict[str, str]:
    """What ssh's configuration says of a host; empty without ssh."""
    try:
        # -G prints what applies to the name, and connects to nothing.
        done = subprocess.run(
            ["ssh", "-G", *options, "--", name], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError:
        return {}
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
