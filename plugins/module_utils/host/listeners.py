# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which TCP ports a process's network namespace listens on, from ``/proc/<pid>/net/tcp`` (proc(5))."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

LISTEN = "0A"
ESTABLISHED = "01"
# Addresses stand in the tables as words in host byte order.
DOCKER_DNS = "0B00007F"
LOOPBACK_V6 = "00000000000000000000000001000000"


class Listener(t.NamedTuple):
    """A listening port; ``loopback``: only processes in the same container reach it; ``ipv6``: it is one of IPv6, which
    may take IPv4 as well."""

    port: int
    loopback: bool
    ipv6: bool = False


def listeners(pid: int) -> list[Listener] | None:
    """What a process's network namespace listens on; None where that cannot be read (a remote engine)."""
    found: set[Listener] = set()
    tables = Path("/proc", str(pid), "net")
    try:
        found.update(parse_listeners((tables / "tcp").read_text(encoding="ascii")))
        # Without IPv6 there is no such table.
        if (tables / "tcp6").exists():
            found.update(parse_listeners((tables / "tcp6").read_text(encoding="ascii")))
    except OSError:
        return None
    return sorted(found)


def parse_listeners(table: str) -> t.Iterator[Listener]:
    """The listeners of one table, less Docker's embedded DNS, which listens in every container."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == LISTEN:
            address, _separator, port = fields[1].rpartition(":")
            if address != DOCKER_DNS:
                loopback = address == LOOPBACK_V6 or (len(address) == 8 and address.endswith("7F"))
                yield Listener(int(port, 16), loopback, len(address) > 8)


def connections(pid: int, ports: t.Collection[int]) -> int:
    """How many connections from elsewhere are open to these ports of a process's network namespace."""
    tables = (Path("/proc", str(pid), "net", table) for table in ("tcp", "tcp6"))
    total = 0
    for table in tables:
        with contextlib.suppress(OSError):
            total += count_connections(table.read_text(encoding="ascii"), ports)
    return total


def count_connections(table: str, ports: t.Collection[int]) -> int:
    """Those of one table."""
    rows = (line.split() for line in table.splitlines()[1:])
    return sum(len(row) > 3 and row[3] == ESTABLISHED and int(row[1].rpartition(":")[2], 16) in ports for row in rows)
