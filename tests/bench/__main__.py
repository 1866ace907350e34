# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what luma costs. What is compared is measured in turns, in one run: machines are noisy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.deployments import measure_deployments
from tests.bench.throughput import measure_throughput
from tests.zero_loss.project import Project, build_images, proxy_exists, remove_proxy


@contextmanager
def project(name: str, **app: Any) -> Iterator[Project]:
    """A project in a temporary folder, removed at the end, and the proxy with it if there was none before."""
    proxy_ran = proxy_exists()
    with tempfile.TemporaryDirectory(prefix=f"luma-{name}-") as folder:
        made = Project(name, Path(folder), **app)
        try:
            yield made
        finally:
            made.remove()
            if not proxy_ran:
                remove_proxy()


def main() -> None:
    build_images()
    with project("bench-deployments", replicas=2) as deployed:
        costs = measure_deployments(deployed)
    with project("bench-throughput") as deployed:
        rates = measure_throughput(deployed)
    rows = [
        ("p50 latency, during deployments / steady", f"{costs.p50_ratio:.2f}", ""),
        ("p99 latency, during deployments / steady", f"{costs.p99_ratio:.2f}", "< 1.5"),
        ("version overlap of a switch, longest of all", f"{costs.overlap_ms:.2f} ms", "< 1 ms"),
        ("    requests that prove an overlap", f"{costs.stale}", "0"),
        ("    last old → first new request, median", f"{costs.gap_ms:.2f} ms", ""),
        ("requests lost, of " + f"{costs.requests:,}", f"{costs.lost}", "0"),
        ("requests/s, luma-proxy / plain HAProxy", f"{rates.to_plain:.2f}", ">= 0.95"),
        ("requests/s, luma-proxy / the backend alone", f"{rates.to_backend:.2f}", ""),
        ("    luma-proxy", f"{rates.luma:,.0f}", ""),
        ("deployment, without the app's own start", f"{costs.deployment_seconds:.1f} s", "<= 3 s"),
        ("    / ansible-playbook without a task", f"{costs.deployment_seconds / costs.empty_seconds:.1f}", "<= 5.5"),
        ("run that changes nothing", f"{costs.nothing_seconds:.1f} s", "<= 2 s"),
        ("    / ansible-playbook without a task", f"{costs.nothing_seconds / costs.empty_seconds:.1f}", "<= 3.6"),
        ("    ansible-playbook without a task", f"{costs.empty_seconds:.2f} s", "0.55 s"),
    ]
    print(f"{'':44} {'measured':>10}  aim")
    for what, measured, aim in rows:
        print(f"{what:44} {measured:>10}  {aim}")


if __name__ == "__main__":
    main()
