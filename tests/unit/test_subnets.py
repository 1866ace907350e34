# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of luma's hides no machine that the host reaches."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.host import subnets

HEADER = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"


def route(destination: str, mask: str) -> str:
    """A row as the kernel writes it, on a machine of this one's byte order."""

    def digits(address: str) -> str:
        octets = bytes(map(int, address.split(".")))
        return f"{int.from_bytes(octets, sys.byteorder):08X}"

    return f"eth0 {digits(destination)} 010200C0 0003 0 0 0 {digits(mask)} 0 0 0\n"


@pytest.mark.parametrize(
    ("routes", "first"),
    [
        ("", ["10.200.0.0/20", "10.200.16.0/20"]),
        (route("0.0.0.0", "0.0.0.0"), ["10.200.0.0/20", "10.200.16.0/20"]),
        (route("10.200.0.0", "255.255.240.0"), ["10.200.16.0/20", "10.200.32.0/20"]),
        (route("10.200.17.0", "255.255.255.0"), ["10.200.0.0/20", "10.200.32.0/20"]),
        (route("10.200.0.0", "255.252.0.0"), ["10.204.0.0/20", "10.204.16.0/20"]),
        (route("10.0.0.0", "255.0.0.0"), ["10.200.0.0/20", "10.200.16.0/20"]),
    ],
    ids=["none", "default", "own", "smaller", "larger", "all"],
)
def test_where_it_can_be_the_host_has_no_route_to_it(
    routes: str, first: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "route"
    table.write_text(HEADER + routes)
    monkeypatch.setattr(subnets, "ROUTES", table)
    assert list(map(str, itertools.islice(subnets.candidates(), 2))) == first


def test_a_system_without_a_table_is_asked_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subnets, "ROUTES", tmp_path / "none")
    assert len(list(subnets.candidates())) == 128
