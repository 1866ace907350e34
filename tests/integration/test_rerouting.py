# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A route comes with its color: releases that do not pass each other's health check, on ports of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.host import APP, docker, proxy_configuration
from tests.integration.conftest import Failed, Site
from tests.integration.test_proxy import get
from tests.zero_loss.project import Traffic


@dataclass(frozen=True)
class Version:
    """A release that listens on ``port`` and is asked at ``path`` whether it is healthy."""

    name: str
    port: int
    path: str
    environment: dict[str, str]

    def given(self, site: Site) -> dict[str, Any]:
        return {
            "route": {"hosts": [site.host], "app_port": self.port},
            "health_check": {**site.check, "port": self.port, "path": self.path},
        }

    def prepare(self, site: Site, **options: Any) -> dict[str, Any]:
        environment = {"VERSION": self.name, "PORT": str(self.port), **self.environment}
        return site.prepare(environment=environment, **self.given(site), **options)

    def switch(self, site: Site, color: str) -> dict[str, Any]:
        return site.switch(color, **self.given(site))

    def deploy(self, site: Site) -> str:
        prepared = self.prepare(site)
        self.switch(site, prepared["color"])
        site.retire(prepared["other"])
        return str(prepared["color"])


# Its /up fails, which the later one is asked for.
OLD = Version("old", 3000, "/", {"HEALTH": "fail"})
NEW = Version("new", 4000, "/up", {})
BROKEN = Version("broken", 4000, "/up", {"HEALTH": "fail"})


@pytest.fixture
def port(proxied: Site) -> int:
    return int(proxied.route()["http_port"])


@pytest.fixture
def serving(proxied: Site, port: int) -> Site:
    """The old release serves."""
    OLD.deploy(proxied)
    assert released(proxied, port) == "old"
    return proxied


def released(site: Site, port: int) -> str:
    answer, _body = get(port, site.host)
    assert answer.status == 200
    return str(answer.headers["X-Release"])


def test_neither_color_is_asked_as_the_other_one(serving: Site, port: int, tmp_path: Path) -> None:
    before = proxy_configuration()
    with Traffic(f"http://127.0.0.1:{port}", serving.host, tmp_path, "--path", "/") as traffic:
        prepared = NEW.prepare(serving)
        assert not prepared["route"]["reloaded"]
        assert proxy_configuration() == before
        switched = NEW.switch(serving, "green")
        assert switched["reloaded"]
        assert "uri '/up'" in proxy_configuration()
        serving.retire("blue")
        assert OLD.deploy(serving) == "blue"
        records = traffic.stop().records
    assert [record.failure for record in records if record.failure] == []
    assert released(serving, port) == "old"
    assert proxy_configuration() == before


def test_a_deployment_that_fails_leaves_the_route_alone(serving: Site) -> None:
    before = proxy_configuration()
    with pytest.raises(Failed, match="answered 503"):
        BROKEN.prepare(serving, deploy_timeout=2)
    assert proxy_configuration() == before


def test_a_color_that_is_returned_to_gets_its_route_back(serving: Site, port: int) -> None:
    before = proxy_configuration()
    NEW.prepare(serving)
    NEW.switch(serving, "green")
    assert released(serving, port) == "new"
    returned = serving.switch("blue", restore_route=True, health_check={})
    assert returned["reloaded"]
    assert released(serving, port) == "old"
    assert proxy_configuration() == before


def test_a_switch_that_fails_leaves_the_route_alone(serving: Site, port: int) -> None:
    NEW.prepare(serving)
    before = proxy_configuration()
    # It is healthy where it is asked directly, and not at the route's port.
    wrong = {**NEW.given(serving), "route": {"hosts": [serving.host], "app_port": 4001}}
    with pytest.raises(Failed, match="gets no healthy answer"):
        serving.switch("green", **wrong)
    assert proxy_configuration() == before
    assert released(serving, port) == "old"
    NEW.switch(serving, "green")
    assert released(serving, port) == "new"


def test_a_replica_that_starts_again_is_asked_on_its_port(serving: Site, port: int) -> None:
    """It gets a slot that had the other color's."""
    NEW.deploy(serving)
    docker("restart", "--time", "1", f"{APP}-green")
    OLD.prepare(serving)
    OLD.switch(serving, "blue")
    assert released(serving, port) == "old"


def test_a_changed_route_of_what_serves_is_loaded_at_once(serving: Site) -> None:
    given = OLD.given(serving)
    given["route"]["response_timeout"] = 7
    environment = {"VERSION": "old", "PORT": "3000", **OLD.environment}
    prepared = serving.prepare(environment=environment, **given)
    assert (prepared["changed"], prepared["created"], prepared["route"]["reloaded"]) == (True, False, True)
    assert "timeout server 7000ms" in proxy_configuration()


def test_an_app_without_a_route_is_routed_no_more(serving: Site, port: int) -> None:
    serving.proxied = False
    prepared = serving.prepare(environment={"VERSION": "new"})
    serving.switch(prepared["color"])
    assert get(port, serving.host)[0].status == 200
    serving.retire(prepared["other"])
    assert get(port, serving.host)[0].status == 404
    assert not serving.retire(prepared["other"])["changed"]
