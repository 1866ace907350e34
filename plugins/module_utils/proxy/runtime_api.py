# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma-proxy's runtime API: which slot serves which address, the commit of a switch, the sessions in flight.

A *slot* is one server of a backend's ``server-template``: HAProxy gives it an address that Docker's DNS answers for
the app's alias, and takes the address away when the DNS no longer answers it. The commands are those of HAProxy's
Management Guide, section 9.3 (Unix socket commands) and 9.4 (master CLI).
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import itertools
import re
import socket
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import HOLD_SERVER

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

#: How long the master refuses or cuts connections at the most while it starts itself anew for a reload, in seconds.
REEXEC_SECONDS = 2.0


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


class Haproxy:
    """The running HAProxy, through the sockets in its run folder (``admin.sock``: the current worker; ``master.sock``:
    reloads, and the workers that were replaced by a reload and still finish their connections;
    ``check.sock``: HTTP to one slot)."""

    def __init__(self, folder: Path, timeout: float = 5.0, patience: float = REEXEC_SECONDS) -> None:
        self.folder = folder
        self.timeout = timeout
        self.patience = patience

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[None]:
        """Keeps switches and reloads of all projects of the host apart: a state that changes between the dump of the
        servers' states and the new worker's start would be lost. The lock ends with the process."""
        try:
            file = (self.folder.parent / "lock").open("w", encoding="ascii")
        except OSError as exc:
            raise LumaError(
                f"luma-proxy's folder {self.folder.parent} cannot be used: {exc.strerror}. Run the role "
                "luma.deploy.proxy first, as root."
            ) from exc
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # --- commands -----------------------------------------------------------------------------------------------

    def run(self, command: str) -> str:
        """Sends commands (separated by ``;``) to the current worker, which carries them out as one batch."""
        return self._send("admin.sock", command)

    def _send(self, name: str, text: str) -> str:
        path = str(self.folder / name)
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return self._exchange(path, text)
            except OSError as exc:
                # Every command used here may be sent again: whether one that was cut had been carried out is open.
                if not isinstance(exc, ConnectionError) or time.monotonic() >= deadline:
                    raise LumaError(
                        f"luma-proxy does not answer on {path}: {exc.strerror or exc}. See what it says with: docker "
                        "logs luma-proxy"
                    ) from exc
            time.sleep(0.02)

    def _exchange(self, path: str, text: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout)
            connection.connect(path)
            connection.sendall(text.encode() + b"\n")
            # The master answers a command only once it has seen the end of the input.
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        # An answer is at least an empty line. Nothing at all must not be read as "no session": it was cut.
        if not answer:
            raise ConnectionResetError("it ended the connection without an answer")
        return answer.decode("utf-8", "replace")

    def version(self) -> str:
        """HAProxy's version, such as 3.2.4; an error where it does not answer."""
        return self._info("Version")

    def is_reachable(self) -> bool:
        try:
            return bool(self.version())
        except LumaError:
            return False

    def worker(self) -> str:
        """What tells the current worker from others: after a reload, or a restart, another one counts from zero."""
        return " ".join(re.findall(r"^(?:Pid|Start_time_sec): (\S+)", self.run("show info"), re.MULTILINE))

    def connections(self) -> int:
        """How many connections of clients are open."""
        return int(self._info("CurrConns") or 0)

    def _info(self, name: str) -> str:
        found = re.search(rf"^{name}: (\S+)", self.run("show info"), re.MULTILINE)
        return found.group(1) if found else ""

    # --- slots --------------------------------------------------------------------------------------------------

    def slots(self, backend: str, worker: str = "") -> list[Slot]:
        """The slots of a backend in one worker, the current one by default, in their order; an empty list where it has
        no such backend."""
        states = parse_states(self.run_on(worker, "show servers state " + backend))
        counters = {row["svname"]: row for row in parse_stat(self.run_on(worker, f"show stat {backend} 4 -1"))}

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
            for row in states
            if row["srv_name"] != HOLD_SERVER
        ]

    def set_states(self, backend: str, ready: t.Iterable[str], drain: t.Iterable[str]) -> None:
        """Makes slots ready and others drain, in one batch: ready first, so that no request finds none."""
        commands = [f"set server {backend}/{name} state ready" for name in ready]
        commands += [f"set server {backend}/{name} state drain" for name in drain]
        if not commands:
            return
        answer = self.run("; ".join(commands)).strip()
        if answer:
            raise LumaError(f"luma-proxy refused to change backend {backend}: {answer}")

    def set_port(self, backend: str, slot: Slot, port: int) -> None:
        """Makes a slot that has an address use another port than its backend's, which the DNS leaves alone."""
        self.run(f"set server {backend}/{slot.name} addr {slot.address} port {port}")

    def set_up(self, backend: str, slots: t.Iterable[str]) -> None:
        """Overrules what the backend's health check says of slots, until it has failed on them again."""
        self.run("; ".join(f"set server {backend}/{slot} health up" for slot in slots))

    def sessions(self) -> int:
        """The requests and tunnels in flight in all workers. The master answers for them, also while they end, when
        the current worker's own socket is closed."""
        return self._current_of_all(backends=True)

    def client_connections(self) -> int:
        """The connections of clients in all workers, idle ones among them."""
        return self._current_of_all(backends=False)

    def _current_of_all(self, backends: bool) -> int:
        kind = 2 if backends else 1
        workers = _workers(self._send("master.sock", "show proc"))
        stats = [self.run_on(worker, f"show stat -1 {kind} -1") for worker in workers]
        return sum(int(row["scur"] or 0) for stat in stats for row in parse_stat(stat))

    def request_slot(self, backend: str, slot: str, path: str, host: str, timeout: float) -> int:
        """Sends one GET through the proxy to one slot, held or not, and returns the status of the answer; 0 where the
        answer came from another slot or from the proxy itself."""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: luma-switch\r\nConnection: close\r\n"
            f"X-Luma-Backend: {backend}\r\nX-Luma-Slot: {slot}\r\n\r\n"
        )
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self.folder / "check.sock"))
                connection.sendall(request.encode())
                head = b""
                while b"\r\n\r\n" not in head and len(head) < 65536:
                    chunk = connection.recv(4096)
                    if not chunk:
                        break
                    head += chunk
        except OSError:
            return 0
        text = head.decode("latin-1").lower()
        status = re.match(r"http/1\.[01] (\d{3})", text)
        if status is None or f"\r\nx-luma-server: {slot}\r\n".lower() not in text:
            return 0
        return int(status.group(1))

    # --- workers that were replaced by a reload -----------------------------------------------------------------

    def old_workers(self) -> list[str]:
        """The process ids of workers that a reload replaced and that still have connections."""
        text = self._send("master.sock", "show proc")
        _unused, _separator, rest = text.partition("# old workers")
        return _workers(rest.partition("\n#")[0])

    def run_on(self, worker: str, command: str) -> str:
        """Sends commands to a worker, by its process id; to the current one where that is empty."""
        return self._send("master.sock", f"@!{worker} {command}") if worker else self.run(command)

    def old_sessions(self, backend: str) -> int:
        """What is in flight of a backend in workers that a reload has replaced."""
        return sum(slot.sessions for worker in self.old_workers() for slot in self.slots(backend, worker))

    def draining(self, backend: str, addresses: t.Collection[str]) -> dict[str, list[Slot]]:
        """The slots with sessions that get no new request, by their workers: in the current one those that are held,
        in those that a reload has replaced the ones with these addresses. Such a worker no longer asks the DNS and
        refuses ``set server``, so that it never learns of another color; what comes to it now goes on to the worker
        that replaced it (see `proxy.configuration`)."""
        found = {"": [slot for slot in self.slots(backend) if slot.held and slot.sessions]}
        for worker in self.old_workers():
            found[worker] = [
                slot for slot in self.slots(backend, worker) if slot.address in addresses and slot.sessions
            ]
        return found

    def waiting(self, backend: str) -> int:
        """The requests that wait for a replica of a backend."""
        return sum(int(row.get("qcur") or 0) for row in parse_stat(self.run(f"show stat {backend} 2 -1")))

    def sessions_of(self, backend: str, slots: t.Mapping[str, t.Collection[Slot]]) -> list[Session]:
        """What is in flight on slots, which are given by their workers."""
        found = []
        for worker, wanted in slots.items():
            names = {slot.name for slot in wanted}
            rows = parse_sessions(self.run_on(worker, "show sess"), worker) if names else ()
            found += [session for session in rows if session.backend == backend and session.slot in names]
        return found

    def shut_down(self, session: Session) -> None:
        """Ends one session; nothing happens where it has ended by itself."""
        self.run_on(session.worker, f"shutdown session {session.id}")

    def announce_end(self) -> None:
        """Tells the current worker that nobody follows it: it keeps the requests that still come to it."""
        self.run("experimental-mode on; set var proc.ending bool(true)")

    def reload(self, ports: t.Mapping[str, int]) -> None:
        """Loads the configuration again. The servers' states go over by a state file, without which the new worker
        would answer 503 until the DNS has answered; the old one finishes its connections. A slot's port goes over with
        the rest, whatever the configuration says: ``ports`` has the new ones, by their backends."""
        with self.loading(with_ports(self.states(), ports)):
            answer = self._send("master.sock", "reload")
        if not answer.startswith("Success=1"):
            raise LumaError("luma-proxy could not load its new configuration: " + answer.strip())

    def states(self) -> str:
        """The servers' states, for a process that is started with them."""
        return addresses_first(self.run("show servers state"))

    @contextlib.contextmanager
    def loading(self, states: str) -> t.Iterator[None]:
        """A process that starts meanwhile begins with these states. Raises OSError where they cannot be written."""
        file = self.folder / "servers-state"
        try:
            file.write_text(states, encoding="ascii")
            # The folder is closed to all but root and the proxy, which only reads it.
            file.chmod(0o644)
            yield
        finally:
            # A state file that stayed would be loaded by a later start, when its addresses are no longer true.
            file.unlink(missing_ok=True)


def _workers(processes: str) -> list[str]:
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
