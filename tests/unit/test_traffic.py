# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The traffic client notices every way in which a request can be lost, on real sockets."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.client import (
    Client,
    Kind,
    streamed_completely,
    uploaded_completely,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.http import Connection, Target
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import (
    Handover,
    Numbers,
    Record,
    Report,
    ReportFile,
    failures_in_words,
    handovers,
    without_first_start,
)

ROOT = Path(__file__).parents[2]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Release: r1\r\nX-Luma-Server: blog1\r\n\r\nok"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answers(data: bytes) -> Behaviour:
    """Send these bytes for the first request, close, and serve well from the second connection on."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)

    return behave


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    linger_not = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)


async def stays_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def serves_well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(GOOD)


async def traffic(kind: Kind, *behaviours: Behaviour, enough: int, tmp_path: Path) -> tuple[list[Record], int]:
    """Send `enough` requests to a server whose connections behave like this, one after the other.

    Returns the records and the number of connections that the client made.
    """
    connections = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await behaviours[min(connections, len(behaviours)) - 1](reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1")
    target = Target("127.0.0.1", server.sockets[0].getsockname()[1], "blog.localhost")
    path = tmp_path / "report"
    with path.open("w") as file:
        report = StoppingReport(file)
        client = Client(target, report)
        report.stop_after(enough, client)
        await asyncio.wait_for(client.run([kind], websockets=0, websocket_path="/ws"), 20)
        report.end("enough")
    server.close()
    return Report.read(path).records, connections


class StoppingReport(ReportFile):
    """Stops the client after a number of requests, so that no test waits for a time to pass."""

    def stop_after(self, enough: int, client: Client) -> None:
        self.left, self.client = enough, client

    def add(self, record: Record) -> None:
        super().add(record)
        self.left -= 1
        if self.left == 0:
            self.client.stop("enough")


def get(**options: object) -> Kind:
    return Kind("keep-alive", 1, "/up", interval=0.001, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (answers(b""), "connection closed without an answer"),
        (answers(GOOD[:30]), "connection closed in the middle of the headers"),
        (answers(GOOD[:-1]), "connection closed after 1 of 2 bytes of the body"),
        (
            answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
            "connection closed in the middle of a stream, after 1 chunks",
        ),
        (
            answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok"),
            "connection closed in the middle of a stream, after 0 chunks",
        ),
        (resets, "connection broken before the end of the answer: Connection reset by peer"),
        (stays_silent, "no complete answer within 0.2 s"),
        (answers(b"nonsense\r\n\r\n"), "not an HTTP answer: b'nonsense'"),
        (answers(GOOD.replace(b"200 OK", b"503 no")), "HTTP 503"),
        (answers(GOOD.replace(b"200 OK", b"404 no")), "HTTP 404"),
    ],
)
def test_every_loss_is_noticed_once(behaviour: Behaviour, words: str, tmp_path: Path) -> None:
    kind = get(patience=0.2)
    records, _unused = asyncio.run(traffic(kind, behaviour, serves_well, enough=5, tmp_path=tmp_path))
    assert [record.failure for record in records] == [words, "", "", "", ""]


def test_a_refused_connection_is_a_loss(tmp_path: Path) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        target = Target("127.0.0.1", nobody_listens.getsockname()[1], "blog.localhost")
        with (tmp_path / "report").open("w") as file:
            report = StoppingReport(file)
            client = Client(target, report)
            report.stop_after(1, client)
            asyncio.run(client.run([get()], websockets=0, websocket_path="/ws"))
    record = Report.read(tmp_path / "report").records[0]
    assert record.failure == "no connection: Connection refused"
    assert record.sent is None


def test_keep_alive_uses_one_connection(tmp_path: Path) -> None:
    records, connections = asyncio.run(traffic(get(), serves_well, enough=20, tmp_path=tmp_path))
    assert not any(record.failure for record in records)
    assert connections == 1
    assert {(record.release, record.server, record.status) for record in records} == {("r1", "blog1", 200)}


def test_new_connections_are_new(tmp_path: Path) -> None:
    kind = get(keeps_connection=False)
    _unused, connections = asyncio.run(traffic(kind, serves_well, enough=20, tmp_path=tmp_path))
    assert connections == 20


@pytest.mark.parametrize("announced", [b"", b"Connection: close\r\n"], ids=["silently", "announced"])
def test_a_connection_closed_while_idle_is_replaced_without_a_loss(announced: bytes, tmp_path: Path) -> None:
    answer_and_close = answers(GOOD.replace(b"X-Release", announced + b"X-Release"))
    records, connections = asyncio.run(traffic(get(), answer_and_close, enough=20, tmp_path=tmp_path))
    assert not any(record.failure for record in records)
    assert connections == 20


def test_a_close_is_noticed_before_the_event_loop_has_seen_it() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            connection = await Connection.open(Target("127.0.0.1", server.getsockname()[1], ""))
            accepted, _unused = server.accept()
            assert connection.is_open()
            accepted.close()
            assert not connection.is_open()
            connection.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"length": 3, "sha256": "x"}', "the upload arrived as {'length': 3, 'sha256': 'x'}"),
        (b"ok", "the upload's answer is not JSON: b'ok'"),
    ],
)
def test_an_upload_that_arrives_changed_is_a_loss(body: bytes, words: str, tmp_path: Path) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    kind = get(check=uploaded_completely)
    records, _unused = asyncio.run(traffic(kind, answers(data), enough=1, tmp_path=tmp_path))
    assert [record.failure for record in records] == [words]


def test_a_stream_without_its_end_is_a_loss(tmp_path: Path) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmore\r\n0\r\n\r\n"
    kind = get(check=streamed_completely)
    records, _unused = asyncio.run(traffic(kind, answers(data), enough=1, tmp_path=tmp_path))
    assert [record.failure for record in records] == ["the stream ended with b'more'"]


# The process, against the app of the zero-loss test


@contextmanager
def running(*command: str, stdout: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=stdout, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class App(NamedTuple):
    process: subprocess.Popen[bytes]
    port: int


@pytest.fixture
def app() -> Iterator[App]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (sys.executable, str(ROOT / "tests/testbed/app/app.py"))
    with running(*command, stdout=subprocess.PIPE, PORT=str(port), VERSION="r7", LUMA_COLOR="blue") as process:
        assert process.stdout
        assert process.stdout.readline() == b"listening\n"
        yield App(process, port)


@contextmanager
def client_process(app: App, path: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    url = f"http://127.0.0.1:{app.port}"
    command = (sys.executable, "-m", "plugin_utils.traffic.client", "--url", url, *options)
    with path.open("w") as report, running(
        *command, stdout=report.fileno(), PYTHONPATH=str(ROOT / "plugins")
    ) as process:  # fmt: skip
        yield process


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def kinds_in(path: Path) -> set[str]:
    return {record.kind for record in Report.read(path).records} if path.stat().st_size else set()


def test_all_kinds_against_the_app(app: App, tmp_path: Path) -> None:
    path = tmp_path / "report"
    clients = ("--slow", "1", "--stream", "1", "--upload", "1", "--websocket", "1", "--idle", "6")
    with client_process(app, path, *clients) as process:
        wait_for(lambda: kinds_in(path) >= {"slow", "stream"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    report = Report.read(path)
    assert failures_in_words(report.records) == []
    assert kinds_in(path) == {"keep-alive", "new-connection", "slow", "stream", "upload", "websocket", "idle"}
    assert {(record.release, record.color) for record in report.records} == {("r7", "blue")}
    assert [r.ended for r in report.records if r.kind == "websocket"] == ["closed by this client"]
    assert report.ended_because == "asked to"


def test_a_graceful_app_finishes_what_is_in_flight(app: App) -> None:
    """The app is a fair opponent: what it has begun before it is told to stop, it finishes."""
    with socket.create_connection(("127.0.0.1", app.port)) as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        data = connection.recv(4096)
        app.process.terminate()
        data += b"".join(iter(lambda: connection.recv(4096), b""))
    assert data.endswith(b"end of stream\n\r\n0\r\n\r\n")
    assert app.process.wait(timeout=30) == 0


def test_it_ends_with_its_parent(app: App, tmp_path: Path) -> None:
    path = tmp_path / "report"
    with (
        running("sleep", "60", stdout=subprocess.DEVNULL) as parent,
        client_process(app, path, "--parent", str(parent.pid)) as process,
    ):
        wait_for(lambda: bool(kinds_in(path)))
        parent.kill()
        parent.wait()
        assert process.wait(timeout=30) == 0
    assert Report.read(tmp_path / "report").ended_because == f"process {parent.pid} is gone"


def test_it_ends_when_its_report_is_removed(app: App, tmp_path: Path) -> None:
    with client_process(app, tmp_path / "report") as process:
        wait_for(lambda: bool(kinds_in(tmp_path / "report")))
        (tmp_path / "report").unlink()
        assert process.wait(timeout=30) == 0


def test_it_ends_when_its_time_is_over(app: App, tmp_path: Path) -> None:
    with client_process(app, tmp_path / "report", "--seconds", "0.3") as process:
        assert process.wait(timeout=30) == 0
    assert Report.read(tmp_path / "report").ended_because == "its 0.3 s were over"


# What the records add up to


def record(sent: float, answered: float, release: str, failure: str = "") -> Record:
    return Record("keep-alive", sent, sent, answered, 200, release, failure=failure)


def test_a_clean_handover() -> None:
    records = [record(0.0, 0.5, "a"), record(1.0, 3.0, "a"), record(1.5, 2.5, "b"), record(4.0, 5.0, "b")]
    assert handovers(records, lambda r: r.release) == [Handover("a", "b", 500.0, interleaved=0, stale=0)]


def test_requests_in_flight_together_may_overtake_each_other() -> None:
    records = [record(1.0, 2.0, "b"), record(1.5, 2.5, "a"), record(0.0, 0.5, "a")]
    (handover,) = handovers(records, lambda r: r.release)
    assert (handover.gap_ms, handover.overlap_ms) == (-500.0, 500.0)
    assert (handover.interleaved, handover.stale) == (1, 0)


def test_the_old_release_after_an_answer_of_the_new_one_is_stale() -> None:
    records = [record(0.0, 0.5, "a"), record(1.0, 2.0, "b"), record(2.5, 3.0, "a")]
    (handover,) = handovers(records, lambda r: r.release)
    assert handover.stale == 1


def test_handovers_of_several_deployments_come_in_order() -> None:
    records = [record(float(n), n + 0.5, release) for n, release in enumerate("aabbcc")]
    assert [(h.before, h.after) for h in handovers(records, lambda r: r.release)] == [("a", "b"), ("b", "c")]


def test_requests_that_nobody_known_answered_are_no_part_of_a_handover() -> None:
    records = [record(0.0, 0.5, "a"), record(1.0, 1.5, ""), record(2.0, 2.5, "b")]
    assert [h.gap_ms for h in handovers(records, lambda r: r.release)] == [2000.0]


def test_failures_before_the_very_first_answer_do_not_count() -> None:
    before = [record(0.0, 0.1, "", "HTTP 404"), record(1.0, 1.1, "", "HTTP 503")]
    after = [record(2.0, 2.1, "a"), record(3.0, 3.1, "", "HTTP 503")]
    assert without_first_start(before + after) == (after, 2)


def test_failures_of_an_app_that_was_served_all_count() -> None:
    records = [record(0.0, 0.1, "a"), record(1.0, 1.1, "", "HTTP 503"), record(2.0, 2.1, "b")]
    assert without_first_start(records) == (records, 0)


def test_an_app_that_never_answered_failed() -> None:
    records = [record(0.0, 0.1, "", "HTTP 404")]
    assert without_first_start(records) == (records, 0)


def test_numbers() -> None:
    records = [record(0.0, n / 1000, "a", "HTTP 503" if n == 7 else "") for n in range(1, 101)]
    assert Numbers.of(records) == Numbers(100, 1, longest_ms=100.0, p50_ms=50.0, p99_ms=99.0)
    assert Numbers.of([]) == Numbers(0, 0, 0.0, 0.0, 0.0)


def test_a_report_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "report"
    with path.open("w") as file:
        report = ReportFile(file)
        report.add(record(0.0, 0.1, "a"))
        report.flush()
        file.write('["keep-al')
        file.flush()
        assert Report.read(path).records == [record(0.0, 0.1, "a")]
        assert Report.read(path).ended_because == ""


def test_another_file_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("[1]\n")
    with pytest.raises(ValueError, match="not a report of the traffic client"):
        Report.read(tmp_path / "report")
