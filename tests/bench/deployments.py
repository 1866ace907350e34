# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients notice of a deployment, and the seconds that it takes.

Client, controller, engine, proxy and app share this machine's processors. What clients notice of a deployment is partly
what they would notice of an engine that starts and stops as many containers without luma: that is measured beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import Handover, Numbers, Record, handovers

from tests.host import APP_IMAGE, ROOT, docker
from tests.zero_loss.project import Deployment, Project, Traffic

DEPLOYMENTS = 6
STEADY_SECONDS = 8
# How long after a start containers are stopped, where the engine works alone: about as in a deployment.
ENGINE_SECONDS = 3
TURNS = 5
REPLICAS = 2
RATE = "600"

Window = tuple[float, float]


@dataclass
class Costs:
    """Latencies as ratios; the rest of the worst or the median deployment, as the names say."""

    requests: int
    lost: int
    p50_ratio: float
    p99_ratio: float
    engine_p99_ratio: float
    overlap_ms: float
    stale: int
    gap_ms: float
    deployment_seconds: float
    deployment_ratio: float
    nothing_seconds: float
    nothing_ratio: float
    empty_seconds: float


@dataclass
class Windows:
    """From when to when there was nothing but traffic, a deployment, or the engine's part of one."""

    steady: list[Window] = field(default_factory=list)
    deploying: list[Window] = field(default_factory=list)
    engine: list[Window] = field(default_factory=list)


class Turn(NamedTuple):
    """Seconds of runs that followed each other; the deployment without the app's own start."""

    deployment: float
    nothing: float
    empty: float


def measure_deployments(project: Project) -> Costs:
    """Deployments without traffic; then alternate between steady traffic and deployments under the same traffic."""
    deploy(project, 0)
    turns = [measure_turn(project, number) for number in range(1, TURNS + 1)]
    windows = Windows()
    with Traffic(project.url, project.host, project.folder, "--rate", RATE) as traffic:
        for number in range(TURNS + 1, TURNS + DEPLOYMENTS + 1):
            with within(windows.steady):
                time.sleep(STEADY_SECONDS)
            with within(windows.deploying):
                deploy(project, number)
            with within(windows.engine):
                start_and_stop(project.name)
        records = traffic.stop().records
    return costs(records, windows, turns)


@contextmanager
def within(windows: list[Window]) -> Iterator[None]:
    """Notes from when to when something was done."""
    began = time.monotonic()
    yield
    windows.append((began, time.monotonic()))


def start_and_stop(name: str) -> None:
    """What the engine does in a deployment, without luma."""
    names = [f"{name}-alone-{number}" for number in range(REPLICAS)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: docker("run", "--detach", "--name", each, APP_IMAGE), names))
        time.sleep(ENGINE_SECONDS)
        list(pool.map(lambda each: docker("stop", "--time", "1", each), names))
        list(pool.map(lambda each: docker("rm", each), names))


def measure_turn(project: Project, number: int) -> Turn:
    """A deployment, a run that changes nothing, and a play without tasks, one after the other and without traffic."""
    deployment = deploy(project, number).seconds - start_seconds(project)
    return Turn(deployment, deploy(project, number).seconds, empty_seconds(project.folder))


def empty_seconds(folder: Path) -> float:
    """How long ansible-playbook takes for a play without tasks: what no run of it can be quicker than."""
    (folder / "empty.yml").write_text("- {hosts: localhost, gather_facts: false, tasks: []}\n")
    began = time.monotonic()
    subprocess.run(
        [ROOT / ".venv" / "bin" / "ansible-playbook", folder / "empty.yml"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - began


def deploy(project: Project, number: int) -> Deployment:
    deployment = project.deploy(VERSION=f"r{number}")
    assert deployment.code == 0, deployment.output
    return deployment


def start_seconds(project: Project) -> float:
    """How long the slowest replica took from the start of its process to listening."""
    return max(_start_seconds(name) for name in project.containers())


def _start_seconds(container: str) -> float:
    started = json.loads(docker("inspect", "--format", "{{json .State.StartedAt}}", container))
    listening = docker("logs", "--timestamps", container).split()[0]
    return (datetime.fromisoformat(listening) - datetime.fromisoformat(started)).total_seconds()


def costs(records: list[Record], windows: Windows, turns: list[Turn]) -> Costs:
    steady, deploying, engine = (
        Numbers.of([record for record in records if any(begin <= record.started < end for begin, end in each)])
        for each in (windows.steady, windows.deploying, windows.engine)
    )
    switches: list[Handover] = handovers(records, lambda record: record.release)
    assert len(switches) == DEPLOYMENTS
    return Costs(
        requests=len(records),
        lost=sum(bool(record.failure) for record in records),
        p50_ratio=deploying.p50_ms / steady.p50_ms,
        p99_ratio=deploying.p99_ms / steady.p99_ms,
        engine_p99_ratio=engine.p99_ms / steady.p99_ms,
        overlap_ms=max(switch.overlap_ms for switch in switches),
        stale=sum(switch.stale for switch in switches),
        gap_ms=median(switch.gap_ms for switch in switches),
        deployment_seconds=median(turn.deployment for turn in turns),
        deployment_ratio=median(turn.deployment / turn.empty for turn in turns),
        nothing_seconds=median(turn.nothing for turn in turns),
        nothing_ratio=median(turn.nothing / turn.empty for turn in turns),
        empty_seconds=median(turn.empty for turn in turns),
    )
