# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts switch together."""

from __future__ import annotations

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.waves import waves


@pytest.mark.parametrize(
    ("hosts", "batch", "canary", "switched"),
    [
        ("abcde", None, 0, ["abcde"]),
        ("abcde", 2, 0, ["ab", "cd", "e"]),
        ("abcde", None, 1, ["a", "bcde"]),
        ("abcde", 2, 1, ["a", "bc", "de"]),
        # A percentage is of all hosts, the canaries among them, and rounded up.
        ("abcde", "25%", 0, ["ab", "cd", "e"]),
        ("abcde", "60%", 1, ["a", "bcd", "e"]),
        ("abcd", "25%", 0, ["a", "b", "c", "d"]),
        ("abc", "1%", 0, ["a", "b", "c"]),
        ("abc", "100%", 0, ["abc"]),
        ("abc", 100, 0, ["abc"]),
        ("abc", 1, 3, ["abc"]),
        ("abc", 1, 9, ["abc"]),
        ("a", "50%", 1, ["a"]),
        ("", "50%", 1, []),
        ("", None, 0, []),
    ],
)
def test_hosts_switch_in_waves(hosts: str, batch: int | str | None, canary: int, switched: list[str]) -> None:
    assert waves(hosts, {"batch": batch, "canary": canary}) == [list(wave) for wave in switched]
