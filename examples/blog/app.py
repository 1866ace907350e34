# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A blog of one line: it says which version and which replica answers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from weakref import WeakSet

VERSION = os.environ.get("VERSION", "?")
COLOR = os.environ.get("LUMA_COLOR", "no color")  # set by luma
PAGES = {
    "/": f"version {VERSION}, {COLOR}, replica {socket.gethostname()}\n".encode(),
    "/up": b"ok\n",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open between requests
    wbufsize = -1  # headers and body leave in one packet

    def do_GET(self) -> None:
        body = PAGES.get(self.path, b"not found\n")
        self.send_response(200 if self.path in PAGES else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the requests in flight
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("", 3000), Handler)
        self.connections: WeakSet[socket.socket] = WeakSet()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def stop(self) -> None:
        """Accept nothing new, let every connection end after the request that it is serving."""
        self.shutdown()
        for connection in self.connections:
            with contextlib.suppress(OSError):  # it ended by itself
                connection.shutdown(socket.SHUT_RD)


server = Server()
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
server.serve_forever()
server.server_close()
