# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests luma-proxy lets come to an app."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.logins import digest

from tests.host import PROXY_FOLDER, docker
from tests.integration.conftest import Failed, Site, run_module
from tests.zero_loss.project import wait_for


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


def test_who_has_no_login_is_asked_for_one(proxied: Site) -> None:
    def told(login: str | None) -> tuple[int, str | None]:
        headers = {"Host": proxied.host}
        if login is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        return response.status, response.headers["WWW-Authenticate"]

    backend = f"{proxied.project}:{proxied.app}"
    logins = [digest(backend, "ann:a:b c"), digest(backend, "zoë:pass"), digest("other:app", "eve:pass")]
    port = proxied.route(logins=logins)["http_port"]
    proxied.deploy()
    asked = (401, f'Basic realm="{proxied.app}"')
    assert [told(login) for login in ("ann:a:b c", "zoë:pass")] == [(200, None)] * 2
    assert [told(login) for login in (None, "ann:", "ann:a", "eve:pass", ":", "nonsense")] == [asked] * 6
    assert not [line for line in proxied.route(logins=logins)["diff"]["after"].splitlines() if logins[0] in line]
    # The next release is healthy, and a password that is taken away no longer counts.
    proxied.route(logins=logins[1:])
    proxied.deploy(environment={"N": "2"})
    assert (told("ann:a:b c"), told("zoë:pass")) == (asked, (200, None))


def test_the_proxy_sends_pages_of_the_app(proxied: Site) -> None:
    def page(path: str = "/", body: bytes | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST" if body else "GET", path, body, {"Host": proxied.host})
        response = connection.getresponse()
        text = response.read().decode()
        assert response.headers["Content-Type"] == "text/html" or response.status == 200
        return response.status, text

    pages = {"413": '<h1>Too "large"\n$HOME</h1>', "5xx": "<h1>Sorry</h1>" + "x" * 65000}
    port = proxied.route(error_pages=pages, max_body=10, hold=0)["http_port"]
    color = proxied.deploy()
    assert page("/upload", b"0123456789")[0] == 200
    assert page("/upload", b"0123456789+") == (413, pages["413"])
    begin = {**proxied.names, "state": "on"}
    run_module("maintenance", **begin)
    assert "Back soon" in page()[1]
    proxied.route(error_pages={**pages, "maintenance": "<h1>Paint</h1>"}, max_body=10, hold=0)
    assert page() == (503, "<h1>Paint</h1>")
    run_module("maintenance", **{**begin, "state": "off"})
    docker("kill", f"{proxied.app}-{color}")
    wait_for(lambda: page()[0] == 503, "the replica still answers")
    assert page() == (503, pages["5xx"])
    folder = PROXY_FOLDER / "etc/pages"
    assert len(list(folder.iterdir())) == 3
    proxied.route(max_body=10, hold=0)
    assert list(folder.iterdir()) == []


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
    # A proxy that an earlier luma has made has no such map.
    (PROXY_FOLDER / "etc/paths.map").unlink()
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
