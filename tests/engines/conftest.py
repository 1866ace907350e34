# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of each engine in turn. The one with the newest has the newest HAProxy, too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host import APP_IMAGE, NEWER_PROXY_IMAGE, PROXY_IMAGE, build_images
from tests.testbed.servers import ENGINES, Server, build_server_images, remove_leftovers, temporary_server


@pytest.fixture(scope="session")
def _images() -> None:
    remove_leftovers()
    build_server_images()
    build_images()


@pytest.fixture(scope="module", params=ENGINES)
def server(request: pytest.FixtureRequest, _images: None) -> Iterator[Server]:
    """A new server with that engine, which has the images of the app and of the proxy."""
    with temporary_server(request.param) as server:
        proxy = NEWER_PROXY_IMAGE if request.param == max(ENGINES) else PROXY_IMAGE
        server.load_images(APP_IMAGE, proxy)
        server.run(f"docker tag {proxy} {PROXY_IMAGE}")
        yield server
