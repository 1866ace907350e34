# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two projects on one host, each with an app of the same name: both run, and one of them can be removed."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.host import APP, STATE, docker, proxy_configuration
from tests.integration.conftest import Failed, Site, run_module
from tests.series import published


@pytest.fixture
def sites(proxied: Site) -> Iterator[list[Site]]:
    other = Site(f"{proxied.project}-neighbor", proxied=True)
    other.route()
    yield [proxied, other]
    other.remove()


def ask(site: Site, port: int, path: str = "/") -> tuple[int, str]:
    """The status, and which release has answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": site.host})
    answer = connection.getresponse()
    return answer.status, answer.headers.get("X-Release", "")


def is_in_flight(site: Site, answer: Future[tuple[int, str]]) -> bool:
    """Wait until the proxy counts a request that has not been answered yet."""
    while not answer.done():
        (found,) = run_module("app_info", project=site.project, apps=[{"name": site.app, "proxied": True}])["apps"]
        if found["proxy"]["sessions"]:
            return True
    return False


def has_numbers(site: Site) -> bool:
    return any(f'project="{site.project}"' in name for name in published(STATE))


def test_both_are_deployed_at_once_and_one_is_removed(sites: list[Site]) -> None:
    volume = f"{sites[0].project}-data"
    options = {"volumes": [f"{volume}:/data"]}
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda site: site.prepare(environment={"VERSION": site.project}, **options), sites))
    names = {site.project: result["containers"][0]["name"] for site, result in zip(sites, made, strict=True)}
    # Who comes first has the name.
    first, second = sorted(sites, key=lambda site: names[site.project] != f"{APP}-blue")
    assert names == {first.project: f"{APP}-blue", second.project: f"{second.project}-{APP}-blue"}
    for site in sites:
        site.switch("blue")
    port = first.route()["http_port"]
    assert [ask(site, port) for site in sites] == [(200, site.project) for site in sites]
    assert second.deploy(environment={"VERSION": "2"}) == "green"
    assert second.containers() == [f"{second.project}-{APP}-green"]
    assert ask(second, port) == (200, "2")

    with pytest.raises(Failed, match=f"{APP} is not locked by this run"):
        run_module("app_remove", **second.names, run="another")
    planned = run_module("app_remove", check=True, **second.names)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(ask, second, port, "/slow?seconds=3")
        assert is_in_flight(second, slow)
        removed = run_module("app_remove", **second.names)
    assert removed["containers"] == planned["containers"] == [f"{second.project}-{APP}-green"]
    assert (removed["sessions"], removed["sessions_cut"], slow.result()) == (1, 0, (200, "2"))
    assert (second.containers(), ask(second, port)) == ([], (404, ""))
    assert second.host not in proxy_configuration()
    assert ask(first, port) == (200, first.project)
    assert {site.project: has_numbers(site) for site in sites} == {first.project: True, second.project: False}
    assert docker("volume", "ls", "--quiet", "--filter", f"name={volume}") == volume
    assert not run_module("app_remove", **second.names)["changed"]
    first.remove()
    docker("volume", "rm", volume)
