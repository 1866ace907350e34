# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe starts and ends a real client, and tells in one line what it saw."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.action import probe
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import Record, Report

SLOTS = {"blog1": "blue", "blog2": "green"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        good = self.path == "/up" and self.headers["Host"] == "blog.localhost"
        good = good or (self.path == "/private" and self.headers["Authorization"] == "Basic YW5uOmE6Yg==")
        self.send_response(200 if good else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    # All of the probe's clients connect at once, and those of new connections again and again.
    request_queue_size = 128


@pytest.fixture
def url() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def start(url: str, **others: Any) -> dict[str, Any]:
    return probe.start(
        {"url": url, "host": "blog.localhost", "path": "/up", "max_seconds": 60, "proxy_protocol": False}
        | {"basic_auth": [], "luma_file": None, **others}
    )


def report_of(*records: Record) -> Report:
    return Report(pid=1, started=0.0, records=list(records), ended_because="asked to")


def record(sent: float, server: str, failure: str = "") -> Record:
    return Record("keep-alive", sent, sent, sent + 0.001, server=server, failure=failure)


def test_start_and_stop(url: str) -> None:
    result = probe.results(probe.stop(Path(start(url)["report_file"]), min_seconds=0.5), SLOTS)
    assert result["requests"] > 0
    assert result["failed_requests"] == 0
    assert "failed" not in result
    assert result["report"][0].startswith(f"Probe: {result['requests']:,} requests, 0 failed, longest ")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc shows command lines")
def test_the_requests_have_a_login_that_is_on_no_command_line(url: str, tmp_path: Path) -> None:
    (tmp_path / ".luma").mkdir()
    (tmp_path / ".luma/secrets").write_text("LOGIN='ann:a:b\neve:x'\n")
    started = start(url, path="/private", basic_auth=["LOGIN"], luma_file=str(tmp_path / "luma.yml"))
    assert "ann" not in Path(f"/proc/{started['pid']}/cmdline").read_text()
    assert probe.results(probe.stop(Path(started["report_file"]), 0.2), {}).get("msg") is None


def test_stop_right_after_start_still_has_traffic(url: str) -> None:
    report = probe.stop(Path(start(url)["report_file"]), min_seconds=0)
    assert report.ended_because == "asked to"


def test_a_client_that_ended_by_itself_has_not_seen_all(url: str) -> None:
    started = start(url, max_seconds=0.2)
    report = probe.stop(Path(started["report_file"]), min_seconds=1)
    _line, warning = probe.results(report, SLOTS)["report"]
    assert warning == "⚠️ The probe ended before the deployment: its 0.2 s were over"


def test_lost_requests_fail_the_task(url: str) -> None:
    started = start(url, host="unknown.localhost")
    result = probe.results(probe.stop(Path(started["report_file"]), min_seconds=0.5), SLOTS)
    assert result["failed"]
    assert "keep-alive request after 0.00 s: HTTP 404" in result["msg"]


def test_a_client_that_was_killed_is_no_success(url: str) -> None:
    started = start(url)
    os.kill(started["pid"], signal.SIGKILL)
    with pytest.raises(AnsibleActionFail, match=r"The probe has left no report|did not end as it should"):
        probe.stop(Path(started["report_file"]), min_seconds=1)


def test_a_client_that_cannot_start_says_why(url: str) -> None:
    started = start(url, max_seconds="soon")
    with pytest.raises(AnsibleActionFail, match=r"no report: .*argument --seconds: invalid float value: 'soon'"):
        probe.stop(Path(started["report_file"]), min_seconds=1)


@pytest.mark.parametrize("url", ["blog.localhost", "ftp://blog.localhost", "http://"])
def test_an_address_is_needed(url: str) -> None:
    with pytest.raises(AnsibleActionFail, match=r"an address such as http://127\.0\.0\.1:8080 is needed"):
        start(url)


def test_the_line_tells_the_handover() -> None:
    records = [record(n / 1000, server) for n, server in enumerate(["blog1", "blog1", "other", "blog2"])]
    result = probe.results(report_of(*records), SLOTS)
    assert result["report"] == ["Probe: 4 requests, 0 failed, longest 1 ms, last blue → first green 2.0 ms"]
    assert result["handovers"][0]["stale"] == 0


def test_the_line_tells_that_an_app_was_not_served_before() -> None:
    records = [record(0, "", "HTTP 404"), record(1, "", "HTTP 503"), record(2, "blog1"), record(3, "blog1")]
    result = probe.results(report_of(*records), SLOTS)
    assert result["report"] == [
        "Probe: 2 requests, 0 failed, longest 1 ms, not served before: 2 earlier requests not counted"
    ]


def test_losses_are_told_by_kind() -> None:
    records = [
        record(0, "blog1"),
        record(1, "", "HTTP 503"),
        record(2, "", "connection closed without an answer"),
    ]
    assert probe.results(report_of(*records), SLOTS)["msg"] == (
        "2 of 3 requests were lost (2 keep-alive). The first: keep-alive request after 1.00 s: HTTP 503; "
        "keep-alive request after 2.00 s: connection closed without an answer"
    )
