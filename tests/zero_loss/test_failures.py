# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that fails, or dies, leaves users with what they had."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import (
    QUICK_KINDS,
    Record,
    failures_in_words,
    handovers,
)

from tests.host import APP_IMAGE, docker
from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Project, Traffic, wait_for

GIVES_UP_SOON = {"interval": "500ms", "retries": 6}
# Requests/s to a replica's own address.
RATE = 50


@pytest.fixture(scope="module")
def project(make_project: MakeProject) -> Project:
    """Two replicas of release r1 serve."""
    made = make_project("failures", replicas=2, drain_timeout="3s")
    deployment = made.deploy(VERSION="r1")
    assert deployment.code == 0, deployment.output
    return made


def serving(project: Project) -> tuple[str, str]:
    """The color that serves, and the one that the next deployment makes."""
    (color,) = {name.split("-")[-2] for name in project.containers()}
    return color, "green" if color == "blue" else "blue"


def fails(project: Project, folder: Path, **environment: str) -> str:
    """Deploy what cannot succeed: the deployment says so, and the old color serves every request meanwhile.

    Returns what luma printed.
    """
    before = project.containers()
    with Traffic(project.url, project.host, folder) as traffic, pytest.MonkeyPatch.context() as patched:
        patched.setitem(project.app, "health_check", GIVES_UP_SOON)
        deployment = project.deploy(VERSION="broken", **environment)
        records = traffic.stop().records
    assert deployment.code == 1, deployment.output
    assert failures_in_words(records) == []
    assert {record.release for record in records} == {"r1"}
    assert project.containers() == before
    return deployment.output


def test_the_image_is_missing(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(project.app, "image", "luma-test/no-such-image")
    assert "luma-test/no-such-image" in fails(project, tmp_path)


def test_a_container_exits_at_once(project: Project, tmp_path: Path) -> None:
    output = fails(project, tmp_path, EXIT_AT_START="3")
    assert "It exited with code 3" in output
    assert "no configuration found, giving up" in output


def test_no_replica_becomes_healthy(project: Project, tmp_path: Path) -> None:
    assert "answered 503" in fails(project, tmp_path, HEALTH="fail")


def test_only_one_replica_becomes_healthy(project: Project, tmp_path: Path) -> None:
    name = f"{project.name}-{serving(project)[1]}-2"
    output = fails(project, tmp_path, FAIL_HEALTH_ON_CONTAINER=name)
    assert f"{name} did not become healthy" in output
    assert "answered 503" in output


def test_the_app_listens_on_another_port(project: Project, tmp_path: Path) -> None:
    output = fails(project, tmp_path, PORT="4000")
    assert "listens on port 4000, but app_port is 3000" in output


def test_a_name_is_taken_by_a_foreign_container(project: Project, tmp_path: Path) -> None:
    name = f"{project.name}-{serving(project)[1]}-1"
    foreign = docker("create", "--name", name, APP_IMAGE)
    try:
        assert name in fails(project, tmp_path)
        assert docker("inspect", "--format", "{{.Id}}", name) == foreign
    finally:
        docker("rm", "--force", foreign)


def test_a_killed_replica_loses_only_what_it_had_in_flight(project: Project, tmp_path: Path) -> None:
    victim, survivor = project.containers()
    pid = int(docker("inspect", "--format", "{{.State.Pid}}", victim))
    address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", survivor)
    beside = tmp_path / "beside"
    beside.mkdir()
    with (
        Traffic(project.url, project.host, tmp_path, "--slow", "4") as traffic,
        Traffic(f"http://{address}:3000", project.host, beside, "--rate", str(RATE)) as to_survivor,
    ):
        wait_for(lambda: any(record.kind == "slow" for record in traffic.so_far().records), "no slow request")
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), "it lives on")
        gone = time.monotonic()
        wait_for(lambda: victim in project.containers(), "the engine has not started it again")
        restarted = time.monotonic()
        wait_for(lambda: traffic.so_far().records[-1].started > restarted + 2, "no traffic after the restart")
        records = traffic.stop().records
        served = to_survivor.stop().records

    lost = [record for record in records if record.failure]
    assert [record for record in lost if not was_in_flight(record, killed, gone)] == []
    waited = [r for r in records if r not in lost and r.kind in QUICK_KINDS and r.milliseconds >= 1000]
    # Where the other replica answered nobody meanwhile, they waited for a machine that stood still.
    assert failures_in_words(served) == []
    assert [record for record in waited if overtaken(record, served) >= RATE / 2] == []


def was_in_flight(record: Record, killed: float, gone: float) -> bool:
    return record.sent is not None and record.sent <= gone and record.answered >= killed


def overtaken(record: Record, others: list[Record]) -> int:
    """How many others were begun later and answered earlier."""
    return sum(other.started > record.started and other.answered < record.answered for other in others)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "moment",
    ["hold", "make", "make:detached", "see", "commit", "break", "break:detached", "release"],
)
def test_a_run_that_is_killed_is_finished_by_the_next(project: Project, tmp_path: Path, moment: str) -> None:
    new = f"killed at {moment}"
    with Traffic(project.url, project.host, tmp_path) as traffic:
        killed = project.deploy(dies_at=moment, VERSION=new)
        second = project.deploy(VERSION=new)
        records = traffic.stop().records
    assert killed.code == -signal.SIGKILL, killed.output
    assert second.code == 0, second.output
    assert failures_in_words(records) == []
    (switch,) = handovers(records, lambda record: record.release)
    assert (switch.after, switch.stale) == (new, 0)
    assert len(project.containers()) == 2
    assert "Nothing changed" in project.deploy(VERSION=new).output
