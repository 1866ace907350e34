# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment to some of an app's hosts: what it leaves, and that the next one brings all level."""

from __future__ import annotations

from tests.fleet.fleet import Fleet


def test_a_part_of_the_hosts_is_deployed_and_told(fleet: Fleet) -> None:
    def served() -> dict[str, str]:
        return {name: fleet.served(name) for name in fleet.servers}

    before = served()
    fleet.write("part")
    part = fleet.luma("deploy", "--host", "web2")
    assert part.code == 0, part.output
    assert "Only a part of the hosts of shop is deployed: web1, web3 stay as they are" in part.output
    assert served() == {**before, "web2": "part"}
    status = fleet.luma("status").output
    assert "MIXED" in status
    assert "hosts or replicas run different versions" in status
    assert fleet.luma("deploy", "--host", "web9").code == 2
    level = fleet.luma("deploy")
    assert level.code == 0, level.output
    assert served() == dict.fromkeys(before, "part")
