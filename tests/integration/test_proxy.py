# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy on a real engine: routing, its answers of its own, its privileges, and that apps do not disturb others."""

from __future__ import annotations

import http.client
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy

from tests.host import APP, PROXY_FOLDER, docker, proxy_configuration
from tests.integration.conftest import Failed, Site
from tests.zero_loss.project import Traffic, wait_for


def get(port: int, host: str, path: str = "/", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    return answer, answer.read()


@pytest.fixture
def port(proxied: Site) -> int:
    return int(proxied.route()["http_port"])


def test_a_second_run_changes_nothing(proxied: Site) -> None:
    again = proxied.route()
    assert (again["changed"], again["report"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]


def test_check_mode_shows_the_configuration_and_loads_nothing(proxied: Site) -> None:
    planned = proxied.route(response_timeout=7, check=True)
    assert planned["changed"]
    assert "timeout server 7000ms" in planned["diff"]["after"]
    assert "timeout server 7000ms" not in proxy_configuration()


def test_a_color_is_prepared_and_routed_in_one_call(proxied: Site, port: int) -> None:
    route = {"hosts": [proxied.host], "app_port": 3000, "response_timeout": 9}
    planned = proxied.prepare(route=route, check=True)
    prepared = proxied.prepare(route=route)
    assert (planned["changed"], planned["color"], planned["route"]["reloaded"]) == (True, "blue", True)
    assert "timeout server 9000ms" in planned["diff"][0]["after"]
    assert (prepared["changed"], prepared["color"], prepared["route"]["reloaded"]) == (True, "blue", False)
    with ThreadPoolExecutor() as pool:
        early = pool.submit(get, port, proxied.host)
        backend = f"{proxied.project}:{proxied.app}"
        wait_for(lambda: Haproxy(PROXY_FOLDER / "run").waiting(backend) == 1, "a request does not wait for a replica")
        switched = proxied.switch("blue", route=route)
        assert early.result()[0].status == 200
    assert switched["report"][-1] == "luma-proxy loaded its new configuration"
    assert "timeout server 9000ms" in proxy_configuration()
    assert get(port, proxied.host)[0].status == 200
    again = proxied.prepare(route=route)
    assert (again["changed"], again["settled"]) == (False, True)


@pytest.mark.parametrize("form", [str, str.upper, "{}:8080".format], ids=["exact", "upper case", "with port"])
def test_the_host_header_chooses_the_app(proxied: Site, port: int, form: Any) -> None:
    proxied.deploy(environment={"VERSION": "r7"})
    answer, body = get(port, form(proxied.host))
    assert (answer.status, body, answer.headers["X-Release"]) == (200, b"hello\n", "r7")


def test_an_unknown_host_is_404(proxied: Site, port: int) -> None:
    assert get(port, "unknown.example")[0].status == 404
    assert get(port, "x" + proxied.host)[0].status == 404


def test_nothing_healthy_is_503_and_says_when_to_come_back(proxied: Site, port: int) -> None:
    proxied.route(hold=0.3)
    answer, _body = get(port, proxied.host)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_dead_replica_is_taken_out_and_comes_back(proxied: Site, port: int) -> None:
    proxied.route(hold=0)
    proxied.deploy()
    assert get(port, proxied.host)[0].status == 200
    docker("kill", f"{APP}-blue")
    wait_for(lambda: get(port, proxied.host)[0].status == 503, "a dead replica is still served")
    docker("start", f"{APP}-blue")
    wait_for(lambda: get(port, proxied.host)[0].status == 200, "a replica that is back is not served")


@pytest.mark.parametrize("trusted", [False, True])
def test_forwarded_headers(proxied: Site, port: int, trusted: bool) -> None:
    proxied.deploy()
    proxied.route(forward_headers=trusted)
    claimed = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "front.example"}
    seen = json.loads(get(port, proxied.host, "/headers", **claimed)[1])
    assert seen["host"] == proxied.host
    expected = ("https", "front.example") if trusted else ("http", proxied.host)
    assert (seen["x-forwarded-proto"], seen["x-forwarded-host"]) == expected
    assert ("192.0.2.7" in seen["x-forwarded-for"]) is trusted


def test_response_timeout_is_504(proxied: Site, port: int) -> None:
    proxied.deploy()
    proxied.route(response_timeout=0.5)
    assert get(port, proxied.host, "/slow?seconds=3")[0].status == 504


def test_the_slot_is_told_only_to_those_who_ask(proxied: Site, port: int) -> None:
    proxied.deploy()
    assert get(port, proxied.host)[0].headers["X-Luma-Server"] is None
    assert get(port, proxied.host, **{"X-Luma-Probe": "1"})[0].headers["X-Luma-Server"].startswith(APP)


def test_it_has_no_privileges(proxied: Site) -> None:
    made = proxied.inspect("luma-proxy")
    assert made["HostConfig"]["CapDrop"] == ["ALL"]
    assert made["HostConfig"]["ReadonlyRootfs"]
    pid = made["State"]["Pid"]
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert status["Uid"].split() == ["99"] * 4
    assert int(status["CapEff"], 16) == 0


def test_its_sockets_are_root_s_alone(proxied: Site) -> None:
    assert stat.S_IMODE(PROXY_FOLDER.stat().st_mode) == 0o700
    assert PROXY_FOLDER.stat().st_uid == 0
    for name in ("admin.sock", "master.sock", "check.sock"):
        assert stat.S_IMODE((PROXY_FOLDER / "run" / name).stat().st_mode) == 0o600


def test_other_ports_are_told_of_and_not_applied(proxied: Site, port: int) -> None:
    again = proxied.route(proxy={"http_port": port + 1})
    assert again["http_port"] == port
    assert f"has http_port {port}" in again["report"][0]
    assert not again["changed"]


def test_a_host_name_belongs_to_one_app(proxied: Site) -> None:
    with pytest.raises(Failed, match=f"is routed to app {APP} of project"):
        Site(proxied.project, app="other").route(hosts=[proxied.host.upper()])


def test_a_configuration_that_haproxy_refuses_is_not_loaded(proxied: Site, port: int) -> None:
    proxied.deploy()
    before = proxy_configuration()
    with pytest.raises(Failed, match="refuses the new configuration"):
        proxied.route(health_check={"path": "/up", "host": "two words"})
    assert proxy_configuration() == before
    assert not proxied.route()["changed"]
    assert get(port, proxied.host)[0].status == 200


def test_another_project_s_arrival_disturbs_nobody(proxied: Site, port: int, tmp_path: Path) -> None:
    proxied.deploy(replicas=2)
    other = Site(proxied.project + "x", proxied=True)
    try:
        with Traffic(f"http://127.0.0.1:{port}", proxied.host, tmp_path) as traffic:
            other.route()
            other.deploy(environment={"VERSION": "other"})
            report = traffic.stop()
        assert get(port, other.host)[0].headers["X-Release"] == "other"
    finally:
        other.remove()
    assert [record.failure for record in report.records if record.failure] == []


def test_a_client_that_idles_through_a_reload_and_a_switch_gets_the_new_release(proxied: Site, port: int) -> None:
    """Its connection stays with the worker that the reload replaced, which never learns of the new color. The drain
    does not wait for it: that worker hands the next request to its successor."""
    proxied.deploy(environment={"VERSION": "r1", "ON_SIGTERM": "die"})
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("GET", "/", headers={"Host": proxied.host})
    client.getresponse().read()
    first = client.sock
    proxied.route(response_timeout=29)
    proxied.deploy(environment={"VERSION": "r2"})
    assert proxied.containers() == [f"{APP}-green"]
    client.request("GET", "/", headers={"Host": proxied.host})
    assert client.sock is first
    answer = client.getresponse()
    assert (answer.status, answer.headers["Connection"], answer.headers["X-Release"]) == (200, "close", "r2")
