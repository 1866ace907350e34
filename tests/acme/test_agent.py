# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ACME agent against a CA, a DNS and HAProxy, as they are."""

from __future__ import annotations

import contextlib
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acme.dns_bridge import BRIDGE, IMAGE, PORT
from tests.acme.world import BACKEND, EAB, PREFIX, Fleet, Host, World, run, wait_for
from tests.host import docker

#: Longer than a test: then only the first host orders.
LONG = 3600.0


def await_same(hosts: list[Host]) -> str:
    """All hosts serve a certificate of the CA, and the same one."""
    serials = {host.await_serial() for host in hosts}
    assert len(serials) == 1, serials
    return serials.pop()


@pytest.fixture(scope="module")
def fleets(world: World) -> dict[str, Fleet]:
    """Those that need time: meanwhile the first tests run. lego tries for half a minute to reach a CA that is away."""
    made = {
        "away": Fleet(world, "away", ["away.test"], more={"directory": "https://away.ca/dir"}),
        "three": Fleet(world, "three", ["three.test"], size=3, slot=LONG),
        "ari": Fleet(world, "ari", ["main.ari.test", "a.ari.test"], size=2, slot=LONG),
        "renew": Fleet(world, "renew", ["renew.test"]),
    }
    world.point("away.ca", world.dns)
    with ThreadPoolExecutor() as pool:
        list(pool.map(Fleet.start, made.values()))
    return made


def test_one_host_gets_a_certificate_for_two_names(world: World, fleets: dict[str, Fleet]) -> None:
    fleet = Fleet(world, "one", ["one.test", "www.one.test"])
    fleet.start()
    (host,) = fleet.hosts
    before = host.get("http://one.test/")
    assert (before, host.serial()) == ("1.1 200", "")
    assert host.await_serial() in world.issued()
    assert host.names() == {"one.test", "www.one.test"}
    wait_for(lambda: host.get("http://www.one.test/") == "1.1 302", host.log)
    assert host.get("https://one.test/") == "2 200"
    assert host.get("https://one.test/", "--tls-max", "1.1") == "0 000"
    kept = (host.folder / "certs").iterdir()
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}
    state = wait_for(lambda: host.state() if host.state().get("source") else None, host.log)
    assert (state["serial"].lower(), state["last_error"], state["next_try"]) == (host.serial(), "", None)


def test_three_hosts_behind_one_name_make_one_order(world: World, fleets: dict[str, Fleet]) -> None:
    fleet = fleets["three"]
    await_same(fleet.hosts)
    assert world.orders("three.test") == 1
    sources = ["ca", "peer", "peer"]
    wait_for(
        lambda: [str(host.state().get("source")).split()[0] for host in fleet.hosts] == sources,
        lambda: str([host.state() for host in fleet.hosts]),
    )

    added = fleet.add()
    gone = fleet.hosts[1]
    gone.rebuild()
    assert await_same([added, gone]) == fleet.hosts[0].serial()
    assert world.orders("three.test") == 1


def test_another_host_orders_where_the_issuer_dies_in_between(world: World) -> None:
    fleet = Fleet(world, "dies", ["dies.test"], size=2, slot=4.0)
    fleet.start()
    first, second = fleet.hosts
    wait_for(lambda: world.orders("dies.test"), first.log)
    first.end_agent()
    assert (first.serial(), second.serial(), world.orders("dies.test")) == ("", "", 1)
    serial = second.await_serial()
    wait_for(lambda: second.state().get("source") == "ca", second.log)
    first.start_agent()
    assert first.await_serial() == serial
    assert world.orders("dies.test") == 2


def test_a_renewal_loses_no_request(world: World, fleets: dict[str, Fleet], tmp_path: Path) -> None:
    (host,) = fleets["renew"].hosts
    before = host.await_serial()
    ways = [["--http2"], ["--http1.1"], ["--http1.1", "--header", "Connection: close"]]
    command = ["curl", "--silent", "--insecure", "--output", "/dev/null", "--rate", "50/s", *host.resolve("renew.test")]
    # Its errors are not buffered, so that all is there when it is ended.
    command += ["--write-out", "%{stderr}%{http_version} %{http_code} %{num_connects}\\n"]
    url = "https://renew.test/[1-100000]"
    reports = [tmp_path / str(number) for number in range(len(ways))]
    with contextlib.ExitStack() as stack:
        clients = [
            subprocess.Popen([*command, *way, url], stderr=stack.enter_context(file.open("w")))
            for way, file in zip(ways, reports, strict=True)
        ]
        wait_for(lambda: all(file.stat().st_size for file in reports), lambda: "no traffic")
        host.ask_to_renew()
        wait_for(lambda: host.serial() not in ("", before), host.log)
        for client in clients:
            client.terminate()
            client.wait(timeout=30)
    http2, kept, new = (file.read_text().split("\n")[:-1] for file in reports)
    assert (http2[0], set(http2[1:])) == ("2 200 1", {"2 200 0"})
    assert (kept[0], set(kept[1:])) == ("1.1 200 1", {"1.1 200 0"})
    assert set(new) == {"1.1 200 1"}
    assert not (host.folder / "acme" / BACKEND / "renew").exists()
    assert 'is a replacement of "' in world.log("pebble")


def test_a_host_that_took_it_over_renews_when_the_ca_says_so(world: World, fleets: dict[str, Fleet]) -> None:
    fleet = fleets["ari"]
    second = fleet.hosts[1]
    before = await_same(fleet.hosts)
    for host in fleet.hosts:
        host.end_agent()
    served = run("openssl", "s_client", "-connect", f"{second.address}:443", "-servername", "a.ari.test")
    world.renew_by_yesterday(run("openssl", "x509", given=served))
    replaced = world.log("pebble").count("is a replacement of")
    # Alone now, so that it is its turn.
    second.set_state(next_renewal=None)
    fleet.hosts, fleet.slot = [second], 2.0
    second.want(rank=0, hosts=1)
    second.start_agent()
    wait_for(lambda: second.serial() not in ("", before), second.log)
    assert second.names() == {"main.ari.test", "a.ari.test"}
    assert world.log("pebble").count("is a replacement of") == replaced + 1


def test_names_that_fail_do_not_take_the_others(world: World) -> None:
    fleet = Fleet(world, "fails", ["good.test", "nowhere.test", "blocked.test"])
    fleet.hosts.append(Host(fleet, 0))
    (host,) = fleet.hosts
    fleet.point("good.test")
    fleet.point("blocked.test")
    fleet.want()
    wait_for(lambda: "blocked.test is a forbidden domain" in host.state().get("last_error", ""), host.log)
    host.await_serial()
    assert host.names() == {"good.test"}
    wait_for(lambda: host.get("http://good.test/") == "1.1 302", host.log)
    assert host.get("http://nowhere.test/") == "1.1 200"
    # Pebble's DNS gives no answer for a name that it does not know, where another says that there is none.
    assert "no answer for nowhere.test" in host.log()

    fleet.point("nowhere.test")
    host.ask_to_renew()
    wait_for(lambda: host.names() == {"good.test", "nowhere.test"}, host.log)


def test_nothing_is_ordered_before_the_app_serves(world: World) -> None:
    fleet = Fleet(world, "down", ["down.test"])
    fleet.hosts.append(Host(fleet, 0, up=False))
    (host,) = fleet.hosts
    fleet.point("down.test")
    fleet.want()
    wait_for(lambda: "No replica" in host.state().get("last_error", ""), host.log)
    assert world.orders("down.test") == 0
    host.proxy(f"set server {BACKEND}/blog1 state ready")
    host.await_serial()


def test_a_wildcard_by_dns_for_an_account_that_the_ca_knows(world: World) -> None:
    settings = {"externalAccountBindingRequired": True, "externalAccountMACKeys": dict([EAB])}
    world.pebble("pebble-eab", settings)
    options = ["--entrypoint=python3", "--network-alias=bridge"]
    world.container("bridge", IMAGE, options, "-c", BRIDGE, f"http://{world.dns}:8055")
    environment = {
        "HTTPREQ_ENDPOINT": f"http://bridge:{PORT}",
        "HTTPREQ_USERNAME": "me",
        "HTTPREQ_PASSWORD": "hunter22",
    }
    more = {
        "directory": "https://pebble-eab/dir",
        "email": "me@wild.test",
        # Pebble's DNS has no zones, in which lego could look whether the record is there.
        "dns": {"provider": "httpreq", "environment": environment, "wait": 1},
        "eab": {"kid": EAB[0], "hmac": EAB[1]},
    }
    fleet = Fleet(world, "wild", ["wild.test", "*.wild.test"], more=more)
    fleet.start()
    (host,) = fleet.hosts
    host.await_serial()
    assert host.names() == {"wild.test", "*.wild.test"}
    seen = host.log() + str(host.state()) + run("docker", "inspect", PREFIX + host.agent)
    secrets = ["hunter22", EAB[1], *fleet.account.splitlines()[1:-1], *fleet.key.splitlines()[1:-1]]
    assert [secret for secret in secrets if secret in seen] == []


def test_a_ca_that_was_away_is_asked_again(world: World, fleets: dict[str, Fleet]) -> None:
    (host,) = fleets["away"].hosts
    wait_for(lambda: "The CA at https://away.ca/dir does not answer" in host.state().get("last_error", ""), host.log)
    state = host.state()
    assert state["failures"] >= 1
    assert state["next_try"] > state["last_error_at"]
    assert host.get("https://away.test/") == "2 200"
    world.point("away.ca", world.ca)
    host.await_serial(90)


def test_it_ends_at_once_and_goes_on_where_it_was(world: World, fleets: dict[str, Fleet]) -> None:
    (host,) = fleets["away"].hosts
    serial, orders = host.await_serial(90), world.orders("away.test")
    docker("stop", "--timeout", "1", PREFIX + host.agent)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", PREFIX + host.agent) == "0"
    docker("start", PREFIX + host.agent)
    wait_for(lambda: host.log().count("looks after") == 2, host.log)
    assert (host.serial(), world.orders("away.test")) == (serial, orders)
