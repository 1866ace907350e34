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
import fcntl
import re
import socket
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import (
    Session,
    Slot,
    addresses_first,
    parse_sessions,
    parse_slots,
    parse_stat,
    parse_states,
    with_ports,
    workers_in,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import HOLD_SERVER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.sockets import Sockets
from ansible_collections.luma.deploy.plugins.module_utils.proxy.sticky import set_key


class Haproxy(Sockets):
    """The HAProxy that runs."""

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

    def slots(self, backend: str, worker: str = "") -> list[Slot]:
        """The slots of a backend in one worker, the current one by default, in their order; an empty list where it has
        no such backend."""
        states = self.run_on(worker, "show servers state " + backend)
        return parse_slots(states, self.run_on(worker, f"show stat {backend} 4 -1"))

    def set_states(self, backend: str, state: str, slots: t.Iterable[str]) -> None:
        """Makes slots ``ready`` or ``drain``, in one batch."""
        self._carry_out(backend, _set_states(backend, state, slots))

    def commit(self, backend: str, ready: t.Iterable[str], drain: t.Iterable[str], sticky_key: str = "") -> None:
        """Moves the traffic of a backend from some slots to others, in one batch, which HAProxy carries out command by
        command. Where requests wait for a replica, it drains first: what comes in between waits, and once a new slot
        has answered no request goes to an old one. Elsewhere a request has to find a slot: both serve in between. With
        a new ``sticky_key`` (`proxy.sticky`) no cookie leads to an old slot any more."""
        states = parse_states(self.run("show servers state " + backend))
        requests_wait = any(row["srv_name"] == HOLD_SERVER for row in states)
        new, old = _set_states(backend, "ready", ready), _set_states(backend, "drain", drain)
        old += set_key(backend, sticky_key) if sticky_key else []
        self._carry_out(backend, old + new if requests_wait else new + old)

    def _carry_out(self, backend: str, commands: t.Sequence[str]) -> None:
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
        workers = workers_in(self._send("master.sock", "show proc"))
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
        return workers_in(rest.partition("\n#")[0])

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


def _set_states(backend: str, state: str, slots: t.Iterable[str]) -> list[str]:
    return [f"set server {backend}/{name} state {state}" for name in slots]
