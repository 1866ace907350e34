# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of several folders share, where they run in one process, too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acme.world import World
from tests.browser.chromium import Browser, chromium
from tests.host import reserved


@pytest.fixture(scope="session")
def reserved_host() -> Iterator[None]:
    with reserved():
        yield


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network with a CA and a DNS."""
    folder = tmp_path_factory.mktemp("ca")
    # The containers' user reads what is in it.
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
    made = World(folder)
    try:
        yield made
    finally:
        made.remove()
