# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment to several servers costs, and what each further server adds.

The servers are containers of this machine, so that their engines' work is done by the same few CPUs as the
controller's: it is counted apart, and the same deployments are measured again with simulated hosts, which leave it out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import docker

from tests.bench.controller import Run, run_luma
from tests.bench.simulation import RUNS, Simulation
from tests.fleet.fleet import Fleet, temporary_servers
from tests.testbed.servers import Server

ENGINE = "26.1"
SIZES = (1, 3, 6, 12)
ROUNDS = 3


@dataclass(frozen=True)
class Costs:
    """Of deployments, or of runs that change nothing: medians by the number of hosts, in seconds."""

    seconds: dict[int, float]
    cpu: dict[int, float]
    servers_cpu: dict[int, float]

    @property
    def ratio(self) -> float:
        """The most hosts against one."""
        return self.seconds[SIZES[-1]] / self.seconds[SIZES[0]]


@dataclass(frozen=True)
class FleetCosts:
    """Connections and steps (programs that ssh starts) are of one host in one deployment."""

    deployments: Costs
    nothing: Costs
    simulated_deployments: Costs
    simulated_nothing: Costs
    connections: int
    steps: int
    steps_of_nothing: int


def slope(costs: dict[int, float]) -> float:
    """What a further host adds."""
    return linear_regression(list(costs), list(costs.values())).slope


def measure_fleet() -> FleetCosts:
    """Deploy to more and more servers, in turns; then to as many simulated ones."""
    with tempfile.TemporaryDirectory(prefix="luma-") as folder, temporary_servers(*[ENGINE] * SIZES[-1]) as servers:
        fleet = Fleet("bench-fleet", servers, Path(folder))
        fleet.write("r0")
        run_luma(fleet.folder, "deploy")
        deployments, nothing = in_turns(lambda hosts, new: deploy(fleet, hosts, new), list(servers.values()))
        traced = [trace(fleet, new) for new in (True, False)]
        simulation = Simulation(fleet, next(iter(servers)))
        simulated, simulated_nothing = in_turns(
            lambda hosts, new: simulation.deploy(hosts, "deploy" if new else "nothing"), [simulation.server]
        )
    return FleetCosts(
        deployments,
        nothing,
        simulated,
        simulated_nothing,
        connections=traced[0].connections,
        steps=traced[0].output.count("SSH: EXEC"),
        steps_of_nothing=traced[1].output.count("SSH: EXEC"),
    )


def measure_simulated(hosts: int, forks: Iterable[int]) -> Iterator[tuple[int, str, Run]]:
    """Runs that change nothing and deployments on simulated hosts, with each number of forks."""
    with tempfile.TemporaryDirectory(prefix="luma-") as folder, temporary_servers(ENGINE) as servers:
        fleet = Fleet("bench-fleet", servers, Path(folder))
        fleet.write("r0")
        run_luma(fleet.folder, "deploy")
        (server,) = servers
        simulation = Simulation(fleet, server)
        for run in reversed(RUNS):
            for at_once in forks:
                yield at_once, run, simulation.deploy(hosts, run, forks=at_once)


def deploy(fleet: Fleet, hosts: int, new: bool) -> Run:
    """Deploy to the first servers: a `new` release, or the one that they have."""
    if new:
        fleet.write(f"r{int(fleet.release[1:]) + 1}", hosts=list(fleet.servers)[:hosts])
    return run_luma(fleet.folder, "deploy")


def trace(fleet: Fleet, new: bool) -> Run:
    """A deployment to one server, whose output says what ssh is told."""
    if new:
        fleet.write(f"r{int(fleet.release[1:]) + 1}", hosts=list(fleet.servers)[:1])
    return run_luma(fleet.folder, "deploy", ANSIBLE_VERBOSITY="3")


def in_turns(run: Callable[[int, bool], Run], servers: Iterable[Server]) -> tuple[Costs, Costs]:
    """Deployments to each number of hosts, each followed by one that changes nothing."""
    runs: dict[bool, dict[int, list[tuple[Run, float]]]] = {new: {size: [] for size in SIZES} for new in (True, False)}
    for _round in range(ROUNDS):
        for size in SIZES:
            for new in (True, False):
                before = cpu_seconds(servers)
                measured = run(size, new)
                runs[new][size].append((measured, cpu_seconds(servers) - before))
    deployments, nothing = (medians(runs[new]) for new in (True, False))
    return deployments, nothing


def medians(runs: dict[int, list[tuple[Run, float]]]) -> Costs:
    return Costs(
        seconds={size: median(run.seconds for run, _servers in found) for size, found in runs.items()},
        cpu={size: median(run.cpu for run, _servers in found) for size, found in runs.items()},
        servers_cpu={size: median(servers for _run, servers in found) for size, found in runs.items()},
    )


def cpu_seconds(servers: Iterable[Server]) -> float:
    """What the servers have used since they were started, with all that runs on them."""

    def used(server: Server) -> float:
        stats: Any = docker.APIClient().stats(server.name, stream=False, one_shot=True)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    with ThreadPoolExecutor() as pool:  # the engine takes its time
        return sum(pool.map(used, servers))
