# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests per second through luma-proxy, through a plain HAProxy of the same image, and without a proxy."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from statistics import median

from tests.host import PROXY, PROXY_IMAGE, docker
from tests.zero_loss.project import Project, wait_for

# Many short turns: what else the machine does then falls on all three alike.
ROUNDS = 20
SECONDS = 1
CONNECTIONS = 64

# A backend that is faster than any proxy in front of it.
BACKEND = """\
defaults
    mode http
    timeout client 30s
frontend hello
    bind :3000
    http-request return status 200 content-type text/plain string "hello"
"""
PLAIN = """\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend http
    bind :8080
    default_backend web
backend web
    server web {project}:3000
"""


@dataclass
class Rates:
    """Requests per second through luma-proxy, and its ratios to the others: medians over the rounds."""

    luma: float
    to_plain: float
    to_backend: float


def measure_throughput(project: Project) -> Rates:
    """Deploy the static backend as the project's app, and measure the three ways to it in turns."""
    (project.folder / "backend.cfg").write_text(BACKEND)
    (project.folder / "plain.cfg").write_text(PLAIN.format(project=project.name))
    project.app |= {
        "image": PROXY_IMAGE,
        "command": ["haproxy", "-db", "-f", "/backend.cfg"],
        "volumes": ["./backend.cfg:/backend.cfg:ro"],
    }
    deployment = project.deploy()
    assert deployment.code == 0, deployment.output
    (backend,) = project.containers()
    plain = start_plain_proxy(project)
    try:
        urls = [
            f"http://{address(PROXY, project)}:8080/",
            f"http://{address(plain, project)}:8080/",
            f"http://{address(backend, project)}:3000/",
        ]
        rounds = [[wrk(url, project.host) for url in urls] for _round in range(ROUNDS)]
    finally:
        docker("rm", "--force", plain)
    return Rates(
        luma=median(luma for luma, _plain, _backend in rounds),
        to_plain=median(luma / plain for luma, plain, _unused in rounds),
        to_backend=median(luma / backend for luma, _plain, backend in rounds),
    )


def start_plain_proxy(project: Project) -> str:
    name = f"{project.name}-plain"
    config = f"{project.folder / 'plain.cfg'}:/plain.cfg:ro"
    docker(
        *("run", "--detach", "--name", name, "--network", f"{project.name}-network", "--volume", config),
        *(PROXY_IMAGE, "haproxy", "-db", "-f", "/plain.cfg"),
    )
    wait_for(lambda: docker("inspect", "--format", "{{.State.Running}}", name) == "true", "no plain proxy")
    return name


def address(container: str, project: Project) -> str:
    """A container's own address: over a published port, Docker's port forwarding would be measured too."""
    network = f'{{{{(index .NetworkSettings.Networks "{project.name}-network").IPAddress}}}}'
    return docker("inspect", "--format", network, container)


def wrk(url: str, host: str) -> float:
    """Requests per second that wrk gets from `CONNECTIONS` connections. An answer other than 2xx fails."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Host: {host}", url]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found, output
    return float(found[1])
