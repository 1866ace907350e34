# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy's runtime API answers, as values: slots, sessions, workers, and the states of servers as a file.

The formats are those of HAProxy's Management Guide, section 9.1 (CSV) and 9.3 (Unix socket commands).
"""

from __future__ import annotations

import csv
import itertools
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import HOLD_SERVER

# Bits of srv_admin_state (Management Guide, "show servers state"): forced maintenance, forced drain, and maintenance
# because the name does not resolve, which is how a slot without an address looks.
FORCED_MAINTENANCE = 0x01
FORCED_DRAIN = 0x08
UNRESOLVED = 0x20

OPERATIONAL_UP = 2

#: Bit of the response's analysers in "show sess" (AN_RES_WAIT_HTTP, the same from 3.0 to 3.5): no answer has begun.
WAITS_FOR_ANSWER = 0x00400000

# Columns of "show stat" (section 9.1): answers by their status, and requests without one.
ANSWERED = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
UNANSWERED = ("econ", "eresp")


@dataclass(frozen=True)
class Slot:
    """One server slot of a backend. ``address`` is empty while the slot is free; ``held`` says that it gets no new
    request (state ``drain``); ``sessions`` counts the requests and tunnels in flight on it; ``requests`` those that it
    has come to an end with since the worker was started, ``errors`` those of them that were answered with 5xx, or not
    at all."""

    name: str
    address: str
    held: bool
    up: bool
    sessions: int
    port: int = 80
    requests: int = 0
    errors: int = 0

    @property
    def serving(self) -> bool:
        return bool(self.address) and self.up and not self.held


@dataclass(frozen=True)
class Session:
    """A request in flight, or a tunnel, in one worker (its process id; empty for the current one). ``begun``: its
    answer has begun, so that it is a stream, a download or a websocket."""

    worker: str
    id: str
    backend: str
    slot: str
    begun: bool


def parse_slots(states: str, stat: str) -> list[Slot]:
    """The slots of a backend, in their order, from ``show servers state`` and the servers of ``show stat``."""
    counters = {row["svname"]: row for row in parse_stat(stat)}

    def count(slot: str, *columns: str) -> int:
        return sum(int(counters.get(slot, {}).get(column) or 0) for column in columns)

    return [
        Slot(
            name=row["srv_name"],
            address="" if row["srv_addr"] == "-" else row["srv_addr"],
            held=bool(int(row["srv_admin_state"]) & FORCED_DRAIN),
            up=int(row["srv_op_state"]) == OPERATIONAL_UP
            and not int(row["srv_admin_state"]) & (UNRESOLVED | FORCED_MAINTENANCE),
            sessions=count(row["srv_name"], "scur"),
            port=int(row["srv_port"]),
            requests=count(row["srv_name"], *ANSWERED, *UNANSWERED),
            errors=count(row["srv_name"], "hrsp_5xx", *UNANSWERED),
        )
        for row in parse_states(states)
        if row["srv_name"] != HOLD_SERVER
    ]


def workers_in(processes: str) -> list[str]:
    """The process ids of the workers in (a part of) an answer to ``show proc``."""
    rows = (line.split() for line in processes.splitlines())
    return [row[0] for row in rows if len(row) > 1 and row[1] == "worker"]


def parse_states(text: str) -> list[dict[str, str]]:
    """The rows of ``show servers state`` (format 1: a version, a header after ``#``, one row a server)."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[1].startswith("# "):
        return []
    header = lines[1][2:].split()
    return [dict(zip(header, line.split())) for line in lines[2:]]


def addresses_first(states: str) -> str:
    """The same states with each backend's slots that have an address before its free ones.

    A new worker hands the addresses of its first DNS answer to its slots in their order, whatever the state file says
    of later ones: a free slot would take the address of one that serves, which then had none (measured, 3.0: 503 for
    10 ms). A slot's place is its first four columns, the rest is its state.
    """
    lines = states.splitlines()
    rows = [line.split(" ", 4) for line in lines[2:] if line.strip()]
    ordered = []
    for _backend, group in itertools.groupby(rows, key=lambda row: row[1]):
        rows_of_backend = list(group)
        slots = [row for row in rows_of_backend if row[3] != HOLD_SERVER]
        contents = sorted((row[4] for row in slots), key=lambda content: content.startswith("- "))
        ordered += [" ".join([*row[:4], content]) for row, content in zip(slots, contents)]
        ordered += [" ".join(row) for row in rows_of_backend if row not in slots]
    return "\n".join([*lines[:2], *ordered, ""])


def with_ports(states: str, ports: t.Mapping[str, int]) -> str:
    """The same states, in which all slots of these backends have another port."""
    lines = states.splitlines()
    if len(lines) < 2:
        return states
    header = lines[1][2:].split()
    backend, port = header.index("be_name"), header.index("srv_port")

    def changed(line: str) -> str:
        row = line.split(" ")
        row[port] = str(ports.get(row[backend], row[port]))
        return " ".join(row)

    return "\n".join([*lines[:2], *map(changed, filter(None, lines[2:])), ""])


def parse_stat(text: str) -> list[dict[str, str]]:
    """The rows of ``show stat``, a CSV whose header follows ``#``."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].startswith("# "):
        return []
    return list(csv.DictReader([lines[0][2:], *lines[1:]]))


def parse_sessions(text: str, worker: str) -> t.Iterator[Session]:
    """The rows of ``show sess``: an id, then ``name=value``, of which some stand in brackets (strm_dump_to_buffer in
    HAProxy's stream.c)."""
    for line in text.splitlines():
        found = re.match(r"(0x[0-9a-f]+): .* be=(\S+) srv=(\S+) .* rp\[[^]]*an=([0-9a-f]+)h", line)
        if found:
            identifier, backend, slot, analysers = found.groups()
            begun = not int(analysers, 16) & WAITS_FOR_ANSWER
            yield Session(worker, identifier, backend, slot, begun)
