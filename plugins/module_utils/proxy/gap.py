# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a port gives no answer: a client that asks it every few milliseconds while its container is exchanged."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import EVERY_ADDRESS

PAUSE_SECONDS = 0.005
#: After which a connection counts as not accepted, in seconds.
PATIENCE = 1.0
# Docker's own process accepts a connection whose container does not: only an answer tells.
REQUEST = b"GET / HTTP/1.0\r\nHost: luma-gap.invalid\r\n\r\n"


class GapMeter:
    """Asks a published port from the host itself, between `__enter__` and `__exit__`. ``seconds``: the longest time
    in which no connection was answered, from the first answer on; a port that is new has no gap. ``asked``: how many
    connections were tried."""

    def __init__(self, bind: str, port: int) -> None:
        loopback = "::1" if bind == "::" else "127.0.0.1"
        self.address = (loopback if bind in EVERY_ADDRESS else bind, port)
        self.seconds = 0.0
        self.asked = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> GapMeter:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        silent_since: float | None = None
        answered = False
        while not self._ended.is_set():
            began = time.monotonic()
            self.asked += 1
            if answers(self.address):
                answered, silent_since = True, None
            elif answered:
                silent_since = began if silent_since is None else silent_since
                self.seconds = max(self.seconds, time.monotonic() - silent_since)
            self._ended.wait(PAUSE_SECONDS)


def answers(address: tuple[str, int]) -> bool:
    """Whether a connection to the port gets an answer, whatever it says."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(REQUEST)
        return bool(connection.recv(1))
    return False


def gap_in_words(seconds: float) -> str:
    return f"no connection was answered for {seconds:.2f} s" if seconds else "every connection was answered meanwhile"
