# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A luma-proxy of a test's own, beside the one that the host's projects share."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.luma.deploy.plugins.module_utils.acme.served import Served
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CERTIFICATES_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings

from tests.host import PROXY_IMAGE, free_port

if TYPE_CHECKING:
    from tests.integration.conftest import Site


class OwnProxy:
    """A proxy beside the one that the host's projects share, which no test may stop; ``folder`` is that of its own in
    luma's."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine.connect("unix:///var/run/docker.sock")
        self.folder = folder
        self.port = free_port()

    def of(self, image: str = PROXY_IMAGE, **settings: Any) -> Proxy:
        return Proxy(self.engine, ProxySettings(image, **settings), self.folder)

    def in_flight(self, site: Site) -> int:
        slots = Haproxy(self.folder / "run").slots(f"{site.project}:{site.app}")
        return sum(slot.sessions for slot in slots)

    def served(self) -> Served:
        """The certificates."""
        return Served(Haproxy(self.folder / "run"), CERTIFICATES_DIR)

    def get(self, host: str, path: str = "/", port: int = 0) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        status = connection.getresponse().status
        connection.close()
        return status


def route_of(site: Site) -> Route:
    return Route(site.project, site.app, site.network, (site.host,), app_port=3000)
