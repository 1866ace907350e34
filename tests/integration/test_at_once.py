# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on one host at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.integration.conftest import Site, run_module


def test_two_runs_that_bring_up_the_same_service_create_it_once(site: Site) -> None:
    services = [{"name": "db", "image": "luma-test/app"}]

    def bring_up(_run: int) -> str:
        return str(run_module("service_container", project=site.project, services=services)["services"][0]["action"])

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(bring_up, range(2))) == ["created", "kept"]
