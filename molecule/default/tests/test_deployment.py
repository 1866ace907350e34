# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server is like after a deployment, and again after it has lost its power.

Asks the server itself, never the playbook.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

REPLICAS = ["blog-blue-1", "blog-blue-2"]
SOCKETS = "/var/lib/luma/proxy/run"


def inspect(host: Host, container: str) -> dict[str, Any]:
    [answer] = json.loads(host.check_output("docker inspect %s", container))
    return answer


def ask(host: Host, name: str, path: str = "/") -> str:
    """The answer's status and body, as the proxy gives it to a client that asks for that host."""
    return host.check_output(
        "curl --silent --max-time 5 --write-out ' %%{http_code}' --header %s http://127.0.0.1%s",
        f"Host: {name}",
        path,
    )


def test_the_replicas_and_the_proxy_run_and_nothing_else(host: Host) -> None:
    running = host.check_output("docker ps --format '{{.Names}}'").split()
    existing = host.check_output("docker ps --all --format '{{.Names}}'").split()
    assert sorted(running) == sorted([*REPLICAS, "luma-proxy"])
    assert sorted(existing) == sorted(running)


@pytest.mark.parametrize("container", REPLICAS)
def test_a_replica_is_labelled_and_comes_back_by_itself(host: Host, container: str) -> None:
    replica = inspect(host, container)
    labels = replica["Config"]["Labels"]
    assert labels["luma.project"] == "molecule"
    assert labels["luma.app"] == "blog"
    assert labels["luma.color"] == "blue"
    assert labels["luma.replica"] == container[-1]
    assert labels["luma.release"]
    assert labels["luma.config-hash"]
    assert replica["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize("container", REPLICAS)
def test_a_replica_of_the_active_color_has_the_alias(host: Host, container: str) -> None:
    endpoints = inspect(host, container)["NetworkSettings"]["Networks"]
    assert list(endpoints) == ["molecule-network"]
    aliases = endpoints["molecule-network"]["Aliases"]
    assert "blog" in aliases
    assert not [alias for alias in aliases if "temp" in alias]


def test_the_proxy_answers_from_every_replica(host: Host) -> None:
    hostnames = {inspect(host, container)["Config"]["Hostname"] for container in REPLICAS}
    answers = {ask(host, "blog.localhost") for _again in range(20)}
    assert answers == {f"version 1, blue, replica {hostname}\n 200" for hostname in hostnames}


@pytest.mark.parametrize("name", ["BLOG.localhost", "blog.localhost:80"])
def test_the_host_is_known_by_any_case_and_with_its_port(host: Host, name: str) -> None:
    assert ask(host, name, "/up") == "ok\n 200"


def test_an_unknown_host_is_not_found(host: Host) -> None:
    assert ask(host, "other.localhost").endswith(" 404")


def test_the_proxy_runs_as_a_user_without_privileges(host: Host) -> None:
    proxy = inspect(host, "luma-proxy")
    assert proxy["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert proxy["HostConfig"]["CapDrop"] == ["ALL"]
    assert not proxy["HostConfig"]["Privileged"]


@pytest.mark.parametrize("socket", ["admin.sock", "master.sock"])
def test_only_root_can_reach_the_runtime_sockets(host: Host, socket: str) -> None:
    assert host.file(f"{SOCKETS}/{socket}").is_socket
    assert host.file(SOCKETS).mode == 0o700
    assert host.run("runuser --user nobody -- ls %s", f"{SOCKETS}/{socket}").failed
