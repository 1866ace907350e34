# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of RFC 6455 as an echo needs: the handshake, short text messages, close."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os

from .http import Connection, Lost, Response, request

_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE = 0x1, 0x8


class Ended(Exception):
    """The websocket is over. The message says in words how."""


class WebSocket:
    """A client's end of a websocket on a connection that it takes over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._key = base64.b64encode(os.urandom(16))

    async def handshake(self, path: str, host: str) -> Response:
        """Ask for a websocket. Raises Lost where the answer is anything but a switch to one."""
        fields = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": self._key.decode(),
        }
        self._connection.write(request("GET", path, host, fields))
        response = await self._connection.response()
        accept = base64.b64encode(hashlib.sha1(self._key + _ACCEPT_SUFFIX).digest()).decode()
        if response.status != 101:
            raise Lost(f"HTTP {response.status} instead of a websocket")
        if response.headers.get("sec-websocket-accept") != accept:
            raise Lost("the handshake's answer does not fit its key")
        return response

    async def echo(self, text: str) -> None:
        """Send `text` (at most 125 bytes) and wait for its echo. Raises Ended where that does not come."""
        try:
            self._connection.write(_frame(_TEXT, text.encode()))
            opcode, payload = await self._read_frame()
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Ended("connection closed by the other side without a close message") from error
        if opcode == _CLOSE:
            raise Ended(f"close message from the other side, code {int.from_bytes(payload[:2], 'big')}")
        if payload != text.encode():
            raise Ended(f"wrong echo: {payload[:60]!r}")

    def close(self) -> None:
        self._connection.write(_frame(_CLOSE, (1000).to_bytes(2, "big")))
        self._connection.close()

    async def _read_frame(self) -> tuple[int, bytes]:
        first, length = await self._connection.reader.readexactly(2)
        return first & 0x0F, await self._connection.reader.readexactly(length & 0x7F)


def _frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame. A client has to mask what it sends (RFC 6455 5.3)."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked
