# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine runs the containers of apps, services and release hooks, as the engine itself tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.host import APP, APP_IMAGE, PREFIX, docker, remove_network
from tests.integration.conftest import Failed, Site, run_module

MB = 2**20
NETWORK = f"{PREFIX}shared"
RUNTIME: dict[str, Any] = {
    "memory": 256 * MB,
    "cpus": 0.5,
    "pids_limit": 100,
    "shm_size": 32 * MB,
    "ulimits": {"nofile": "1024:2048", "core": "0"},
    "user": "1000:1000",
    "working_dir": "/srv",
    "init": True,
    "read_only": True,
    "tmpfs": ["/run:size=1m", "/tmp"],
    "devices": ["/dev/zero:/dev/nought:r"],
    "cap_add": ["NET_RAW"],
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "extra_hosts": ["ldap:192.0.2.5"],
    "dns": ["192.0.2.53"],
    "sysctls": {"net.core.somaxconn": "512"},
    "labels": {"team": "web"},
    "logging": {"driver": "local", "options": {"max-size": "5m"}},
    "stop_signal": "SIGINT",
    "networks": [NETWORK],
}


@pytest.fixture(autouse=True)
def network() -> Iterator[str]:
    docker("network", "create", NETWORK)
    yield NETWORK
    remove_network(NETWORK)


def told(site: Site, container: str) -> dict[str, Any]:
    """What the engine tells of a container, by the names of the option."""
    found = site.inspect(container)
    config, host = found["Config"], found["HostConfig"]
    (device,) = host["Devices"]
    return {
        "memory": host["Memory"],
        "cpus": host["NanoCpus"] / 1e9,
        "pids_limit": host["PidsLimit"],
        "shm_size": host["ShmSize"],
        "ulimits": {each["Name"]: f"{each['Soft']}:{each['Hard']}" for each in host["Ulimits"]},
        "user": config["User"],
        "working_dir": config["WorkingDir"],
        "init": host["Init"],
        "read_only": host["ReadonlyRootfs"],
        "tmpfs": sorted(f"{path}:{options}".rstrip(":") for path, options in host["Tmpfs"].items()),
        "devices": [":".join(device[key] for key in ("PathOnHost", "PathInContainer", "CgroupPermissions"))],
        "cap_add": [each.removeprefix("CAP_") for each in host["CapAdd"]],
        "cap_drop": host["CapDrop"],
        "security_opt": host["SecurityOpt"],
        "extra_hosts": host["ExtraHosts"],
        "dns": host["Dns"],
        "sysctls": host["Sysctls"],
        "labels": {"team": config["Labels"]["team"]},
        "logging": {"driver": host["LogConfig"]["Type"], "options": host["LogConfig"]["Config"]},
        "stop_signal": config["StopSignal"],
        "networks": [name for name in found["NetworkSettings"]["Networks"] if name != site.network],
    }


EXPECTED = {**RUNTIME, "ulimits": {"nofile": "1024:2048", "core": "0:0"}}


def test_an_app_runs_as_it_is_told_and_another_value_is_another_color(site: Site) -> None:
    assert site.deploy(runtime=RUNTIME) == "blue"
    assert told(site, f"{APP}-blue") == EXPECTED
    assert site.prepare(runtime=RUNTIME)["settled"]
    assert site.deploy(runtime={**RUNTIME, "memory": 128 * MB}) == "green"
    assert told(site, f"{APP}-green") == {**EXPECTED, "memory": 128 * MB}


def test_an_entrypoint(site: Site) -> None:
    site.deploy(runtime={"entrypoint": ["/usr/bin/env", "VERSION=mine"]}, command=["python3", "/app.py"])
    assert site.inspect(f"{APP}-blue")["Config"]["Entrypoint"] == ["/usr/bin/env", "VERSION=mine"]


def test_a_network_that_is_not_there_changes_nothing(site: Site) -> None:
    with pytest.raises(Failed, match=r"There is no network nowhere on this host. Nothing was changed. .*nowhere"):
        site.prepare(runtime={"networks": ["nowhere"]})
    assert site.containers() == []


def test_a_limit_of_memory_that_was_hit_is_told(site: Site) -> None:
    greedy = ["python3", "-c", "x = bytearray(200_000_000); print(len(x))"]
    with pytest.raises(Failed, match="It ran out of memory and was killed at its limit of 32 MB: raise memory"):
        site.prepare(command=greedy, runtime={"memory": 32 * MB}, health_check={"retries": 2})


def test_a_service_is_replaced_where_an_option_changes(site: Site) -> None:
    def service(**runtime: Any) -> dict[str, Any]:
        options = {"name": "db", "image": APP_IMAGE, "runtime": runtime, "stop_timeout": 1}
        return run_module("service_container", project=site.project, services=[options])["services"][0]

    name = f"{site.project}-db"
    assert service(**RUNTIME)["action"] == "created"
    assert told(site, name) == EXPECTED
    assert service(**RUNTIME)["action"] == "kept"
    changed = service(**{**RUNTIME, "cpus": 1.0, "pids_limit": None})
    assert (changed["action"], sorted(changed["changes"])) == ("replaced", ["cpus", "pids_limit"])


def test_a_release_hook_runs_like_the_app(site: Site) -> None:
    done = run_module(
        "release_hook",
        **site.names,
        image=APP_IMAGE,
        command=["python3", "-c", "import os; print(os.getuid(), os.getcwd())"],
        runtime={"user": "1000", "working_dir": "/tmp"},
    )
    assert done["logs"] == ["1000 /tmp"]
