# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three replicas on two servers."""

from __future__ import annotations

from typing import Any

SERVES = {
    "server-1": ("1", "green", 3),
    "server-2": ("1", "green", 3),
}
testinfra_hosts = [f"ansible://{server}" for server in SERVES]


def test_it_serves(blog: Any) -> None:
    assert blog.serves(*SERVES[blog.server])
