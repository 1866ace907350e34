# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the earlier luma has made is told from everything else, and a detour leaves no rule behind."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import refuse_foreign
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import find
from ansible_collections.luma.deploy.plugins.module_utils.host.listeners import count_connections
from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import COMMENT, Detour, Way
from ansible_collections.luma.deploy.plugins.module_utils.proxy.gap import GapMeter
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.takeover.room import AppToTake
from ansible_collections.luma.deploy.plugins.module_utils.takeover.takeover import Takeover

CERTIFICATES = "/var/lib/luma-proxy/certs"


def row(name: str, network: str = "shop-network", mount: str = "", **labels: Any) -> Any:
    """A container as the engine lists it."""
    return {
        "Id": f"id of {name}",
        "Names": [f"/{name}"],
        "Labels": {f"luma.{key}": value for key, value in labels.items()},
        "State": "running",
        "NetworkSettings": {"Networks": {network: {}}},
        "Mounts": [{"Destination": mount}] if mount else [],
    }


class Listing:
    """An engine that lists these containers."""

    def __init__(self, *rows: Any) -> None:
        self.rows = rows
        self.files: dict[str, str] = {}

    def list_containers(self, labels: Sequence[str] = ()) -> list[Any]:
        return list(self.rows)

    def read_file(self, name: str, path: str) -> str:
        return self.files.get(path, "")

    def description(self, name: str) -> dict[str, Any]:
        return {"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "80"}]}}}


def found_in(*rows: Any) -> tuple[list[str], dict[str, str], str]:
    engine: Any = Listing(*rows)
    found = find(engine, "shop", ["db"])
    return [replica.name for replica in found.of("shop")], dict(found.services), found.proxy


EARLY: dict[str, Any] = {"app": "blog", "color": "blue", "managed": "true", "active": "true", "replica": "1"}
LATE: dict[str, Any] = {**EARLY, "project": "shop", "type": "app"}


def test_what_both_versions_of_the_earlier_luma_made_is_found() -> None:
    early = [row("blog-blue-1", **EARLY), row("db"), row("luma-proxy", mount=CERTIFICATES)]
    assert found_in(*early) == (["blog-blue-1"], {"db": "db"}, "luma-proxy")
    service: dict[str, Any] = {"managed": "true", "project": "shop", "type": "service", "service": "db"}
    late = [row("shop-blog-green", **LATE), row("shop-db", **service), row("luma-proxy", mount=CERTIFICATES)]
    assert found_in(*late) == (["shop-blog-green"], {"db": "shop-db"}, "luma-proxy")


def test_what_had_to_make_room_is_found_again() -> None:
    renamed = [row("blog-blue-1-earlier", **EARLY), row("luma-proxy-earlier", mount=CERTIFICATES)]
    # A service is on the passage alone while the network is made anew.
    renamed.append(row("db", network="0-luma-takeover-shop"))
    assert found_in(*renamed) == (["blog-blue-1-earlier"], {"db": "db"}, "luma-proxy-earlier")


@pytest.mark.parametrize(
    "stranger",
    [
        row("blog-blue"),
        row("blog-red", **EARLY),
        row("blog-blue", project="shop", app="blog", color="blue"),
        row("docs-blue", network="docs-network", **{**EARLY, "app": "docs"}),
        row("db", network="docs-network"),
        row("db", project="other"),
        {**row("db"), "Labels": {"com.docker.compose.project": "shop"}},
        row("luma-proxy"),
        row("luma-proxy", mount="/etc/luma", role="proxy"),
        row("my-luma-proxy", mount=CERTIFICATES),
    ],
    ids=lambda stranger: f"{stranger['Names'][0]} {stranger['Labels']}",
)
def test_nothing_else_is_taken_for_it(stranger: Any) -> None:
    assert found_in(stranger) == ([], {}, "")


EARLY_STATE = {
    "services": {
        "blog.com": {"name": "blog.com", "host": "blog.com", "target": "blog:3000", "project": "shop", "healthy": True},
        "docs.com": {"name": "docs.com", "host": "docs.com", "target": "docs:8000", "project": "docs", "healthy": True},
    },
    "certs": {"email": ""},
}
LATE_STATE = {
    "projects": {
        "shop": {"hosts": {"blog.com": {"target": "shop-blog:3000", "app": "blog", "ssl_enabled": True}}},
        "docs": {"hosts": {"docs.com": {"target": "docs-docs:8000", "app": "docs", "ssl_enabled": True}}},
    },
    "metadata": {"version": "2.0.0"},
}


@pytest.mark.parametrize(
    "files",
    [
        {"/tmp/luma-proxy-config.json": EARLY_STATE},
        {"/tmp/luma-proxy-config.json": EARLY_STATE, "/var/lib/luma-proxy/state.json": LATE_STATE},
    ],
    ids=["early", "late"],
)
def test_what_is_not_taken_over_is_routed_as_before(files: dict[str, Any], tmp_path: Path) -> None:
    docs = row("docs-blue", network="docs-network", **{**EARLY, "app": "docs"})
    engine: Any = Listing(row("blog-blue", **EARLY), docs, row("luma-proxy", mount=CERTIFICATES))
    takeover = Takeover(engine, Proxy(engine, ProxySettings(), tmp_path), "shop", [AppToTake("blog")])
    with pytest.raises(LumaError, match="may also serve docs-blue"):
        takeover.refuse(takeover.find(), without_https=True)
    engine.files = {path: json.dumps(state) for path, state in files.items()}
    takeover.refuse(takeover.find(), without_https=True)
    (route,) = takeover.others_routes(takeover.find())
    assert (route.backend, route.endpoint, route.hosts) == ("docs:docs", "docs.docs-network:8000", ("docs.com",))
    docs["State"] = "exited"
    assert takeover.others_routes(takeover.find()) == []


def test_a_deployment_says_how_to_take_over() -> None:
    earlier: Any = SimpleNamespace(name="blog-blue", labels={"luma.app": "blog", "luma.managed": "true"})
    with pytest.raises(LumaError, match="luma takeover"):
        refuse_foreign(earlier, {"luma.project": "shop", "luma.app": "blog"})


# --- the detour ---------------------------------------------------------------------------------------------------

DOCKER = """\
-N DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i br-one -j RETURN
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i br-one -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80
-A DOCKER ! -i br-one -p tcp -m tcp --dport 443 -j DNAT --to-destination 10.0.0.2:443
"""


class Tables:
    """The table nat of iptables and ip6tables; ``refuses``: a word whose rules cannot be added."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        ours = [f"-A OUTPUT -p tcp -m comment --comment {COMMENT} -j REDIRECT --to-ports 1"]
        self.rules = {
            "iptables": [line for line in DOCKER.splitlines() if line.startswith("-A")],
            # Of a run that was killed.
            "ip6tables": ours,
        }

    def run(self, command: Sequence[str]) -> str:
        tool, *words = command
        assert words[:3] == ["-w", "-t", "nat"]
        action, chain, *rule = words[3:] if len(words) > 4 else [*words[3:], ""]
        rules = self.rules[tool]
        if action == "-S":
            return "\n".join(line for line in rules if not chain or line.startswith(f"-A {chain} "))
        if self.refuses and self.refuses in rule:
            raise LumaError("refused")
        if action == "-D":
            rules.remove(" ".join(["-A", chain, *rule]))
        elif action == "-I":
            of_chain = [line for line in rules if line.startswith(f"-A {chain} ")]
            before = of_chain[int(rule[0]) - 1 :]
            place = rules.index(before[0]) if before else len(rules)
            rules.insert(place, " ".join(["-A", chain, *rule[1:]]))
        else:
            rules.append(" ".join([action, chain, *rule]))
        return ""


WAYS = [Way("0.0.0.0", 80, 32768, "10.0.0.3:8080"), Way("::", 80, 32768, "10.0.0.3:8080")]


def test_a_detour_stands_in_front_of_docker_s_rules_and_is_taken_out_again() -> None:
    tables = Tables()
    tables.rules["ip6tables"] = []
    before = {tool: list(rules) for tool, rules in tables.rules.items()}
    detour = Detour(tables.run)
    detour.open(WAYS)
    chain = [line for line in tables.rules["iptables"] if line.startswith("-A DOCKER")]
    assert "10.0.0.3:8080" in chain[2]
    assert "10.0.0.2:80" in chain[3]
    assert len(tables.rules["ip6tables"]) == 2
    detour.close()
    assert tables.rules == before


def test_a_rule_that_is_refused_leaves_none() -> None:
    tables = Tables(refuses="addrtype")
    with pytest.raises(LumaError):
        Detour(tables.run).open(WAYS)
    assert not any(COMMENT in rule for rules in tables.rules.values() for rule in rules)


def test_a_host_that_cannot_lead_ipv6_leads_ipv4() -> None:
    tables = Tables()
    ways = [WAYS[0], replace(WAYS[1], by=443)]
    tables.refuses = "443"
    Detour(tables.run).open(ways)
    assert sum(COMMENT in rule for rule in tables.rules["iptables"]) == 3


def test_without_a_process_that_listens_nothing_is_sent_to_its_port() -> None:
    tables = Tables()
    tables.rules["ip6tables"] = []
    tables.rules["iptables"][0] = "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER"
    Detour(tables.run).open(WAYS)
    (ours,) = [rule for rules in tables.rules.values() for rule in rules if COMMENT in rule]
    assert ours.startswith("-A DOCKER")


def test_a_detour_needs_docker_s_own_rules() -> None:
    detour = Detour(Tables().run)
    assert detour.possible([80, 443])
    assert not detour.possible([80, 8443])

    def missing(_command: Sequence[str]) -> str:
        raise LumaError("iptables cannot be run")

    assert not Detour(missing).possible([80])
    # There is nothing to take out either.
    Detour(missing).close()


# --- the gap ------------------------------------------------------------------------------------------------------


@contextmanager
def answering(port: int = 0) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", port)) as server:

        def answer() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.0 404 -\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def wait_for(meter: GapMeter, asked: int) -> None:
    while meter.asked < asked:
        threading.Event().wait(0.001)


def test_a_gap_is_between_answers() -> None:
    with answering() as port, GapMeter("0.0.0.0", port) as meter:
        wait_for(meter, 5)
        assert meter.seconds == 0
    with GapMeter("127.0.0.1", port) as meter:
        wait_for(meter, 5)
        # Nobody has answered yet: a port that is new has no gap.
        assert meter.seconds == 0
        with answering(port):
            wait_for(meter, meter.asked + 5)
        wait_for(meter, meter.asked + 5)
        assert meter.seconds > 0


def test_open_connections_are_counted() -> None:
    table = """\
  sl  local_address rem_address   st
   0: 00000000:0050 00000000:0000 0A
   1: 020012AC:0050 0100007F:1234 01
   2: 020012AC:C000 030012AC:0BB8 01
   3: 020012AC:01BB 0100007F:1235 01
   4: 020012AC:0050 0100007F:1236 06
"""
    assert count_connections(table, {80, 443}) == 2
