# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients notice of a deployment, and the seconds that it takes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import Handover, Numbers, Record, handovers

from tests.host import ROOT, docker
from tests.zero_loss.project import Deployment, Project, Traffic

DEPLOYMENTS = 6
STEADY_SECONDS = 8
RATE = "600"

Window = tuple[float, float]


@dataclass
class Costs:
    """Latencies as ratios; the rest of the worst or the median deployment, as the names say."""

    requests: int
    lost: int
    p50_ratio: float
    p99_ratio: float
    overlap_ms: float
    stale: int
    gap_ms: float
    deployment_seconds: float
    nothing_seconds: float
    empty_seconds: float


def measure_deployments(project: Project) -> Costs:
    """Alternate between steady traffic and deployments under the same traffic."""
    deploy(project, 0)
    steady: list[Window] = []
    busy: list[Window] = []
    seconds: list[float] = []
    with Traffic(project.url, project.host, project.folder, "--rate", RATE) as traffic:
        for number in range(1, DEPLOYMENTS + 1):
            began = time.monotonic()
            time.sleep(STEADY_SECONDS)
            middle = time.monotonic()
            deployment = deploy(project, number)
            steady.append((began, middle))
            busy.append((middle, time.monotonic()))
            seconds.append(deployment.seconds - start_seconds(project))
        records = traffic.stop().records
    pairs = [(deploy(project, DEPLOYMENTS).seconds, empty_seconds(project.folder)) for _run in range(5)]
    return costs(records, steady, busy, seconds, pairs)


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


def costs(
    records: list[Record],
    steady: list[Window],
    busy: list[Window],
    seconds: list[float],
    pairs: list[tuple[float, float]],
) -> Costs:
    calm, deploying = Numbers.of(within(records, steady)), Numbers.of(within(records, busy))
    switches: list[Handover] = handovers(records, lambda record: record.release)
    assert len(switches) == DEPLOYMENTS
    return Costs(
        requests=len(records),
        lost=sum(bool(record.failure) for record in records),
        p50_ratio=deploying.p50_ms / calm.p50_ms,
        p99_ratio=deploying.p99_ms / calm.p99_ms,
        overlap_ms=max(switch.overlap_ms for switch in switches),
        stale=sum(switch.stale for switch in switches),
        gap_ms=median(switch.gap_ms for switch in switches),
        deployment_seconds=median(seconds),
        nothing_seconds=median(nothing for nothing, _empty in pairs),
        empty_seconds=median(empty for _nothing, empty in pairs),
    )


def within(records: list[Record], windows: list[Window]) -> list[Record]:
    return [record for record in records if any(begin <= record.started < end for begin, end in windows)]
