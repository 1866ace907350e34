# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what luma costs. What is compared is measured in turns, in one run: machines are noisy.

python -m tests.bench                      # all parts
python -m tests.bench fleet                # one of them
python -m tests.bench simulated 100 25 50  # simulated hosts, and how many are worked on at the same time
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.deployments import REPLICAS, measure_deployments
from tests.bench.fleet import SIZES, Costs, measure_fleet, measure_simulated, slope
from tests.bench.throughput import measure_throughput
from tests.host import PREFIX, reserved
from tests.zero_loss.project import Project

#: What was measured, the value, the aim, and what others come to.
Row = tuple[str, str, str, str]

# Measured once, with other traffic, on a machine of the same kind: what this one would make of them is open.
PEERS_SECONDS = "kamal 2.1, rollout 3.5, Swarm 7.1"


@contextmanager
def project(name: str, **app: Any) -> Iterator[Project]:
    """A project in a temporary folder, removed at the end, and the proxy with it if there was none before."""
    with reserved(), tempfile.TemporaryDirectory(prefix=f"luma-{name}-") as folder:
        made = Project(PREFIX + name, Path(folder), **app)
        try:
            yield made
        finally:
            made.remove()


def deployments() -> list[Row]:
    with project("bench-deployments", replicas=REPLICAS) as deployed:
        costs = measure_deployments(deployed)
    return [
        ("p50 latency, during deployments / steady", f"{costs.p50_ratio:.2f}", "", ""),
        ("p99 latency, during deployments / steady", f"{costs.p99_ratio:.2f}", "< 1.5", ""),
        ("    while the engine starts and stops alone", f"{costs.engine_p99_ratio:.2f}", "", ""),
        ("version overlap of a switch, longest of all", f"{costs.overlap_ms:.2f} ms", "< 1 ms", "kamal-proxy 0"),
        ("    requests that prove an overlap", f"{costs.stale}", "0", "Swarm: 2.0 s long"),
        ("    last old → first new request, median", f"{costs.gap_ms:.2f} ms", "", ""),
        ("requests lost, of " + f"{costs.requests:,}", f"{costs.lost}", "0", "kamal-proxy 0, docker-rollout 54"),
        ("deployment, without the app's own start", f"{costs.deployment_seconds:.1f} s", "", PEERS_SECONDS),
        ("    / ansible-playbook without a task", f"{costs.deployment_ratio:.1f}", "<= 5", ""),
        ("run that changes nothing", f"{costs.nothing_seconds:.1f} s", "", ""),
        ("    / ansible-playbook without a task", f"{costs.nothing_ratio:.1f}", "<= 2.2", ""),
        ("    ansible-playbook without a task", f"{costs.empty_seconds:.2f} s", "", ""),
    ]


def throughput() -> list[Row]:
    with project("bench-throughput") as deployed:
        rates = measure_throughput(deployed)
    return [
        ("requests/s, luma-proxy / plain HAProxy", f"{rates.to_plain:.2f}", ">= 0.97", "kamal-proxy 0.40, Caddy 0.30"),
        ("requests/s, luma-proxy / the backend alone", f"{rates.to_backend:.2f}", "", ""),
        ("    luma-proxy", f"{rates.luma:,.0f}", "", ""),
        ("requests/s with access_log: true / without", f"{rates.logged:.2f}", "", ""),
        ("    with access_log: json / without", f"{rates.logged_as_json:.2f}", "", ""),
        ("requests/s by HTTPS, luma-proxy / plain HAProxy", f"{rates.https_to_plain:.2f}", ">= 0.97", ""),
        ("    luma-proxy", f"{rates.https:,.0f}", "", ""),
        ("TLS handshakes/s, luma-proxy / plain HAProxy", f"{rates.handshakes_to_plain:.2f}", ">= 0.97", ""),
        ("    luma-proxy", f"{rates.handshakes:,.0f}", "", ""),
    ]


def fleet() -> list[Row]:
    costs = measure_fleet()
    return [
        *runs(f"deployment to {SIZES[-1]} servers", costs.deployments, "", of="servers"),
        *runs(f"deployment to {SIZES[-1]} simulated hosts", costs.simulated_deployments, "<= 1.7", of="simulation"),
        *runs(f"nothing changed on {SIZES[-1]} servers", costs.nothing, "", of="servers"),
        *runs(f"nothing changed on {SIZES[-1]} simulated hosts", costs.simulated_nothing, "", of="simulation"),
        ("ssh connections to a host, for a deployment", f"{costs.connections}", "1", ""),
        ("    steps over it", f"{costs.steps}", "3", ""),
        ("    steps where nothing changed", f"{costs.steps_of_nothing}", "1", ""),
    ]


def runs(what: str, costs: Costs, aim: str, of: str) -> list[Row]:
    def listed(seconds: dict[int, float]) -> str:
        return " ".join(f"{value:.1f}" for value in seconds.values())

    sizes = ", ".join(str(size) for size in SIZES)
    return [
        (f"{what} / to one", f"{costs.ratio:.1f}", aim, ""),
        (f"    seconds for {sizes}", listed(costs.seconds), "", ""),
        ("    CPU seconds of the controller", listed(costs.cpu), "", ""),
        (f"    CPU seconds of the {of}", listed(costs.servers_cpu), "", ""),
        ("    seconds for a further host", f"{slope(costs.seconds):.2f}", "", ""),
        ("    CPU seconds for a further host", f"{slope(costs.cpu):.2f}", "", ""),
    ]


PARTS = {"deployments": deployments, "throughput": throughput, "fleet": fleet}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["simulated"]:
        hosts, *forks = map(int, arguments[1:])
        print_simulated(hosts, forks)
        return
    rows = [row for part in arguments or PARTS for row in PARTS[part]()]
    print(f"{'':46} {'measured':>20}  {'aim':7} others")
    for what, measured, aim, others in rows:
        print(f"{what:46} {measured:>20}  {aim:7} {others}".rstrip())


def print_simulated(hosts: int, forks: list[int]) -> None:
    for at_once, run, cost in measure_simulated(hosts, forks):
        print(
            f"{hosts} hosts, {at_once} forks, {run}: {cost.seconds:.0f} s, {cost.cpu:.0f} CPU seconds, "
            f"{cost.memory:,.0f} MB, {cost.connections} connections",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
