# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A visitor stays with one replica, as long as the color serves."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import docker
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings

from tests import host
from tests.host import PROXY_FOLDER
from tests.integration.conftest import Site
from tests.integration.test_commit import both_in_the_proxy


class Answer(NamedTuple):
    """Who answered, and whether the visitor was given another cookie."""

    slot: str
    release: str
    new_cookie: bool


class Visitor:
    """One browser: it keeps the cookie that it was given."""

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        self.host = host
        self.cookie = ""

    def visit(self, path: str = "/") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Host": self.host, "X-Luma-Probe": "1", "Cookie": self.cookie})
        answer = connection.getresponse()
        assert answer.status == 200
        given = answer.headers.get_all("Set-Cookie", [])
        assert len(given) <= 1
        self.cookie = given[0].partition(";")[0] if given else self.cookie
        return Answer(answer.headers["X-Luma-Server"] or "", answer.headers["X-Release"], bool(given))


def test_a_visitor_stays_with_a_replica_until_the_next_release(proxied: Site) -> None:
    port = proxied.route(sticky=True)["http_port"]
    route = {"hosts": [proxied.host], "app_port": 3000, "sticky": True}
    proxied.deploy(replicas=2, environment={"VERSION": "old"})
    visitors = [Visitor(port, proxied.host) for _each in range(8)]

    def all_stay(release: str) -> bool:
        """Nobody gets another cookie, and one cookie is one replica, of two."""
        answers = [visitor.visit() for visitor in visitors]
        replicas = {(visitor.cookie, answer.slot) for visitor, answer in zip(visitors, answers, strict=True)}
        assert {answer.release for answer in answers} == {release}
        assert len(replicas) == len({cookie for cookie, _slot in replicas}) == 2
        return not any(answer.new_cookie for answer in answers)

    assert not all_stay("old")
    assert all_stay("old")
    # Neither a color that is being prepared nor a reload of the proxy changes anything of it.
    prepared = proxied.prepare(replicas=2, environment={"VERSION": "new"})
    proxied.route(sticky=True, stream_timeout=60)
    assert all_stay("old")

    # An answer that was under way leads nobody to the old color.
    late = Visitor(port, proxied.host)
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(late.visit, "/slow?seconds=4")
        assert all_stay("old")
        proxied.switch(prepared["color"], route={**route, "stream_timeout": 60})
        assert not all_stay("new")
        assert under_way.result().release == "old"
    assert late.cookie.endswith("=")
    assert late.visit().release == "new"
    proxied.retire(prepared["other"])
    proxied.route(sticky=True, stream_timeout=90)
    assert all_stay("new")


def test_no_cookie_leads_to_the_old_color_from_the_commit_on(proxied: Site) -> None:
    port = proxied.route(sticky=True)["http_port"]
    haproxy, slots = both_in_the_proxy(proxied)
    visitor, backend = Visitor(port, proxied.host), f"{proxied.project}:{proxied.app}"
    assert [visitor.visit().release for _twice in range(2)] == ["blue", "blue"]
    key = Proxy(Engine(docker.APIClient()), ProxySettings(), PROXY_FOLDER).change_sticky_key(backend)
    haproxy.commit(backend, [slots["green"].name], [slots["blue"].name], key)
    assert [visitor.visit().release for _twice in range(2)] == ["green", "green"]
    # What is on disk is what the proxy has: no reload is due.
    assert not proxied.route(sticky=True)["changed"]


def test_a_visitor_whose_replica_is_gone_gets_another_one(proxied: Site) -> None:
    port = proxied.route(sticky=True)["http_port"]
    color = proxied.deploy(replicas=2)
    visitor = Visitor(port, proxied.host)
    first = visitor.visit()
    one, other = (f"{proxied.app}-{color}-{number}" for number in (1, 2))
    host.docker("kill", one)
    while_one_is_gone = visitor.visit()
    host.docker("kill", other)
    # It waits for a replica.
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(visitor.visit)
        host.docker("start", one)
        assert waiting.result().release == first.release
    assert while_one_is_gone.release == first.release
    visitor.visit()
    assert not visitor.visit().new_cookie
