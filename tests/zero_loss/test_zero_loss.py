# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three deployments in a row under every kind of traffic: not one request is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import (
    UPLOAD,
    WEBSOCKET,
    Record,
    failures_in_words,
    handovers,
)

from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Deployment, Project, Traffic, wait_for

DEPLOYMENTS = 3
# How the release that is being replaced takes SIGTERM, in turn.
ON_SIGTERM = ("graceful", "ignore", "die")
# Above the five seconds of the slow requests.
DRAIN_SECONDS = 7
# When the app closes an idle connection, which is when the idle clients send: as gunicorn, the quickest of those that
# people use. Where the machine stands still for as long, requests are lost (see "Apps close idle" in docs/design.md).
IDLE_SECONDS = "2"
ALL_KINDS = (
    *("--slow=6", "--stream=3", "--upload=2", "--websocket=2"),
    *("--idle=12", f"--idle-seconds={IDLE_SECONDS}"),
)


@dataclass
class Row:
    """What came of a row of deployments."""

    deployments: list[Deployment]
    records: list[Record]
    counted: dict[str, int]


@pytest.fixture(scope="module")
def rows(make_project: MakeProject, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Row]:
    """The rows by their number of replicas. They share the host and its proxy, and run at the same time."""
    projects = {
        count: make_project(f"zero-loss-{count}", replicas=count, drain_timeout=f"{DRAIN_SECONDS}s") for count in (1, 3)
    }
    for project in projects.values():
        first = project.deploy(VERSION="r0", ON_SIGTERM=ON_SIGTERM[0], IDLE_SECONDS=IDLE_SECONDS)
        assert first.code == 0, first.output
    with ThreadPoolExecutor() as pool:
        running = {
            count: pool.submit(deploy_in_a_row, project, tmp_path_factory.mktemp("traffic"))
            for count, project in projects.items()
        }
        return {count: future.result() for count, future in running.items()}


def deploy_in_a_row(project: Project, folder: Path) -> Row:
    before = project.counters()
    with Traffic(project.url, project.host, folder, *ALL_KINDS) as traffic:
        wait_for(lambda: any(record.kind == UPLOAD for record in traffic.so_far().records), "no traffic")
        deployments = [
            project.deploy(
                VERSION=f"r{number}", ON_SIGTERM=ON_SIGTERM[number % len(ON_SIGTERM)], IDLE_SECONDS=IDLE_SECONDS
            )
            for number in range(1, DEPLOYMENTS + 1)
        ]
        records = traffic.stop().records
    after = project.counters()
    return Row(deployments, records, {name: value - before.get(name, 0) for name, value in after.items()})


@pytest.fixture(params=[1, 3], ids=["1 replica", "3 replicas"])
def row(request: pytest.FixtureRequest, rows: dict[int, Row]) -> Row:
    return rows[request.param]


def test_every_deployment_succeeds(row: Row) -> None:
    failed = [deployment.output for deployment in row.deployments if deployment.code != 0]
    assert not failed, failed[0]


def test_not_one_request_is_lost(row: Row) -> None:
    assert failures_in_words(row.records) == []
    kinds = {record.kind for record in row.records}
    assert kinds == {"keep-alive", "new-connection", "slow", "stream", "upload", "websocket", "idle"}


def test_every_request_sent_after_a_switch_is_answered_by_the_new_release(row: Row) -> None:
    switches = handovers(row.records, lambda record: record.release)
    assert [switch.after for switch in switches] == [f"r{n}" for n in range(1, DEPLOYMENTS + 1)]
    assert [switch for switch in switches if switch.stale] == []


def cut_websockets(row: Row) -> list[Record]:
    return [r for r in row.records if r.kind == WEBSOCKET and r.ended != "closed by this client"]


def test_a_websocket_lives_until_the_drain_timeout(row: Row) -> None:
    first_answers: dict[str, float] = {}
    for record in sorted(row.records, key=lambda record: record.answered):
        first_answers.setdefault(record.release, record.answered)
    cut = cut_websockets(row)
    assert {r.release for r in cut} == {f"r{n}" for n in range(DEPLOYMENTS)}
    for record in cut:
        switched = first_answers[f"r{int(record.release[1:]) + 1}"]
        # The drain begins with the switch; its first answer arrives moments later.
        assert record.answered - switched > DRAIN_SECONDS - 0.5, record


def test_the_proxy_has_counted_the_same(row: Row) -> None:
    answered = sum(record.status == 200 for record in row.records)
    # It counts a websocket that it closes after stream_drain_timeout so.
    assert row.counted["hrsp_5xx"] <= len(cut_websockets(row))
    assert row.counted["hrsp_4xx"] == 0
    # A websocket that is cut after drain_timeout is an error to the proxy where its app resets the connection.
    assert row.counted["eresp"] <= len(cut_websockets(row))
    # The switch asks each new replica through the proxy too.
    assert row.counted["hrsp_2xx"] >= answered
