# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three servers behind one name, to which luma deploys."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acme.world import ACME_IMAGE, World
from tests.fleet.fleet import temporary_servers
from tests.https.site import Site
from tests.testbed.servers import ENGINES, Server


@pytest.fixture(scope="session")
def site(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app, deployed to all servers for the first time."""
    with temporary_servers(*ENGINES) as servers, ThreadPoolExecutor() as pool:
        list(pool.map(load_agent, servers.values()))
        site = Site(world, servers, tmp_path_factory.mktemp("site"))
        try:
            yield site
        finally:
            site.leave_network()


def load_agent(server: Server) -> None:
    server.load_images(ACME_IMAGE)
