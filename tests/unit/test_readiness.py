# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `luma check` makes of what hosts and the DNS say."""

from __future__ import annotations

import os
import socket
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.host.readiness import taken_ports
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.readiness import readiness

READY = {"docker": "28.5.2", "architecture": "amd64", "free_bytes": 31_400_000_000, "findings": []}
DNS = {"shop.com": {"203.0.113.7"}, "www.shop.com": {"198.51.100.1"}, "web1.shop.com": {"203.0.113.7"}}


def checked(found: dict[str, dict[str, Any]], *names: str) -> dict[str, Any]:
    common = {"hosts": list(found)}
    apps: list[dict[str, Any]] = [{**common, "route": {"hosts": list(names)}}, {**common, "route": None}]
    return readiness(apps, found, {"web1": "web1.shop.com"}, lambda name: DNS.get(name, set()))


def test_a_host_that_is_ready() -> None:
    result = checked({"web1": READY}, "shop.com", "*.shop.com", "shop.localhost")
    assert result["report"] == [
        "web1",
        "  ✅ Docker 28.5.2, amd64, 31.4 GB free",
        "shop.com",
        "  ✅ leads to 203.0.113.7",
    ]
    assert "failed" not in result


def test_an_error_fails_and_a_warning_does_not() -> None:
    warning = {"level": "warning", "text": "little room"}
    assert "failed" not in checked({"web1": {**READY, "findings": [warning]}})
    error = {"level": "error", "text": "port 80 is taken"}
    result = checked({"web1": {**READY, "findings": [warning, error]}})
    assert result["failed"]
    assert result["report"][2:] == ["  ⚠️ little room", "  ❌ port 80 is taken"]


def test_names_that_do_not_lead_to_the_host_are_told() -> None:
    one, two = checked({"web1": READY}, "www.shop.com", "new.shop.com")["names"]
    assert one["text"].startswith("leads to 198.51.100.1, and web1 is reached at 203.0.113.7: right if a load balancer")
    assert (two["level"], two["text"].partition(":")[0]) == ("warning", "has no address in the DNS yet")


def test_a_host_that_does_not_answer_is_told() -> None:
    found = {"web1": {"unreachable": True, "msg": "no route"}}
    assert checked(found)["report"] == ["web1", "  ❌ no route"]


def test_the_program_that_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (told,) = taken_ports({"http_port": port})
    assert told.startswith(f"port {port} is taken by ")
    assert told.endswith(f"(process {os.getpid()}): stop it, or give luma-proxy another port, proxy.http_port")
    assert taken_ports({"http_port": port}) == []
