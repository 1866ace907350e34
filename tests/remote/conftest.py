# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server for all of these tests, which Ansible reaches over ssh. Nothing here uses this machine's proxy."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import APP_IMAGE, ROOT, build_images
from tests.testbed.servers import Server, remove_leftovers, temporary_server


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    remove_leftovers()
    build_images()
    with temporary_server("26.1") as made:
        yield made


@pytest.fixture(scope="session")
def containerd_server() -> Iterator[Server]:
    """A server that stores images as newer engines do, by the digests of their manifests, and has the test app's."""
    build_images()
    with temporary_server("28.5") as made:
        made.store_images_in_containerd()
        made.load_images(APP_IMAGE)
        yield made


@pytest.fixture(scope="module")
def server(_server: Server) -> Server:
    """A server that has no container and no image."""
    _server.clear()
    return _server


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, and the artifact of the collection."""
    folder = tmp_path_factory.mktemp("published")
    subprocess.run([ROOT / "tests" / "tools" / "build", folder], check=True)
    return folder
