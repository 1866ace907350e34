# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many deployments under a million requests, by `make soak`. It takes many minutes and is no part of `make test`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words, handovers

from tests.host import PREFIX
from tests.zero_loss.project import Project, Traffic, wait_for

DEPLOYMENTS = 50
REQUESTS = 1_000_000
ON_SIGTERM = ("graceful", "ignore", "die")
#: After which the app closes an idle connection: as gunicorn, which is the quickest of those that people use.
IDLE_SECONDS = "2"
TRAFFIC = (
    *("--rate=2000", "--keep-alive=24", "--new-connection=8", "--idle=12", f"--idle-seconds={IDLE_SECONDS}"),
    *("--slow=6", "--stream=3", "--upload=2", "--websocket=2", "--seconds=7200"),
)


@pytest.fixture
def project(reserved_host: None, tmp_path: Path) -> Iterator[Project]:
    made = Project(f"{PREFIX}soak", tmp_path, replicas=2)
    yield made
    made.remove()


def test_soak(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def deploy(number: int) -> None:
        done = project.deploy(
            VERSION=f"r{number}", ON_SIGTERM=ON_SIGTERM[number % len(ON_SIGTERM)], IDLE_SECONDS=IDLE_SECONDS
        )
        assert done.code == 0, done.output

    deploy(0)
    with Traffic(project.url, project.host, tmp_path, *TRAFFIC) as traffic:
        for number in range(1, DEPLOYMENTS + 1):
            deploy(number)
        # A record is a line of the report, which is too long by now to be read again and again.
        wait_for(lambda: lines_of(traffic.path) > REQUESTS, "too few requests", seconds=3600)
        records = traffic.stop().records
    kinds = Counter(record.kind for record in records)
    switches = handovers(records, lambda record: record.release)
    lost, stale = sum(bool(record.failure) for record in records), sum(switch.stale for switch in switches)
    with capsys.disabled():
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        print(f"\n{len(switches)} deployments, {len(records):,} requests ({counts}), {lost} lost, {stale} stale")
    assert failures_in_words(records) == []
    assert len(switches) == DEPLOYMENTS


def lines_of(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _line in file)
