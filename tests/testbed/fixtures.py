# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as pytest fixtures. A conftest.py takes them with `pytest_plugins = ["tests.testbed.fixtures"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed.servers import ENGINES, Server, build_server_images, remove_leftovers, temporary_server


@pytest.fixture(scope="session")
def server_images() -> None:
    """The images of servers with every engine; what earlier runs left behind is gone."""
    remove_leftovers()
    build_server_images()


@pytest.fixture(scope="session", params=ENGINES)
def server(request: pytest.FixtureRequest, server_images: None) -> Iterator[Server]:
    """A server of each engine in turn: the test runs once with each."""
    with temporary_server(request.param) as server:
        yield server
