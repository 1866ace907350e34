# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 for a client that counts losses: one connection, one request at a time, never a retry."""

from __future__ import annotations

import asyncio
import os
import select
import ssl
from base64 import b64encode
from dataclasses import dataclass

#: It is losses that are counted: a certificate may be on its way still.
ANY_CERTIFICATE = ssl.create_default_context()
ANY_CERTIFICATE.check_hostname, ANY_CERTIFICATE.verify_mode = False, ssl.CERT_NONE

#: The environment variable that has the login of the requests.
LOGIN_VARIABLE = "LUMA_PROBE_LOGIN"


class Lost(Exception):
    """A request got no complete, good answer. The message says in words what came instead."""


@dataclass(frozen=True)
class Target:
    """Where the requests go: the address that is connected to, and the Host header that they carry.
    ``proxy_protocol``: whether a connection begins with the header of that protocol, in its version 1. ``tls``: whether
    they go by HTTPS. ``login``: USER:PASSWORD that they carry; empty for none."""

    address: str
    port: int
    host: str
    proxy_protocol: bool = False
    tls: bool = False
    login: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The header fields that each request has."""
        return {"Authorization": f"Basic {b64encode(self.login.encode()).decode()}"} if self.login else {}


@dataclass(frozen=True)
class Response:
    """A complete answer. The names of `headers` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    keeps_connection: bool


class Connection:
    """One TCP connection to the target."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._readable = select.poll()
        self._readable.register(writer.get_extra_info("socket").fileno(), select.POLLIN)

    @classmethod
    async def open(cls, target: Target) -> Connection:
        """Connect. Raises Lost where that fails: the request that needed this connection is not answered."""
        try:
            reader, writer = await asyncio.open_connection(target.address, target.port)
            if target.proxy_protocol:
                writer.write(b"PROXY UNKNOWN\r\n")
            if target.tls:
                await writer.start_tls(ANY_CERTIFICATE, server_hostname=target.host.partition(":")[0])
        except OSError as error:
            raise Lost(f"no connection: {_reason(error)}") from error
        return cls(reader, writer)

    def is_open(self) -> bool:
        """Whether a request can be written: the server has neither closed it nor sent anything unasked.

        RFC 9112 9.3.1 leaves the server free to close an idle connection at any time. The socket itself is
        asked, since the event loop may not have come round to the server's FIN yet; once a FIN is there, the
        socket stays readable.
        """
        return not self.writer.is_closing() and not self._readable.poll(0)

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def close(self) -> None:
        self.writer.close()

    async def response(self, method: str = "GET") -> Response:
        """Read one complete answer to this method. Raises Lost for anything less."""
        try:
            status, version, headers = await self._head()
            while 100 <= status < 200 and status != 101:
                status, version, headers = await self._head()
            body, ended_by_close = (b"", False) if method == "HEAD" else await self._body(status, headers)
        except OSError as error:
            raise Lost(f"connection broken before the end of the answer: {_reason(error)}") from error
        stays_open = version == b"HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return Response(status, headers, body, keeps_connection=stays_open and not ended_by_close)

    async def _head(self) -> tuple[int, bytes, dict[str, str]]:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            where = "in the middle of the headers" if error.partial else "without an answer"
            raise Lost(f"connection closed {where}") from error
        status_line, *lines = head[:-4].split(b"\r\n")
        try:
            version, status = status_line.split(b" ", 2)[:2]
            fields = (line.decode("latin-1").split(":", 1) for line in lines)
            return int(status), version, {name.lower(): value.strip() for name, value in fields}
        except ValueError as error:
            raise Lost(f"not an HTTP answer: {status_line[:60]!r}") from error

    async def _body(self, status: int, headers: dict[str, str]) -> tuple[bytes, bool]:
        """The body, and whether only the end of the connection marked its end."""
        if status in (101, 204, 304):
            return b"", False
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks(), False
        if "content-length" in headers:
            return await self._exactly(int(headers["content-length"])), False
        return await self.reader.read(), True

    async def _exactly(self, length: int) -> bytes:
        try:
            return await self.reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            received = len(error.partial)
            raise Lost(f"connection closed after {received} of {length} bytes of the body") from error

    async def _chunks(self) -> bytes:
        chunks: list[bytes] = []
        try:
            while True:
                size = int((await self.reader.readuntil(b"\r\n")).split(b";", 1)[0], 16)
                chunks.append((await self.reader.readexactly(size + 2))[:-2])
                if size == 0:
                    return b"".join(chunks)
        except asyncio.IncompleteReadError as error:
            raise Lost(f"connection closed in the middle of a stream, after {len(chunks)} chunks") from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def request(method: str, path: str, host: str, fields: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request. luma-proxy names the server that answers a request with X-Luma-Probe."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "X-Luma-Probe: 1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
