# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run chooses, an address or a subnet, no other run on the host chooses meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.host.networks import Network
from docker.errors import NotFound

from tests.unit.fakes import is_locked

LABELS = {LABEL_PROJECT: "shop"}
# The upper half of its addresses is 10.9.0.4, .5 and .6.
NETWORK = Network("shop-network", LABELS, "10.9.0.0/29", frozenset({"10.9.0.2", "10.9.0.5"}))


class FakeEngine(Engine):
    def __init__(self, folder: Path, networks: Sequence[Network | None] = (NETWORK,)) -> None:
        client: Any = SimpleNamespace(create_network=self.create_network, inspect_container=self.inspect_container)
        super().__init__(client, str(folder))
        self.networks = list(networks)
        self.created: list[str] = []

    def network(self, name: str) -> Network | None:
        return self.networks.pop(0)

    def create_network(self, name: str, **_options: Any) -> None:
        assert is_locked(self.detached.folder)
        self.created.append(name)

    def inspect_container(self, name: str) -> dict[str, Any]:
        if name == "gone":
            raise NotFound(name)
        return {}

    def labelled(self, labels: Sequence[str], network: str) -> list[Container]:
        return []


def test_addresses_are_chosen_by_one_run_at_a_time(tmp_path: Path) -> None:
    engine = FakeEngine(tmp_path)
    # One of them belongs to a container that is detached for a moment.
    engine.detached.remember("blog-blue", "10.9.0.6")
    with engine.free_addresses("shop", "shop-network") as addresses:
        assert is_locked(engine.detached.folder)
        assert list(addresses) == ["10.9.0.4"]
    assert not is_locked(engine.detached.folder)


def test_the_address_of_a_container_that_was_removed_while_it_was_detached_is_free(tmp_path: Path) -> None:
    engine = FakeEngine(tmp_path)
    engine.detached.remember("gone", "10.9.0.6")
    with engine.free_addresses("shop", "shop-network") as addresses:
        assert sorted(addresses) == ["10.9.0.4", "10.9.0.6"]
    assert engine.detached.all() == {}


@pytest.mark.parametrize(
    ("networks", "created"),
    [
        ([NETWORK], False),
        ([None, None], True),
        # Another run made it while this one waited.
        ([None, NETWORK], False),
    ],
)
def test_a_network_is_made_once(tmp_path: Path, networks: list[Network | None], created: bool) -> None:
    engine = FakeEngine(tmp_path, networks)
    assert engine.ensure_network("shop-network", LABELS) is created
    assert engine.created == ["shop-network"] * created
