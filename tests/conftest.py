# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of several folders share, where they run in one process, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sample
from tests.acme.world import World
from tests.browser.chromium import Browser, chromium
from tests.host import reserved


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is not in the sample."""
    if names_tests(config):
        return
    tables: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in filter(is_sampled, items):
        tables[item.path].append(item)
    rows = [(row, item) for table in tables.values() for row, item in enumerate(table)]
    left_out = [item for row, item in rows if not sample.of_this_run().has(row)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    if not any(map(is_sampled, items)):
        return []
    taken = "those that are named" if names_tests(config) else f"{sample.of_this_run()} ({sample.VARIABLE}=all for all)"
    return [f"faults: {taken}"]


def is_sampled(item: pytest.Item) -> bool:
    return item.get_closest_marker("sampled") is not None


def names_tests(config: pytest.Config) -> bool:
    """Whether somebody asks for certain tests, and so shall have all of those."""
    return bool(config.getoption("keyword")) or any("::" in each for each in config.args)


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
