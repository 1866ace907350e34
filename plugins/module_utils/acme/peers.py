# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that other hosts of the app serve: each host asks the others, and none has to send anything.

A key never travels: all hosts have it from the modules. What a handshake brings is public.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.acme.at_once import at_once
from ansible_collections.luma.deploy.plugins.module_utils.acme.check import addresses
from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import X509, Certificate
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

TIMEOUT = 5.0


class Peers:
    """The peers of one app."""

    def __init__(self, commands: Commands, x509: X509) -> None:
        self.commands = commands
        self.x509 = x509

    def certificates(self, name: str, peers: t.Iterable[str]) -> list[tuple[str, Certificate]]:
        """What is served for a name by ``peers`` (``ADDRESS:PORT``) and at the name's own addresses, and by whom."""
        server_name = name.replace("*", "www", 1)
        own: list[str] = []
        with contextlib.suppress(OSError):
            own = [f"[{each}]:443" if ":" in each else f"{each}:443" for each in addresses(server_name)]
        asked = list(dict.fromkeys([*peers, *own]))
        found = at_once(lambda peer: self._served(peer, server_name), asked)
        return [(peer, each) for peer, each in zip(asked, found) if each]

    def _served(self, peer: str, server_name: str) -> Certificate | None:
        """What a peer serves; nothing where it cannot be asked, which is for whoever looks after that host.

        openssl shows a chain also if the handshake fails behind it. Only one that came to its end proves that the peer
        has the private key, which is why nothing else has to be known of it.
        """
        arguments = ["openssl", "s_client", "-connect", peer, "-servername", server_name, "-showcerts"]
        try:
            done = self.commands.run(arguments, TIMEOUT)
            return None if done.status else self.x509.certificate(done.output)
        except LumaError:
            return None
