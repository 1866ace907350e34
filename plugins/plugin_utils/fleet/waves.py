# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts switch together, and after which others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def waves(hosts: Sequence[str], deploy: Mapping[str, Any]) -> list[list[str]]:
    """The hosts in the order in which they switch: first the canaries, if there are any, then the others in batches.

    ``deploy`` is an app's as `_config.load` returns it: ``batch`` (a number of hosts, a percentage of all as in
    ``25%``, rounded up, or None for all) and ``canary`` (a number of hosts)."""
    canaries, others = list(hosts[: deploy["canary"]]), hosts[deploy["canary"] :]
    size = _batch_size(deploy["batch"], len(hosts))
    batches = [list(others[first : first + size]) for first in range(0, len(others), size)]
    return [canaries, *batches] if canaries else batches


def _batch_size(batch: int | str | None, hosts: int) -> int:
    if isinstance(batch, str):
        return max(1, -(-hosts * int(batch.rstrip("%")) // 100))
    return batch or max(1, hosts)
