# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app that the tests deploy: it serves every kind of traffic, and misbehaves as it is told to.

Paths: /up (health check), / (fast, by any method), /broken (500), /slow?seconds=5, /stream (chunks), /quiet?seconds=5
(a chunk, silence, the end), /large?bytes=64000 (of a header), /headers (those of the request), /upload (POST), /twice
(the X-Id of requests that came more than once), /ws (websocket echo).

Environment:
    PORT (3000)                what it listens on
    VERSION                    the X-Release header; LUMA_RELEASE where it is not set
    LUMA_COLOR                 the X-Color header
    BOOT_SECONDS (0)           how long it takes to listen
    EXIT_AT_START              exit code: it prints a reason and exits instead of listening
    LISTEN                     the address that it listens on, such as :: for IPv6 only; without it all addresses
    ALLOWED_HOSTS              host names; other Host headers get 400
    HEALTH                     "fail": /up answers 503; "redirect": it redirects who did not come by https
    HEALTH_SECONDS (0)         how long /up takes to answer
    FAIL_HEALTH_AFTER          seconds after which /up begins to answer 503
    FAIL_HEALTH_ON_CONTAINER   the name of the only container whose /up answers 503
    IDLE_SECONDS (inf)         after which a connection without a request is closed
    ON_SIGTERM (graceful)      graceful: finish what is in flight, then exit; ignore; die: exit at once
"""

from __future__ import annotations

import asyncio
import base64
import collections
import functools
import hashlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

ENV = os.environ
STARTED = time.monotonic()
IDLE_SECONDS = float(ENV["IDLE_SECONDS"]) if "IDLE_SECONDS" in ENV else None
STREAM_CHUNKS, STREAM_SECONDS = 20, 4
ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
GOING_AWAY = b"\x88\x02" + (1001).to_bytes(2, "big")
IDENTITY = "X-Release: {}\r\nX-Color: {}\r\n".format(
    ENV.get("VERSION") or ENV.get("LUMA_RELEASE", ""), ENV.get("LUMA_COLOR", "")
)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """One client's connection, answered request by request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.busy = False
        self.is_websocket = False

    async def serve(self, app: App) -> None:
        while not app.stopping:
            # The body may take long, the next request not.
            request = parse(await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS))
            self.busy = True
            request.body = await self.reader.readexactly(int(request.headers.get("content-length", "0")))
            app.count(request)
            await self.answer(request, app)
            self.busy = False
            if request.headers.get("connection", "").lower() == "close" or self.is_websocket:
                return

    async def answer(self, request: Request, app: App) -> None:
        path, _unused, query = request.path.partition("?")
        seconds = float(query.removeprefix("seconds=") or 5) if path in ("/slow", "/quiet") else 0
        host, allowed = request.headers.get("host", ""), ENV.get("ALLOWED_HOSTS", "").split()
        if allowed and host not in allowed:
            self.send(app, 400, b"bad host\n")
        elif path == "/up" and ENV.get("HEALTH") == "redirect" and request.headers.get("x-forwarded-proto") != "https":
            self.send(app, 301, b"", extra=f"Location: https://{host}/up\r\n")
        elif path == "/up":
            await asyncio.sleep(float(ENV.get("HEALTH_SECONDS", "0")))
            self.send(app, 200 if is_healthy() else 503, b"healthy\n" if is_healthy() else b"not healthy\n")
        elif path == "/slow":
            await asyncio.sleep(seconds)
            self.send(app, 200, b"finally\n")
        elif path == "/stream":
            await self.stream()
        elif path == "/quiet":
            await self.quiet(seconds)
        elif path == "/ws":
            await self.echo(request)
        elif path == "/large":
            self.send(app, 200, b"large\n", extra="X-Large: " + "x" * int(query.removeprefix("bytes=")) + "\r\n")
        else:
            self.send(app, *at_once(path, request, app), request.method)
        await self.writer.drain()

    def send(self, app: App, status: int, body: bytes, method: str = "GET", extra: str = "") -> None:
        connection = "Connection: close\r\n" if app.stopping else ""
        head = f"HTTP/1.1 {status} -\r\n{IDENTITY}{connection}{extra}Content-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + (body if method != "HEAD" else b""))

    async def stream(self) -> None:
        self.writer.write(f"HTTP/1.1 200 -\r\n{IDENTITY}Transfer-Encoding: chunked\r\n\r\n".encode())
        for number in range(STREAM_CHUNKS):
            self.writer.write(chunk(f"chunk {number}\n".encode()))
            await asyncio.sleep(STREAM_SECONDS / STREAM_CHUNKS)
        self.writer.write(chunk(b"end of stream\n") + chunk(b""))

    async def quiet(self, seconds: float) -> None:
        head = f"HTTP/1.1 200 -\r\n{IDENTITY}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.writer.write(head.encode() + chunk(b"data: begun\n\n"))
        await self.writer.drain()
        await asyncio.sleep(seconds)
        self.writer.write(chunk(b"data: end of stream\n\n") + chunk(b""))

    async def echo(self, request: Request) -> None:
        key = request.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT_SUFFIX).digest()).decode()
        self.writer.write(
            f"HTTP/1.1 101 -\r\n{IDENTITY}Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self.is_websocket = True
        while True:
            first, length = await self.reader.readexactly(2)
            mask = await self.reader.readexactly(4)
            payload = await self.reader.readexactly(length & 0x7F)
            unmasked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
            self.writer.write(bytes([first, len(unmasked)]) + unmasked)
            if first & 0x0F == 0x8:
                return

    def stop(self) -> None:
        """Close it now if nothing is in flight; otherwise `serve` ends after the answer."""
        if self.is_websocket:
            self.writer.write(GOING_AWAY)
        if self.is_websocket or not self.busy:
            self.writer.close()


class App:
    """The listening socket and its connections."""

    def __init__(self) -> None:
        self.stopping = False
        self.connections: set[Connection] = set()
        self.seen: collections.Counter[str] = collections.Counter()
        self.finished = asyncio.Event()
        self.server: asyncio.Server | None = None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.add(connection)
        try:
            await connection.serve(self)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client is gone, or idle
        finally:
            writer.close()
            self.connections.discard(connection)
            if self.stopping and not self.connections:
                self.finished.set()

    def count(self, request: Request) -> None:
        if "x-id" in request.headers:
            self.seen[request.headers["x-id"]] += 1

    async def run(self) -> None:
        address, port = ENV.get("LISTEN"), int(ENV.get("PORT", "3000"))
        self.server = await asyncio.start_server(self.accept, address, port, backlog=512, limit=1 << 18)
        on_sigterm = {"graceful": self.stop, "ignore": lambda: None, "die": lambda: os._exit(143)}
        stop = on_sigterm[ENV.get("ON_SIGTERM", "graceful")]
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        print("listening", flush=True)
        await self.finished.wait()

    def stop(self) -> None:
        self.stopping = True
        if self.server:
            self.server.close()
        for connection in list(self.connections):
            connection.stop()
        if not self.connections:
            self.finished.set()


def at_once(path: str, request: Request, app: App) -> tuple[int, bytes]:
    """Status and body of an answer that takes no time."""
    if path == "/":
        return 200, b"hello\n"
    if path == "/broken":
        return 500, b"broken\n"
    if path == "/headers":
        return 200, json.dumps(request.headers).encode()
    if path == "/twice":
        return 200, json.dumps([name for name, count in app.seen.items() if count > 1]).encode()
    if path == "/upload":
        digest = {"length": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()}
        return 200, json.dumps(digest).encode()
    return 404, b"not found\n"


def parse(head: bytes) -> Request:
    request_line, *lines = head.decode("latin-1")[:-4].split("\r\n")
    method, path, _version = request_line.split(" ")
    fields = (line.split(":", 1) for line in lines)
    return Request(method, path, {name.lower(): value.strip() for name, value in fields})


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def is_healthy() -> bool:
    if ENV.get("HEALTH") == "fail":
        return False
    if is_container(ENV.get("FAIL_HEALTH_ON_CONTAINER", "")):
        return False
    return time.monotonic() - STARTED < float(ENV.get("FAIL_HEALTH_AFTER", "inf"))


@functools.cache
def is_container(name: str) -> bool:
    """Whether this is the container of that name. It does not know its name, but Docker's DNS does."""
    return bool(name) and socket.gethostbyname(name) == socket.gethostbyname(socket.gethostname())


def main() -> None:
    if "EXIT_AT_START" in ENV:
        print("no configuration found, giving up", file=sys.stderr)
        sys.exit(int(ENV["EXIT_AT_START"]))
    time.sleep(float(ENV.get("BOOT_SECONDS", "0")))
    asyncio.run(App().run())


if __name__ == "__main__":
    main()
