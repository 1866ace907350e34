# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release with another port and another health check than the one before, which would pass neither."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words

from tests.host import proxy_configuration
from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Project, Traffic


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Release r1 serves on port 3000; its /up fails, which r2 is asked for on port 4000."""
    made = make_project("rerouting", replicas=2, health_check={"path": "/"}, drain_timeout="3s")
    deployment = made.deploy(VERSION="r1", HEALTH="fail")
    assert deployment.code == 0, deployment.output
    made.app["proxy"] = {**made.app["proxy"], "app_port": 4000}
    made.app["health_check"] = {"path": "/up"}
    return made


def break_it(project: Project, until: Future[Any]) -> None:
    """Once r2 serves, have it answer with errors, until something is done."""
    connection = http.client.HTTPConnection(urlsplit(project.url).netloc, timeout=10)
    path = "/"
    while not until.done():
        connection.request("GET", path, headers={"Host": project.host})
        answer = connection.getresponse()
        answer.read()
        path = "/broken" if answer.headers["X-Release"] == "r2" else "/"
        time.sleep(0.005)
    connection.close()


def test_there_back_and_there_again(project: Project, tmp_path: Path) -> None:
    before = proxy_configuration()
    project.app["deploy"] = {"bake": "100s"}
    with Traffic(project.url, project.host, tmp_path, "--path", "/") as traffic:
        with ThreadPoolExecutor() as pool:
            undone = pool.submit(project.deploy, VERSION="r2", PORT="4000")
            break_it(project, undone)
        assert undone.result().code == 1, undone.result().output
        assert "green does worse than what served before" in undone.result().output
        assert proxy_configuration() == before
        del project.app["deploy"]
        done = project.deploy(VERSION="r2", PORT="4000")
        assert done.code == 0, done.output
        records = traffic.stop().records
    assert failures_in_words(records) == []
    assert {record.release for record in records} == {"r1", "r2"}
    assert proxy_configuration() != before


def test_a_deployment_that_fails_leaves_the_route(project: Project) -> None:
    before = proxy_configuration()
    project.app["health_check"] = {"path": "/up", "interval": "500ms", "retries": 4}
    failed = project.deploy(VERSION="r2", PORT="4000", HEALTH="fail")
    assert failed.code == 1, failed.output
    assert proxy_configuration() == before
