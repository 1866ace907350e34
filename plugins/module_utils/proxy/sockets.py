# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands to a running HAProxy, through the sockets in its run folder."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: How long the master refuses or cuts connections at the most while it starts itself anew for a reload, in seconds.
REEXEC_SECONDS = 2.0


class Sockets:
    """``admin.sock`` leads to the current worker, ``master.sock`` to reloads and to the workers that a reload has
    replaced and that still finish their connections, ``check.sock`` by HTTP to one slot. In seconds: ``timeout`` for an
    answer, ``patience`` with a master that starts itself anew."""

    def __init__(self, folder: Path, timeout: float = 5.0, patience: float = REEXEC_SECONDS) -> None:
        self.folder = folder
        self.timeout = timeout
        self.patience = patience

    def run(self, command: str) -> str:
        """Sends commands (separated by ``;``) to the current worker, which carries them out as one batch."""
        return self._send("admin.sock", command)

    def run_on(self, worker: str, command: str) -> str:
        """Sends commands to a worker, by its process id; to the current one where that is empty."""
        return self._send("master.sock", f"@!{worker} {command}") if worker else self.run(command)

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
