# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small parts: published ports, slots, routes, listeners, the words of a failed health check."""

from __future__ import annotations

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import fixed_host_port, port_bindings
from ansible_collections.luma.deploy.plugins.module_utils.host.listeners import Listener, parse_listeners
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import short_id
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Session, addresses_first, parse_sessions
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import render_config, render_maps
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route, example_of, slots_for
from ansible_collections.luma.deploy.plugins.module_utils.release.health import (
    HealthCheck,
    Probe,
    advice,
    failure_text,
    out_of_memory,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.wanted import Wanted

FAILURE = {
    "container": "blog-green-1",
    "oom_killed": False,
    "exit_code": None,
    "probe": "GET http://10.0.0.2:3000/up with Host blog.com: Connection refused",
    "expected_port": 3000,
    "listening_ports": [],
    "loopback_ports": [],
    "advice": ["Let it listen."],
    "logs": ["listening"],
}


@pytest.mark.parametrize(
    ("port", "container", "binding"),
    [
        ("3000", "3000/tcp", {"HostIp": "", "HostPort": ""}),
        ("8080:3000", "3000/tcp", {"HostIp": "", "HostPort": "8080"}),
        ("127.0.0.1:8080:3000", "3000/tcp", {"HostIp": "127.0.0.1", "HostPort": "8080"}),
        ("127.0.0.1::3000", "3000/tcp", {"HostIp": "127.0.0.1", "HostPort": ""}),
        ("[::1]:8080-8083:3000/udp", "3000/udp", {"HostIp": "::1", "HostPort": "8080-8083"}),
    ],
)
def test_published_ports(port: str, container: str, binding: dict[str, str]) -> None:
    assert port_bindings([port]) == {container: [binding]}


@pytest.mark.parametrize(
    ("port", "fixed"), [("3000", False), ("8080:3000", True), ("8080-8083:3000", False), ("0:3000", False)]
)
def test_only_a_single_host_port_is_fixed(port: str, fixed: bool) -> None:
    assert fixed_host_port(port) is fixed


def test_an_image_id_is_shown_as_docker_does() -> None:
    assert short_id("sha256:3f2a9c81d0b7aaaaaaaa") == "3f2a9c81d0b7"


def test_the_configuration_has_one_hash_and_another_one_after_a_change() -> None:
    assert (
        Wanted("a", environment={"A": "1", "B": "2"}).config_hash
        == Wanted("a", environment={"B": "2", "A": "1"}).config_hash
    )
    assert Wanted("a", environment={"A": "1"}).config_hash != Wanted("a", environment={"A": "2"}).config_hash
    assert Wanted("a", replicas=1).config_hash == Wanted("a", replicas=2).config_hash


@pytest.mark.parametrize(("replicas", "slots"), [(1, 8), (4, 8), (5, 16), (20, 64)])
def test_both_colors_have_slots(replicas: int, slots: int) -> None:
    assert slots_for(replicas) == slots


def test_routes_are_written_in_one_order() -> None:
    blog = Route("shop", "blog", "shop-network", ("Blog.com", "www.blog.com"))
    web = Route("other", "web", "other-network", ("web.com",))
    assert render_maps([blog, web])["hosts.map"] == "web.com other:web\nblog.com shop:blog\nwww.blog.com shop:blog\n"
    assert render_config([blog, web]) == render_config([web, blog])
    assert render_maps([blog, web])["paths.map"] == ""
    assert "server-template blog 8 blog.shop-network:80" in render_config([blog])


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0B00007F:9C41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 0200000A:0BB8 0300000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
"""
TABLE_6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000000000000:11D7 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
"""


def test_listeners_are_those_of_the_app() -> None:
    assert list(parse_listeners(TABLE)) == [Listener(8080, True), Listener(3000, False)]
    assert list(parse_listeners(TABLE_6)) == [Listener(4567, False, ipv6=True), Listener(8080, True, ipv6=True)]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"exit_code": 3}, "It exited with code 3."),
        ({"logs": []}, "It logged nothing."),
        ({}, "Last probe: GET http://10.0.0.2:3000/up with Host blog.com: Connection refused.\nLet it listen.\n"),
        ({}, "Last 1 log lines:\n  listening"),
    ],
)
def test_a_failed_replica_says_why(facts: dict[str, object], words: str) -> None:
    assert words in failure_text({**FAILURE, **facts})


def test_what_has_exited_is_not_said_to_run() -> None:
    assert "running" not in failure_text({**FAILURE, "exit_code": 3, "probe": "it is running"})


CHECK = HealthCheck("http", port=3000, path="/up?deep=1", host="blog.com", start_period=5)
REFUSED = Probe(False, "Connection refused", refused=True)
SILENT = Probe(False, "timed out")
HERE = Listener(3000, False)
HERE_6 = Listener(3000, False, ipv6=True)
ELSEWHERE = Listener(8080, False)


def answer(status: int, location: str = "") -> Probe:
    return Probe(False, "it answered", status, location)


@pytest.mark.parametrize(
    ("last", "heard", "words"),
    [
        (REFUSED, [ELSEWHERE], "It listens on port 8080, but app_port is 3000: set proxy.app_port"),
        (REFUSED, [Listener(3000, True), ELSEWHERE], "It listens on port 3000 of 127.0.0.1 only: let it listen on 0.0"),
        (REFUSED, [Listener(3000, True, ipv6=True)], "It listens on port 3000 of 127.0.0.1 only"),
        (REFUSED, [HERE_6, ELSEWHERE], "It listens on port 3000 of IPv6 only: let it listen on 0.0.0.0."),
        (REFUSED, [], "If it takes that long to start, raise health_check.start_period (now 5 s)."),
        (REFUSED, [Listener(9229, True)], "listens on no port yet"),
        (answer(301, "https://blog.com/up"), [HERE], "Let /up answer without a redirect. Rails: config.ssl"),
        (answer(301, "https://blog.com/up"), [HERE], 'r.path == "/up"'),
        (answer(301, "https://blog.com/up"), [HERE], 'Django: SECURE_REDIRECT_EXEMPT = [r"^up$"].'),
        (answer(302, "/login"), [HERE], "Set health_check.path to a path that answers by itself"),
        (answer(400), [HERE], "ALLOWED_HOSTS, Rails: config.hosts), set health_check.host to one of them."),
        (answer(404), [HERE], "Set health_check.path to a path that the app has for the host blog.com"),
    ],
)
def test_a_failed_check_says_what_to_do(last: Probe, heard: list[Listener], words: str) -> None:
    (said,) = advice(CHECK, last, heard)
    assert words in said


@pytest.mark.parametrize(
    ("last", "heard"),
    [
        (REFUSED, [HERE]),  # It has begun to listen a moment ago.
        (REFUSED, None),  # What it listens on cannot be seen.
        (SILENT, [HERE_6]),  # A listener of both.
        (SILENT, []),
        (answer(503), [HERE_6, ELSEWHERE]),
    ],
)
def test_nothing_is_advised_where_the_reason_is_not_known(last: Probe, heard: list[Listener] | None) -> None:
    assert advice(CHECK, last, heard) == []
    assert advice(HealthCheck("running"), last, heard) == []


@pytest.mark.parametrize(
    ("limit", "words"),
    [(0, "It has no limit of its own (memory)"), (128 * 2**20, "at its limit of 128 MB: raise memory")],
)
def test_a_lack_of_memory_is_told_with_the_limit(limit: int, words: str) -> None:
    (said,) = out_of_memory(limit)
    assert words in said


def test_slots_with_an_address_come_first_when_their_state_goes_over() -> None:
    before = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state
3 shop:blog 1 blog1 - 0
3 shop:blog 2 blog2 - 8
3 shop:blog 3 blog3 10.0.0.3 2
3 shop:blog 4 hold - 2
4 shop:web 1 web1 - 0
4 shop:web 2 web2 10.0.0.4 2
"""
    assert (
        addresses_first(before)
        == """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state
3 shop:blog 1 blog1 10.0.0.3 2
3 shop:blog 2 blog2 - 0
3 shop:blog 3 blog3 - 8
3 shop:blog 4 hold - 2
4 shop:web 1 web1 10.0.0.4 2
4 shop:web 2 web2 - 0
"""
    )


SESSIONS = """\
0x7f01: proto=tcpv4 src=172.18.0.1:39406 fe=http be=shop:blog srv=blog1 ts=00 epoch=0 age=1s calls=3 rate=1 cpu=0 \
lat=0 rq[f=1840000h,i=0,an=8000h,ax=] rp[f=80000000h,i=0,an=1400000h,ax=] scf=[8,482h,fd=14,rex=,wex=] exp=28s rc=0
0x7f02: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 lat=0 \
rq[f=848000h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] scf=[8,0h,fd=23,rex=10s,wex=] exp=10s rc=0
0x7f03: proto=tcpv4 src=172.18.0.1:39422 fe=http be=shop:blog srv=blog2 ts=00 epoch=0 age=1s calls=4 rate=0 cpu=0 \
lat=0 rq[f=1840000h,i=0,an=8000h,ax=] rp[f=80040101h,i=0,an=4000000h,ax=] scf=[8,482h,fd=16,rex=,wex=] exp=29s rc=0
0x7f04: proto=tcpv4 src=172.18.0.1:39428 fe=http be=shop:blog srv=blog2 ts=00 epoch=0 age=1s calls=4 rate=1 cpu=0 \
lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] scf=[8,1400h,fd=17,rex=59s,wex=] exp=29s rc=0
"""


def test_a_request_that_waits_is_told_from_a_stream_and_a_websocket() -> None:
    """As HAProxy 3.0 and 3.2 say it of a request, the command itself, an event stream and a websocket."""
    found = {session.id: session for session in parse_sessions(SESSIONS, "7")}
    assert found["0x7f01"] == Session("7", "0x7f01", "shop:blog", "blog1", begun=False)
    assert found["0x7f02"].slot == "<none>"
    assert [found[number].begun for number in ("0x7f03", "0x7f04")] == [True, True]


def test_patterns_of_names_cost_nothing_where_no_route_has_one() -> None:
    assert "regsub" not in render_config([Route("shop", "blog", "n", ("blog.com", "*"))])
    assert "regsub" in render_config([Route("shop", "blog", "n", ("blog.com", "*.blog.com"))])


def test_all_apps_share_the_longest_keep_alive() -> None:
    routes = [Route("shop", name, "n", (name,), keep_alive=seconds) for name, seconds in (("a", 75), ("b", 620))]
    assert "timeout http-keep-alive 620000ms" in render_config(routes)


@pytest.mark.parametrize(
    ("host", "example"), [("blog.com", "blog.com"), ("*.blog.com", "www.blog.com"), ("*", "localhost")]
)
def test_a_pattern_has_a_name_to_ask_for(host: str, example: str) -> None:
    assert example_of(host) == example


@pytest.mark.parametrize(
    ("hosts", "check_host", "name"),
    [
        (("a.b", "C.d"), "c.d", "c.d"),
        (("*.blog.com",), "shop.blog.com", "shop.blog.com"),
        (("*.blog.com",), "blog.com", "www.blog.com"),
        (("a.b",), "internal", "a.b"),
    ],
)
def test_a_route_is_asked_by_the_name_of_its_health_check(hosts: tuple[str, ...], check_host: str, name: str) -> None:
    assert Route("shop", "blog", "shop-network", hosts, check_host=check_host).name == name
