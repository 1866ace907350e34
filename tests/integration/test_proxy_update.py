# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy is replaced: requests in flight are finished, nobody is refused, and a bad image changes nothing."""

from __future__ import annotations

import http.client
import json
import socket
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy import names
from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import COMMENT, Detour
from ansible_collections.luma.deploy.plugins.module_utils.proxy.ipv6 import listens_on_ipv6
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import Https
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.update import update_proxy
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.keys import app_key, pem_of, self_signed
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.access_log import NO_SERVER, request_of

from tests.host import (
    ACME_IMAGE,
    NEWER_PROXY_IMAGE,
    docker,
    free_port,
)
from tests.integration.conftest import Site
from tests.integration.own_proxy import OwnProxy, route_of
from tests.zero_loss.project import Traffic, wait_for


@pytest.fixture
def empty_image(tmp_path: Path) -> Iterator[str]:
    """An image without a file in it."""
    tarfile.open(tmp_path / "empty.tar", "w").close()
    yield docker("import", str(tmp_path / "empty.tar"), "luma-test/empty") and "luma-test/empty"
    docker("rmi", "luma-test/empty")


def test_the_proxy_is_replaced(
    site: Site, proxied: Site, own_proxy: OwnProxy, empty_image: str, tmp_path: Path
) -> None:
    site.deploy(environment={"VERSION": "r1"})
    https_port = free_port()
    proxy, route = own_proxy.of(bind="127.0.0.1", http_port=own_proxy.port, https_port=https_port), route_of(site)
    key = app_key(bytes(32), site.project, site.app, "ec256")
    proxy.place(replace(route, ssl=True), Https(pem_of(key), self_signed(key, [site.host])), check_mode=False)
    proxy.ensure(replace(route, ssl=True))
    wait_for(lambda: own_proxy.get(site.host) == 200, "the proxy does not find the app")
    assert not update_proxy(own_proxy.of()).changed

    with pytest.raises(LumaError, match=r"Could not start container .*-check"):
        update_proxy(own_proxy.of(image=empty_image))
    assert own_proxy.get(site.host) == 200

    port = free_port()
    assert update_proxy(own_proxy.of(http_port=port), check_mode=True).changed
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(own_proxy.get, site.host, "/slow?seconds=3")
        wait_for(lambda: own_proxy.in_flight(site) == 1, "the request does not arrive")
        done = update_proxy(own_proxy.of(http_port=port))
        assert slow.result() == 200
    assert (done.changed, done.cut, done.before["http_port"]) == (True, 0, own_proxy.port)
    # The servers' states went over: the first request finds the app, without waiting for the DNS.
    assert own_proxy.get(site.host, port=port) == 200
    assert not update_proxy(own_proxy.of()).changed

    # On the same ports, nobody notices.
    tls_folder = tmp_path / "tls"
    tls_folder.mkdir()
    with (
        Traffic(f"http://127.0.0.1:{port}", site.host, tmp_path) as plain,
        Traffic(f"https://127.0.0.1:{https_port}", site.host, tls_folder) as tls,
    ):
        done = update_proxy(own_proxy.of(image=NEWER_PROXY_IMAGE))
        reports = [plain.stop(), tls.stop()]
    assert (done.changed, done.gap_seconds, done.cut) == (True, 0, 0)
    assert [record for report in reports for record in report.records if record.failure] == []
    assert Detour().run(["iptables", "-w", "-t", "nat", "-S"]).count(COMMENT) == 0

    taken = proxied.route()["http_port"]
    with pytest.raises(LumaError, match="The earlier luma-proxy runs again"):
        update_proxy(own_proxy.of(http_port=taken))
    assert own_proxy.get(site.host, port=port) == 200


def test_an_update_brings_http3_where_the_image_can_do_it_and_metrics(site: Site, own_proxy: OwnProxy) -> None:
    site.deploy()
    https_port, route = free_port(), replace(route_of(site), ssl=True)
    proxy = own_proxy.of(bind="127.0.0.1", http_port=own_proxy.port, https_port=https_port)
    key = app_key(bytes(32), site.project, site.app, "ec256")
    proxy.place(route, Https(pem_of(key), self_signed(key, [site.host])), check_mode=False)
    proxy.ensure(route)

    def curl(*options: str) -> str:
        command = ["run", "--rm", "--network", "host", ACME_IMAGE, "curl", "--silent", "--insecure", *options]
        form = ["--write-out", " %{http_version} %{http_code} %header{alt-svc}", "--resolve"]
        return docker(*command, *form, f"{site.host}:{https_port}:127.0.0.1", f"https://{site.host}:{https_port}/up")

    wait_for(lambda: curl() == "healthy\n 2 200", "the proxy does not find the app")
    # This image has not all of it.
    metrics_port = free_port()
    assert update_proxy(own_proxy.of(http3=True, metrics=f"127.0.0.1:{metrics_port}")).changed
    assert curl() == "healthy\n 2 200"
    assert own_proxy.get("", "/metrics", metrics_port) == 200
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", metrics_port)):
        pass
    assert update_proxy(own_proxy.of(image=NEWER_PROXY_IMAGE, metrics="")).after["http3"]
    with pytest.raises(ConnectionRefusedError):
        own_proxy.get("", "/metrics", metrics_port)
    assert curl() == f'healthy\n 2 200 h3=":{https_port}"; ma=86400'
    assert curl("--http3-only").startswith("healthy\n 3 200")


def test_each_request_has_a_line(site: Site, own_proxy: OwnProxy) -> None:
    """Also one that has waited for a replica, for which it passes the proxy twice."""
    settings: dict[str, Any] = {"bind": "127.0.0.1", "http_port": own_proxy.port, "https_port": free_port()}
    own_proxy.of(access_log="json", **settings).ensure(replace(route_of(site), hold=60))
    with ThreadPoolExecutor() as pool:
        early = pool.submit(own_proxy.get, site.host, '/early?q="1"')
        haproxy = Haproxy(own_proxy.folder / "run")
        wait_for(lambda: haproxy.waiting(f"{site.project}:{site.app}") == 1, "the request does not wait")
        site.deploy()
        assert early.result() == 404
    assert own_proxy.get("unknown.example") == 404
    lines = docker("logs", names.CONTAINER).splitlines()
    held, unknown = (found for found in map(request_of, lines) if found)
    told = ("method", "host", "uri", "status", "backend", "server")
    backend = f"{site.project}:{site.app}"
    assert [held[name] for name in told] == ["GET", site.host, '/early?q="1"', 404, backend, f"{site.app}1"]
    assert held["queue_ms"] > 0
    assert [unknown[name] for name in told] == ["GET", "unknown.example", "/", 404, "unknown-host", NO_SERVER]

    assert update_proxy(own_proxy.of(access_log="text")).changed
    assert own_proxy.get(site.host, "/up") == 200
    assert docker("logs", names.CONTAINER).splitlines()[-1].endswith('"GET /up HTTP/1.1"')


@pytest.mark.skipif(not listens_on_ipv6("::1"), reason="this machine has no IPv6")
def test_visitors_by_ipv6_have_their_own_address(site: Site, own_proxy: OwnProxy) -> None:
    """Docker would show the address of its network's gateway."""
    site.deploy()
    proxy = own_proxy.of(bind="::1", http_port=own_proxy.port, https_port=free_port())
    assert proxy.ensure(route_of(site)).notes == []
    assert not proxy.ensure(route_of(site)).changed
    connection = http.client.HTTPConnection("::1", own_proxy.port, timeout=10)

    def headers() -> dict[str, str]:
        connection.request("GET", "/headers", headers={"Host": site.host})
        return dict(json.loads(connection.getresponse().read()))

    wait_for(lambda: headers().get("x-forwarded-for") == "::1", "the proxy does not find the app")
    assert headers()["x-real-ip"] == "::1"

    # Behind a load balancer that tells it in the PROXY protocol.
    update_proxy(own_proxy.of(proxy_protocol=True))
    with socket.create_connection(("::1", own_proxy.port)) as told:
        request = f"GET /headers HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n\r\n"
        told.sendall(b"PROXY TCP6 2001:db8::7 ::1 4000 80\r\n" + request.encode())
        answer = b"".join(iter(lambda: told.recv(65536), b""))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["x-forwarded-for"] == "2001:db8::7"


@pytest.mark.skipif(not listens_on_ipv6("::1"), reason="this machine has no IPv6")
def test_a_port_that_is_taken_for_ipv6_is_told_of(site: Site, own_proxy: OwnProxy) -> None:
    with socket.create_server(("::1", own_proxy.port), family=socket.AF_INET6):
        done = own_proxy.of(bind="::1", http_port=own_proxy.port, https_port=free_port()).ensure(route_of(site))
    assert "does not answer by IPv6" in done.notes[0]
