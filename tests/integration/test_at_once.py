# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs on one host at the same time: what they choose, each has for itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.integration.conftest import Site, run_module
from tests.zero_loss.project import docker

APPS = ("one", "two", "three")


def at_once(site: Site, apps: tuple[str, ...] = APPS) -> list[dict[str, Any]]:
    """Prepare apps of a project at the same time; returns what came of them."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda app: Site(site.project, app=f"{site.project}-{app}").prepare(), apps))


def test_apps_of_a_new_project_share_one_network(site: Site) -> None:
    at_once(site)
    assert len(docker("network", "ls", "--quiet", "--filter", f"name=^{site.network}$").split()) == 1
    assert len(site.containers()) == len(APPS)


def test_apps_of_one_project_choose_different_addresses(site: Site) -> None:
    # With as many addresses for apps, .4 to .6, as there are apps.
    label = f"luma.project={site.project}"
    docker("network", "create", "--subnet", "10.99.98.0/29", "--label", label, site.network)
    prepared = at_once(site)
    addresses = {container["address"] for each in prepared for container in each["containers"]}
    assert addresses == {"10.99.98.4", "10.99.98.5", "10.99.98.6"}


def test_two_runs_that_bring_up_the_same_service_create_it_once(site: Site) -> None:
    services = [{"name": "db", "image": "luma-test/app"}]

    def bring_up(_run: int) -> str:
        return str(run_module("service_container", project=site.project, services=services)["services"][0]["action"])

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(bring_up, range(2))) == ["created", "kept"]
