# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Continuous traffic that keeps a record of every request: `python -m plugin_utils.traffic.client --help`.

It runs in a process of its own (from the folder `plugins`, or with that on PYTHONPATH) until SIGTERM, and
writes its report to standard output (see `traffic.report`).

What counts as lost follows RFC 9112 9.3 to 9.5, strictly. A connection that the server closed before a
request was written is replaced; nothing is lost. A request that was written and gets no complete answer is
lost: a client may repeat a GET, this one never does. So is a request that cannot be written since no
connection comes about, and one that is answered with anything but 2xx.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..processes import is_alive
from .http import LOGIN_VARIABLE, Connection, Lost, Response, Target, request
from .report import ASKED_TO, IDLE, KEEP_ALIVE, NEW_CONNECTION, SLOW, STREAM, UPLOAD, WEBSOCKET, Record, ReportFile
from .websocket import Ended, WebSocket

SIGNALS = (signal.SIGTERM, signal.SIGINT)
ECHO_INTERVAL = 0.1
HANDSHAKE_PATIENCE = 10
UPLOAD_BODY = bytes(range(256)) * 400
UPLOAD_DIGEST = hashlib.sha256(UPLOAD_BODY).hexdigest()
STREAM_END = b"end of stream\n"
# Each idle client has a method of its own, and sends within so many seconds of the moment in which its app gives up.
IDLE_METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD")
IDLE_SPREAD = 0.01


@dataclass(frozen=True)
class Kind:
    """A kind of request, sent by `clients` clients, each at most once in `interval` seconds, one at a time.

    patience  seconds after which a request without a complete answer is lost.
    idles     the interval begins with the answer, and the request has an X-Id that no other one has.
    check     says in words what is wrong with a complete answer of status 2xx, "" if nothing is.
    """

    name: str
    clients: int
    path: str
    interval: float = 0.1
    patience: float = 10.0
    method: str = "GET"
    body: bytes = b""
    keeps_connection: bool = True
    idles: bool = False
    check: Callable[[Response], str] = lambda _response: ""


def uploaded_completely(response: Response) -> str:
    try:
        answer = json.loads(response.body)
    except ValueError:
        return f"the upload's answer is not JSON: {response.body[:60]!r}"
    if answer != {"length": len(UPLOAD_BODY), "sha256": UPLOAD_DIGEST}:
        return f"the upload arrived as {answer}"
    return ""


def streamed_completely(response: Response) -> str:
    return "" if response.body.endswith(STREAM_END) else f"the stream ended with {response.body[-60:]!r}"


class Client:
    """Sends requests to one target until it is told to stop, and writes each one's fate into a report."""

    def __init__(self, target: Target, report: ReportFile) -> None:
        self._target = target
        self._report = report
        self._numbers = itertools.count()
        self.stopped_because = ""

    def stop(self, why: str) -> None:
        """Finish the requests in flight and send no more."""
        self.stopped_because = self.stopped_because or why

    async def run(self, kinds: list[Kind], websockets: int, websocket_path: str) -> None:
        """Run all clients of all kinds side by side, evenly spread in time, until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            for kind in kinds:
                for number in range(kind.clients):
                    tasks.create_task(self._requests(kind, delay=kind.interval * number / kind.clients))
            for _number in range(websockets):
                tasks.create_task(self._websockets(websocket_path))

    async def _wait(self, until: float) -> bool:
        """Wait for that time. Returns False if the client is to stop."""
        while not self.stopped_because and (seconds := until - time.monotonic()) > 0:
            await asyncio.sleep(min(seconds, 0.1))
        return not self.stopped_because

    async def _requests(self, kind: Kind, delay: float) -> None:
        connection = None
        due = time.monotonic() + delay
        while await self._wait(until=due):
            due = max(due + kind.interval, time.monotonic())
            connection = await self._request(kind, connection)
            if kind.idles:
                due = time.monotonic() + kind.interval
        if connection:
            connection.close()

    async def _request(self, kind: Kind, connection: Connection | None) -> Connection | None:
        """Make one request and record it. Returns the connection if it can carry another one."""
        started = time.monotonic()
        sent = None
        fields = self._target.fields | ({} if kind.keeps_connection else {"Connection": "close"})
        if kind.idles:
            fields["X-Id"] = f"{id(self)}-{next(self._numbers)}"
        data = request(kind.method, kind.path, self._target.host, fields, kind.body)
        try:
            async with asyncio.timeout(kind.patience):
                if connection and not connection.is_open():
                    connection.close()
                    connection = None
                connection = connection or await Connection.open(self._target)
                sent = time.monotonic()
                connection.write(data)
                response = await connection.response(kind.method)
            self._record_answer(kind.name, started, sent, response, failure=_failure(response, kind))
            if response.keeps_connection and kind.keeps_connection:
                return connection
        except (Lost, TimeoutError) as error:
            self._record_loss(kind.name, started, sent, error, kind.patience)
        if connection:
            connection.close()
        return None

    async def _websockets(self, path: str) -> None:
        """Hold one websocket after the other; each is one record, from its handshake to its end."""
        while await self._wait(until=time.monotonic() + ECHO_INTERVAL):
            started = time.monotonic()
            sent = None
            try:
                async with asyncio.timeout(HANDSHAKE_PATIENCE):
                    socket = WebSocket(await Connection.open(self._target))
                    sent = time.monotonic()
                    response = await socket.handshake(path, self._target.host)
                ended = await self._echo_until_end(socket)
                self._record_answer(WEBSOCKET, started, sent, response, ended=ended)
            except (Lost, TimeoutError) as error:
                self._record_loss(WEBSOCKET, started, sent, error, HANDSHAKE_PATIENCE)

    async def _echo_until_end(self, socket: WebSocket) -> str:
        """Send a message every `ECHO_INTERVAL` seconds; how the websocket ended, in words."""
        number = 0
        try:
            while await self._wait(until=time.monotonic() + ECHO_INTERVAL):
                number += 1
                async with asyncio.timeout(HANDSHAKE_PATIENCE):
                    await socket.echo(f"message {number}")
        except Ended as end:
            return str(end)
        except TimeoutError:
            return f"no echo within {HANDSHAKE_PATIENCE} s"
        finally:
            socket.close()
        return "closed by this client"

    def _record_answer(
        self, kind: str, started: float, sent: float, response: Response, failure: str = "", ended: str = ""
    ) -> None:
        answered = time.monotonic()
        self._report.add(
            Record(
                kind,
                started,
                sent,
                answered,
                status=response.status,
                release=response.headers.get("x-release", ""),
                color=response.headers.get("x-color", ""),
                server=response.headers.get("x-luma-server", ""),
                failure=failure,
                ended=ended,
            )
        )

    def _record_loss(self, kind: str, started: float, sent: float | None, error: Exception, patience: float) -> None:
        failure = str(error) or f"no complete answer within {patience:g} s"
        self._report.add(Record(kind, started, sent, time.monotonic(), failure=failure))


def _failure(response: Response, kind: Kind) -> str:
    return kind.check(response) if 200 <= response.status < 300 else f"HTTP {response.status}"


async def send_traffic(options: argparse.Namespace, report: ReportFile) -> None:
    """Send what the options ask for until a signal, or until the client has lost its purpose."""
    url = urlsplit(options.url)
    tls = url.scheme == "https"
    port = url.port or (443 if tls else 80)
    login = os.environ.get(LOGIN_VARIABLE, "")
    target = Target(url.hostname or "", port, options.host or url.netloc, options.proxy_protocol, tls, login)
    client = Client(target, report)
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, client.stop, ASKED_TO)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    housekeeping = asyncio.create_task(_housekeeping(client, report, options.seconds, options.parent))
    await client.run(_kinds(options), options.websocket, "/ws")
    housekeeping.cancel()
    report.end(client.stopped_because)


async def _housekeeping(client: Client, report: ReportFile, seconds: float, parent: int) -> None:
    """Make the report readable while it grows; stop when the time, the report or the parent is gone."""
    deadline = time.monotonic() + seconds
    while True:
        report.flush()
        if time.monotonic() > deadline:
            client.stop(f"its {seconds:g} s were over")
        if os.fstat(sys.stdout.fileno()).st_nlink == 0:
            client.stop("its report was removed")
        if parent and not is_alive(parent):
            client.stop(f"process {parent} is gone")
        await asyncio.sleep(0.2)


def _kinds(options: argparse.Namespace) -> list[Kind]:
    interval = (options.keep_alive + options.new_connection) / options.rate
    return [
        Kind(KEEP_ALIVE, options.keep_alive, options.path, interval),
        Kind(NEW_CONNECTION, options.new_connection, options.path, interval, keeps_connection=False),
        Kind(SLOW, options.slow, "/slow?seconds=5", patience=20),
        Kind(STREAM, options.stream, "/stream", patience=20, check=streamed_completely),
        Kind(UPLOAD, options.upload, "/upload", method="POST", body=UPLOAD_BODY, check=uploaded_completely),
        *_idle_kinds(options.idle, options.idle_seconds),
    ]


def _idle_kinds(clients: int, seconds: float) -> Iterator[Kind]:
    """Clients that send again when their app is about to close the connection for being idle, or just has."""
    for number in range(clients):
        method = IDLE_METHODS[number % len(IDLE_METHODS)]
        interval = seconds + IDLE_SPREAD * (2 * number / max(1, clients - 1) - 1)
        body = b"body" if method in ("POST", "PUT") else b""
        yield Kind(IDLE, 1, "/", interval, method=method, body=body, idles=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Continuous traffic; its report goes to stdout.")
    parser.add_argument("--url", required=True, help="where to connect to, such as http://127.0.0.1:8080")
    parser.add_argument("--host", default="", help="Host header; the URL's by default")
    parser.add_argument("--path", default="/up", help="what keep-alive and new-connection clients ask for")
    parser.add_argument("--proxy-protocol", action="store_true", help="begin connections with that protocol's header")
    parser.add_argument("--seconds", type=float, default=900, help="end at the latest after this time")
    parser.add_argument("--parent", type=int, default=0, help="end when the process of this id is gone")
    parser.add_argument("--keep-alive", type=int, default=8, help="clients that keep their connection")
    parser.add_argument("--new-connection", type=int, default=4, help="clients that connect for each request")
    parser.add_argument("--rate", type=float, default=600, help="requests/s of those two kinds, in all")
    for kind in (SLOW, STREAM, UPLOAD, WEBSOCKET):
        parser.add_argument(f"--{kind}", type=int, default=0, help="clients of this kind (needs luma's test app)")
    parser.add_argument("--idle", type=int, default=0, help="clients that send when their app closes (likewise)")
    parser.add_argument("--idle-seconds", type=float, default=0.5, help="when their app closes an idle connection")
    return parser.parse_args()


if __name__ == "__main__":
    # The report tells the reader of this process, who may end it at once.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    arguments = _options()
    asyncio.run(send_traffic(arguments, ReportFile(sys.stdout)))
