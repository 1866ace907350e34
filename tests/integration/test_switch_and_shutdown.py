# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""network_alias_switch and graceful_shutdown on a real engine, and with a real proxy where its counters matter."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy

from tests.host import APP, PROXY_FOLDER, docker
from tests.integration.conftest import Failed, Site
from tests.zero_loss.project import wait_for


def test_the_alias_moves_and_addresses_stay(site: Site) -> None:
    site.deploy()
    site.prepare(environment={"A": "2"})
    before = {name: site.address(name) for name in site.containers()}
    assert site.switch("green", check=True)["changed"]
    assert APP in site.aliases(f"{APP}-blue")
    done = site.switch("green")
    assert (done["changed"], done["previous"], done["color"]) == (True, "blue", "green")
    assert APP in site.aliases(f"{APP}-green")
    assert APP not in site.aliases(f"{APP}-blue")
    assert {name: site.address(name) for name in site.containers()} == before
    assert [(move["container"], move["step"], move["address_kept"]) for move in done["moves"]] == [
        (f"{APP}-green", "make", True),
        (f"{APP}-blue", "break", True),
    ]
    assert not site.switch("green")["changed"]


def test_established_connections_live_on(site: Site) -> None:
    """The old color's requests in flight, and the new color's connections to its database, are such connections."""
    site.deploy()
    site.prepare(environment={"A": "2"})
    connections = [http.client.HTTPConnection(site.address(name), 3000, timeout=10) for name in site.containers()]
    sockets = []
    for connection in connections:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello\n"
        sockets.append(connection.sock)
    site.switch("green")
    for connection, socket in zip(connections, sockets, strict=True):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello\n"
        assert connection.sock is socket


def test_back_and_forth(site: Site) -> None:
    site.deploy()
    site.prepare(environment={"A": "2"})
    for color in ("green", "blue", "green"):
        assert site.switch(color)["changed"]
        assert APP in site.aliases(f"{APP}-{color}")


def test_an_unhealthy_color_is_refused(site: Site) -> None:
    site.deploy()
    site.prepare(environment={"A": "2"})
    docker("stop", "--time", "0", f"{APP}-green")
    with pytest.raises(Failed, match=rf"{APP}-green is exited.*nothing was changed"):
        site.switch("green")
    assert APP in site.aliases(f"{APP}-blue")


def test_a_color_that_is_not_complete_is_refused(site: Site) -> None:
    site.deploy()
    site.prepare(environment={"A": "2"})
    with pytest.raises(Failed, match="1 of 2 replicas"):
        site.switch("green", replicas=2)
    with pytest.raises(Failed, match="has no container"):
        Site(site.project, app="other").switch("green")


def test_a_network_without_a_subnet_is_told_of(site: Site) -> None:
    docker("network", "create", site.network)
    site.deploy()
    site.prepare(environment={"A": "2"})
    done = site.switch("green")
    assert "has no explicit subnet" in str(done["warnings"])
    assert APP in site.aliases(f"{APP}-green")


def test_the_active_color_is_not_shut_down(site: Site) -> None:
    site.deploy()
    with pytest.raises(Failed, match=f"blue is the active color of {APP} and serves its users"):
        site.retire("blue")
    assert site.inspect(f"{APP}-blue")["State"]["Running"]


@pytest.mark.parametrize(("behaviour", "killed"), [("graceful", False), ("ignore", True), ("die", False)])
def test_the_other_color_is_stopped_and_removed(site: Site, behaviour: str, killed: bool) -> None:
    site.deploy(environment={"ON_SIGTERM": behaviour}, replicas=2)
    site.prepare(environment={"A": "2"})
    site.switch("green")
    assert site.retire("blue", check=True)["changed"]
    assert len(site.containers()) == 3
    done = site.retire("blue", stop_timeout=1 if killed else 30)
    assert [(c["name"], c["stopped"], c["killed"]) for c in done["containers"]] == [
        (f"{APP}-blue-1", True, killed),
        (f"{APP}-blue-2", True, killed),
    ]
    assert site.containers() == [f"{APP}-green"]
    assert not site.retire("blue")["changed"]


def test_slots_that_a_run_has_left_held_are_freed(proxied: Site) -> None:
    """It died when the containers were gone. Until this is done the app counts as not settled."""
    proxied.deploy()
    backend, proxy = f"{proxied.project}:{proxied.app}", Haproxy(PROXY_FOLDER / "run")
    proxy.set_states(backend, "drain", [f"{APP}8"])
    assert not proxied.prepare()["settled"]
    assert proxied.retire("green")["changed"]
    assert proxied.prepare()["settled"]
    assert not proxied.retire("green")["changed"]


def test_stopped_containers_can_be_kept(site: Site) -> None:
    site.deploy()
    site.prepare(environment={"A": "2"})
    site.switch("green")
    site.retire("blue", remove=False)
    assert not site.inspect(f"{APP}-blue")["State"]["Running"]


def in_flight(site: Site) -> int:
    return sum(slot.sessions for slot in Haproxy(PROXY_FOLDER / "run").slots(f"{site.project}:{site.app}"))


@pytest.fixture
def upload(proxied: Site) -> Iterator[http.client.HTTPConnection]:
    """An upload that is in flight on blue, which dies at once on SIGTERM: half of its body is sent."""
    port = proxied.route()["http_port"]
    proxied.deploy(environment={"ON_SIGTERM": "die"})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/upload", skip_host=True)
    connection.putheader("Host", proxied.host)
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"12345")
    wait_for(lambda: in_flight(proxied) == 1, "the request does not arrive")
    yield connection
    connection.close()


def stream(site: Site, port: int) -> http.client.HTTPResponse:
    """An event stream that is silent after its first event."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/quiet?seconds=50", headers={"Host": site.host})
    answer = connection.getresponse()
    assert answer.readline() == b"data: begun\n"
    return answer


def test_a_request_in_flight_is_waited_for_and_streams_as_long_as_they_may(
    proxied: Site, upload: http.client.HTTPConnection
) -> None:
    """One stream and the upload are with a worker that a reload has replaced, the other stream is not."""
    streams = [stream(proxied, upload.port)]
    proxied.route(response_timeout=29)
    streams += [stream(proxied, upload.port)]
    proxied.prepare(environment={"A": "2"})
    slots = proxied.switch("green")["slots"]
    rest = threading.Timer(3, upload.send, [b"67890"])
    rest.start()
    done = proxied.retire("blue", drain_timeout=50, stream_drain_timeout=0.1, slots=slots)
    assert json.loads(upload.getresponse().read())["length"] == 10
    assert (done["sessions_cut"], done["streams_closed"], done["containers"][0]["drained"]) == (0, 2, True)
    for each in streams:
        with pytest.raises(http.client.IncompleteRead):
            each.read()


def test_a_request_that_takes_too_long_is_cut_and_counted(proxied: Site, upload: http.client.HTTPConnection) -> None:
    proxied.prepare(environment={"A": "2"})
    slots = proxied.switch("green")["slots"]
    done = proxied.retire("blue", drain_timeout=0.5, slots=slots)
    assert (done["sessions"], done["sessions_cut"]) == (1, 1)
    assert (done["containers"][0]["drained"], done["containers"][0]["sessions_cut"]) == (False, 1)
    assert done["progress"][0][1] == 1
    assert "were still open" in done["report"][1]
