# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three servers with the engines that luma supports, to which the app is deployed. The tests use them in turn."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.fleet.fleet import Fleet, temporary_servers
from tests.testbed.servers import ENGINES


@pytest.fixture(scope="session")
def _in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Fleet]]:
    """The fleet as the last test has left it; a new one where that is not in order."""
    with contextlib.ExitStack() as stack:
        fleet: Fleet | None = None

        def in_order() -> Fleet:
            nonlocal fleet
            if fleet is None or not is_in_order(fleet):
                stack.close()
                servers = stack.enter_context(temporary_servers(*ENGINES))
                fleet = Fleet("shop", servers, tmp_path_factory.mktemp("fleet"))
                fleet.write("r0")
                deployment = fleet.luma("deploy")
                assert deployment.code == 0, deployment.output
            return fleet

        yield in_order


def is_in_order(fleet: Fleet) -> bool:
    """Whether the next test can begin, at least after another deployment."""
    try:
        return not fleet.shortcomings() or (fleet.luma("deploy").code == 0 and not fleet.shortcomings())
    except subprocess.CalledProcessError:  # a server does not run, or its engine
        return False


@pytest.fixture
def fleet(_in_order: Callable[[], Fleet]) -> Fleet:
    """All of its hosts serve the same release, and nothing is left over on them."""
    return _in_order()
