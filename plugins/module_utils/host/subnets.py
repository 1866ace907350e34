# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnets for the networks that luma makes.

Docker refuses a subnet that another of its networks has. That the host itself is in it, or reaches it by a router, it
notices only where it chooses by itself (libnetwork, `RequestPool`): the new bridge would hide those machines from the
host.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import typing as t
from pathlib import Path

#: Where luma looks: 10.200.0.0/20, 10.200.16.0/20, … up to 10.207.240.0/20, each of 4094 addresses. Docker's own pools
#: are 172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16, so that the two seldom meet.
POOL = ipaddress.IPv4Network("10.200.0.0/13")
PREFIX = 20
ROUTES = Path("/proc/net/route")


def candidates() -> t.Iterator[ipaddress.IPv4Network]:
    """All of them, those first that the host has no route to but for its default route."""
    reached = list(_routes())
    subnets = POOL.subnets(new_prefix=PREFIX)
    return iter(sorted(subnets, key=lambda subnet: any(subnet.overlaps(route) for route in reached)))


def _routes() -> t.Iterator[ipaddress.IPv4Network]:
    """The destinations of the host's routes (proc(5)): the second column is the address and the eighth the mask, in hex
    digits of the host's byte order."""
    try:
        _header, *rows = ROUTES.read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for row in rows:
        columns = row.split()
        address, mask = (socket.inet_ntoa(struct.pack("=L", int(columns[number], 16))) for number in (1, 7))
        if mask != "0.0.0.0":
            yield ipaddress.IPv4Network((address, mask))
