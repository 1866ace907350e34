# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everyday traffic between deployments: idle connections, quiet streams, large headers, a replica that restarts, names
that stand for several."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.host import APP, PREFIX, docker, proxy_configuration
from tests.integration.conftest import Site
from tests.integration.test_proxy import get
from tests.zero_loss.project import Traffic

IDLE_SECONDS = 1


@pytest.fixture(scope="module")
def busy(proxy_options: dict[str, Any]) -> Iterator[Site]:
    """An app that closes idle connections soon."""
    site = Site(f"{PREFIX}traffic", proxied=True)
    site.route(proxy=proxy_options)
    site.deploy(environment={"IDLE_SECONDS": str(IDLE_SECONDS)})
    yield site
    site.remove()


@pytest.fixture(scope="module")
def port(busy: Site) -> int:
    return int(busy.route()["http_port"])


def test_an_app_that_closes_idle_connections_costs_no_request(busy: Site, port: int, tmp_path: Path) -> None:
    clients = ("--idle=60", f"--idle-seconds={IDLE_SECONDS}", "--seconds=10")
    with Traffic(f"http://127.0.0.1:{port}", busy.host, tmp_path, *clients) as traffic:
        traffic.wait()
        records = [record for record in traffic.so_far().records if record.kind == "idle"]
    assert len(records) > 60
    assert [record.failure for record in records if record.failure] == []
    assert json.loads(get(port, busy.host, "/twice")[1]) == []


def test_an_answer_that_has_begun_may_be_silent_for_longer_than_one_that_has_not(busy: Site, port: int) -> None:
    # For this test alone: on a busy machine an answer may take as long.
    busy.route(response_timeout=0.7, stream_timeout=30)
    answer, body = get(port, busy.host, "/quiet?seconds=2")
    assert (answer.status, body.endswith(b"end of stream\n\n")) == (200, True)
    assert get(port, busy.host, "/slow?seconds=2")[0].status == 504
    busy.route()


def test_headers_of_64_kb_pass_in_both_directions(busy: Site, port: int) -> None:
    answer, body = get(port, busy.host, "/headers", Cookie="x" * 64000)
    assert (answer.status, len(json.loads(body)["cookie"])) == (200, 64000)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    http.client._MAXLINE = 1 << 17  # type: ignore[attr-defined]
    connection.request("GET", "/large?bytes=64000", headers={"Host": busy.host})
    large = connection.getresponse()
    assert (large.status, len(large.headers["X-Large"])) == (200, 64000)


def test_requests_wait_for_the_only_replica(busy: Site, port: int) -> None:
    with ThreadPoolExecutor() as pool:
        docker("kill", f"{APP}-blue")
        waiting = [pool.submit(get, port, busy.host, "/") for _number in range(5)]
        docker("start", f"{APP}-blue")
        assert [each.result()[0].status for each in waiting] == [200] * 5


def test_an_app_is_told_of_its_visitor(busy: Site, port: int) -> None:
    seen = json.loads(get(port, busy.host, "/headers", **{"X-Real-IP": "192.0.2.1"})[1])
    assert seen["x-real-ip"] == seen["x-forwarded-for"] != "192.0.2.1"
    assert seen["x-forwarded-port"] == str(port)
    assert seen["x-request-start"].startswith("t=")
    assert len(seen["x-request-id"]) == 36
    assert json.loads(get(port, busy.host, "/headers", **{"X-Request-ID": "mine"})[1])["x-request-id"] == "mine"


def test_names_that_stand_for_several(busy: Site, port: int) -> None:
    def release(host: str) -> str | None:
        return get(port, host)[0].headers["X-Color"]

    others = [busy.host, f"*.{busy.host}"]
    busy.route(hosts=others)
    assert release(f"Any.{busy.host}:80") == "blue"
    assert (release(busy.host), release(f"a.b.{busy.host}"), release("203.0.113.7")) == ("blue", None, None)
    busy.route(hosts=[*others, "*"])
    assert (release("203.0.113.7"), release("[2001:db8::1]:8080"), release(f"a.b.{busy.host}")) == ("blue",) * 3
    with socket.create_connection(("127.0.0.1", port)) as without_host:
        without_host.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"x-color: blue" in without_host.recv(4096).lower()
    specific = Site(busy.project, app="specific")
    specific.route(hosts=[f"specific.{busy.host}"], hold=0)
    assert get(port, f"specific.{busy.host}")[0].status == 503
    assert "regsub" in proxy_configuration()
