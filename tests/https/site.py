# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site on several servers, which a CA and its visitors reach by the addresses that a DNS has for its name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from tests.acme.world import ACME_IMAGE, World, run
from tests.fleet.fleet import Fleet
from tests.host import docker
from tests.testbed.servers import Server


class Site(Fleet):
    """The project ``shop`` with an app of the name, at shop.test."""

    def __init__(self, world: World, servers: dict[str, Server], folder: Path) -> None:
        super().__init__("shop", servers, folder)
        self.world = world
        self.issued_before = len(world.issued())
        self.host = "shop.test"
        self.addresses = {name: self._join(server) for name, server in servers.items()}
        self.app["proxy"] = {"hosts": [self.host], "app_port": 3000, "ssl": True}
        self.options: dict[str, Any] = {
            "acme_directory": "https://pebble/dir",
            "acme_ca_file": "ca.pem",
            "acme_image": ACME_IMAGE,
            "lets_encrypt_email": "me@shop.test",
        }
        self.top = {"proxy_options": self.options}
        shutil.copy(world.folder / "ca" / "cert.pem", folder / "ca.pem")
        # ssh's address leads to a server from this machine only.
        self.host_variables = {name: {"luma_address": address} for name, address in self.addresses.items()}
        world.point("pebble", world.ca)
        world.point(self.host, *self.addresses.values())

    def _join(self, server: Server) -> str:
        """Connects a server to the CA's network; returns its address there."""
        docker("network", "connect", self.world.network, server.name)
        server.run(f"echo nameserver {self.world.dns} >/etc/resolv.conf")
        form = f'{{{{(index .NetworkSettings.Networks "{self.world.network}").IPAddress}}}}'
        return docker("inspect", "--format", form, server.name)

    def leave_network(self) -> None:
        for server in self.servers.values():
            docker("network", "disconnect", self.world.network, server.name)

    def url(self, name: str) -> str:
        return f"https://{self.addresses[name]}"

    # --- what visitors see --------------------------------------------------------------------------------------------

    def serial(self, server: str) -> str:
        """The serial of the certificate that a server serves, if it is of the CA."""
        where = ["-connect", f"{self.addresses[server]}:443", "-servername", self.host]
        shown = run("openssl", "x509", "-noout", "-serial", "-issuer", given=run("openssl", "s_client", *where))
        found = re.search(r"^serial=(\w+)$", shown, re.MULTILINE)
        return found.group(1).lower() if found and "Pebble" in shown else ""

    def serials(self) -> set[str]:
        return {self.serial(server) for server in self.servers}

    def get(self, server: str, url: str, *options: str) -> str:
        """What curl prints for a URL of the site, at one of its servers."""
        address = self.addresses[server]
        resolve = ["--resolve", f"{self.host}:80:{address}", "--resolve", f"{self.host}:443:{address}"]
        return run("curl", "--silent", "--insecure", *resolve, *options, url)

    def command(self, server: str, *command: str) -> str:
        """What a command prints in luma-acme on a server."""
        return self.servers[server].run(f"docker exec luma-acme {' '.join(command)}")
