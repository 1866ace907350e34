# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests luma-proxy lets come to an app."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.host import docker
from tests.integration.conftest import Failed, Site, run_module


def answer(port: int, host: str, path: str = "/up", body: bytes | Iterable[bytes] | None = None) -> tuple[int, str]:
    """The status, and where a redirect leads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST" if body else "GET", path, body, {"Host": host})
    response = connection.getresponse()
    return response.status, response.headers.get("Location", "")


@pytest.mark.parametrize(("networks", "status"), [(["0.0.0.0/0"], 200), (["192.0.2.0/24", "2001:db8::/32"], 403)])
def test_only_who_is_allowed_comes_and_the_app_can_be_deployed(proxied: Site, networks: list[str], status: int) -> None:
    port = proxied.route(allow=networks)["http_port"]
    proxied.deploy()
    proxied.deploy(environment={"N": "2"})
    assert answer(port, proxied.host) == (status, "")


def test_a_body_has_to_be_as_small_as_is_said(proxied: Site) -> None:
    port = proxied.route(max_body=1000)["http_port"]
    proxied.deploy()
    sizes = {size: answer(port, proxied.host, "/upload", bytes(size))[0] for size in (1, 1000, 1001)}
    assert sizes == {1: 200, 1000: 200, 1001: 413}
    assert answer(port, proxied.host, "/upload", iter([b"a", b"b"]))[0] == 411


def test_a_name_leads_to_another(proxied: Site) -> None:
    www = f"www.{proxied.host}"
    port = proxied.route(hosts=[proxied.host, www], redirects={www: proxied.host})["http_port"]
    proxied.deploy()
    assert answer(port, proxied.host)[0] == 200
    assert answer(port, www.upper(), "/a?b=c") == (308, f"http://{proxied.host}:{port}/a?b=c")


def test_maintenance_lasts_over_deployments_until_it_is_ended(proxied: Site) -> None:
    port = proxied.route()["http_port"]
    proxied.deploy()
    begin = {**proxied.names, "state": "on"}
    assert run_module("maintenance", check=True, **begin)["changed"]
    assert answer(port, proxied.host)[0] == 200
    assert run_module("maintenance", **begin)["changed"]
    assert not run_module("maintenance", **begin)["changed"]
    assert answer(port, proxied.host)[0] == 503
    proxied.deploy(environment={"N": "2"})
    assert not proxied.route()["changed"]
    assert answer(port, proxied.host)[0] == 503
    run_module("maintenance", **begin, allow=["0.0.0.0/0"])
    assert answer(port, proxied.host)[0] == 200
    assert run_module("maintenance", **proxied.names, state="off")["changed"]
    assert answer(port, proxied.host)[0] == 200


def test_maintenance_of_what_is_not_there(proxied: Site) -> None:
    with pytest.raises(Failed, match=r"nobody is not routed on this host\. Nothing was changed\."):
        run_module("maintenance", project=proxied.project, app="nobody", state="on")
    with pytest.raises(Failed, match="Give addresses such as"):
        run_module("maintenance", **proxied.names, state="on", allow=["somewhere"])


def test_apps_share_a_name_by_their_paths(proxied: Site) -> None:
    def told(path: str, name: str = proxied.host) -> tuple[int, str | None, str | None]:
        """The status, the app that answers, and the prefix that it is told of. No app has other paths than /headers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        forged = {"X-Luma-Prefix": "/forged", "X-Forwarded-Prefix": "/forged"}
        connection.request("GET", path, headers={"Host": name, **forged})
        response = connection.getresponse()
        text = response.read()
        headers = json.loads(text) if response.status == 200 else {}
        return response.status, response.headers["X-Release"], headers.get("x-forwarded-prefix")

    wildcard = f"*.{proxied.host}"
    port = proxied.route(hosts=[proxied.host, wildcard])["http_port"]
    proxied.deploy(environment={"VERSION": "page"})
    api = Site(proxied.project, proxied=True, app="theapi")
    api.route(hosts=[proxied.host, wildcard], path_prefix=["/api", "/v1/x.y"])
    api.deploy(environment={"VERSION": "api"})
    longer = Site(proxied.project, proxied=True, app="longer")
    longer.route(hosts=[proxied.host], path_prefix=["/api/deep"], strip_path_prefix=False)
    longer.deploy(environment={"VERSION": "longer"})
    assert told("/headers?a=b") == (200, "page", None)
    assert told("/api/headers?a=b") == (200, "api", "/api")
    assert told("/v1/x.y/headers") == (200, "api", "/v1/x.y")
    assert told("/api/headers", f"www.{proxied.host}") == (200, "api", "/api")
    assert told("/apiary/headers") == (404, "page", None)
    # A prefix is taken away once, and only where that is wanted.
    assert told("/api/v1/x.y/headers") == (404, "api", None)
    assert told("/api/deep/headers") == (404, "longer", None)
    with pytest.raises(Failed, match=f"{proxied.host}/api is routed to app theapi"):
        Site(proxied.project, proxied=True, app="other").route(hosts=[proxied.host], path_prefix=["/api"])
    # A request that waits for a replica goes through the proxy twice.
    docker("kill", "theapi-blue")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(told, "/api/headers")
        docker("start", "theapi-blue")
        assert waiting.result() == (200, "api", "/api")
