# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More hosts than this machine could carry: they do nothing but answer what a real server has answered.

One server stands for all of them, under as many names, each with an ssh connection of its own. What luma's modules
print on it in a real deployment, and how long they take, is recorded; then its Python is one that replays that. So the
controller does all that it does for as many real hosts, and waits for them as long, but they work on CPUs that are not
this machine's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.bench.controller import Run, run_luma
from tests.fleet.fleet import Fleet
from tests.host import docker
from tests.testbed.servers import Server

RECORDING = Path(__file__).parent / "recording"
RUNS = ("deploy", "nothing")
"""What is recorded: a deployment, and a run that changes nothing."""


class Simulation:
    """Simulated hosts, which answer as the server of that name in the fleet does; it is of no other use afterwards."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self.fleet = fleet
        self.server = fleet.servers[name]
        self.address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.server.name)
        # One for each fork at once.
        self.server.run("echo MaxStartups 1000 >>/etc/ssh/sshd_config && kill -HUP $(pgrep -o -x sshd)")
        self._record(name)

    def _record(self, name: str) -> None:
        for run in RUNS:
            install(self.server, run, "record")
            self.fleet.host_variables[name] = {"ansible_python_interpreter": interpreter(run)}
            self.fleet.write("recorded", hosts=[name])
            run_luma(self.fleet.folder, "deploy")
            install(self.server, run, "replay")

    def deploy(self, hosts: int, run: str = "deploy", *, forks: int = 25, **app: Any) -> Run:
        """Run `luma deploy` for as many simulated hosts, which answer as in that one of `RUNS`."""
        names = [f"sim{number}" for number in range(1, hosts + 1)]
        self.fleet.write("recorded", hosts=names, **app)
        variables = {
            **self.server.inventory_vars,
            "ansible_port": 22,
            "ansible_python_interpreter": interpreter(run),
        }
        variables["ansible_ssh_common_args"] = f"{variables['ansible_ssh_common_args']} -o HostName={self.address}"
        # Connections are shared by what has the same name.
        inventory = {name: {**variables, "ansible_host": name} for name in names}
        (self.fleet.folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": inventory}}))
        # Their sshd has no CPU of its own, and may take longer than a host's to answer.
        return run_luma(self.fleet.folder, "deploy", ANSIBLE_FORKS=str(forks), ANSIBLE_TIMEOUT="60")


def interpreter(run: str) -> str:
    return f"/recording/{run}/python"


def install(server: Server, run: str, program: str) -> None:
    server.run(f"mkdir -p /recording/{run}")
    docker("cp", str(RECORDING / program), f"{server.name}:/recording/{run}/python")
    docker("cp", str(RECORDING / "step"), f"{server.name}:/recording/{run}/step")
