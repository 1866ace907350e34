# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine as a host of luma: its engine, its proxy, and what luma keeps on it of a project."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LUMA = ROOT / "bin" / "luma"
PROXY = "luma-proxy"
STATE = Path("/var/lib/luma")
PROXY_FOLDER = STATE / "proxy"
PROXY_IMAGE = "luma-example/haproxy"
NEWER_PROXY_IMAGE = "luma-test/haproxy-sid"
PROMETHEUS_IMAGE = "luma-test/prometheus"
ACME_IMAGE = "luma-test/acme"
ACME_PACKAGES = ("lego", "python3-minimal", "openssl", "ca-certificates", "pebble", "curl")
"""What the ACME agent needs, a CA, and a client that speaks HTTP/3."""
APP_IMAGE = "luma-test/app"

PREFIX = f"test{os.getpid()}-"
"""The names of this run's projects begin with it: what is left of them without a run can be told by it."""

APP = f"testapp{os.getpid()}"
"""An app's containers have its name, so that of an app of another run has to be another one."""
TEST_PROXY = "luma-test-proxy-"
OF_A_RUN = re.compile(rf"(?:0-)?(?:test|{TEST_PROXY})(\d+)\b")
"""What the name of something that a run of tests has made begins with, and the run's process."""

LOCK = Path(tempfile.gettempdir(), "luma-tests.lock")
INSTALLING = Path(tempfile.gettempdir(), "luma-tests-installing.lock")


@contextlib.contextmanager
def reserved() -> Iterator[None]:
    """This machine for one run of tests at a time, with the images, and without what killed runs have left.

    A proxy that runs already is used, and stays.
    """
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_leftovers()
        build_images()
        ran_before = proxy_exists()
        try:
            yield
        finally:
            if not ran_before:
                remove_proxy()


def install(**packages: str) -> None:
    """Install packages of the system, each by the program that it brings. Others may do so at the same time."""
    with INSTALLING.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [package for program, package in packages.items() if not shutil.which(program)]:
            for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
                subprocess.run(["apt-get", *command], check=True, stdout=subprocess.DEVNULL)


def docker(*arguments: str) -> str:
    """Run the docker command; returns what it printed. Its error says what it printed as an error."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise
    return done.stdout.strip()


def proxy_configuration() -> str:
    """What luma-proxy has loaded."""
    return (PROXY_FOLDER / "etc" / "haproxy.cfg").read_text()


def build_images() -> None:
    """The example's images, which need no registry, on top of them that of the test app; a newer proxy, Prometheus."""
    subprocess.run(["./prepare"], cwd=ROOT / "examples" / "blog", check=True)
    subprocess.run([ROOT / "examples" / "debian-image", NEWER_PROXY_IMAGE, "sid", "haproxy"], check=True)
    subprocess.run([ROOT / "examples" / "debian-image", ACME_IMAGE, "sid", *ACME_PACKAGES], check=True)
    subprocess.run([ROOT / "examples" / "debian-image", PROMETHEUS_IMAGE, "sid", "prometheus"], check=True)
    docker("build", "--quiet", "--tag", APP_IMAGE, str(ROOT / "tests" / "testbed" / "app"))


def proxy_exists() -> bool:
    return bool(docker("ps", "--all", "--quiet", "--filter", f"name=^{PROXY}$"))


def remove_proxy() -> None:
    docker("rm", "--force", PROXY, f"{PROXY}-ipv6")
    shutil.rmtree(PROXY_FOLDER, ignore_errors=True)


def remove_project(project: str) -> None:
    """Remove everything of a project; the proxy forgets it."""
    remove_containers(f"label=luma.project={project}")
    remove_network(f"{project}-network")
    remove_network(f"0-luma-takeover-{project}")
    for route in (PROXY_FOLDER / "routes").glob(f"{project}:*.json"):
        route.unlink()
    for folder in (PROXY_FOLDER / "acme").glob(f"{project}:*"):
        shutil.rmtree(folder)
    for kind in ("releases", "services", "locks", "files", "metrics/facts"):
        shutil.rmtree(STATE / kind / project, ignore_errors=True)
    kept = docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"luma/{project}/*").split()
    if kept:
        docker("rmi", "--force", *kept)


def remove_containers(filter_: str) -> None:
    """Remove the containers that a filter of `docker ps` finds."""
    if containers := docker("ps", "--all", "--quiet", "--filter", filter_).split():
        docker("rm", "--force", *containers)


def remove_network(name: str) -> None:
    """Remove a network, whoever is connected to it. It may be gone already."""
    if docker("network", "ls", "--quiet", "--filter", f"name=^{name}$"):
        for container in docker(
            "network", "inspect", "--format", "{{range .Containers}}{{.Name}} {{end}}", name
        ).split():
            docker("network", "disconnect", "--force", name, container)
        docker("network", "rm", name)


def remove_leftovers() -> None:
    """Remove what runs of tests have left that were killed."""
    containers = docker("ps", "--all", "--format", "{{.Names}}").split()
    # Those of a proxy, and of the earlier luma, have no label of a project.
    if left := [name for name in containers if is_left_over(name)]:
        docker("rm", "--force", *left)
    projects = set(docker("ps", "--all", "--format", '{{.Label "luma.project"}}').split())
    networks = docker("network", "ls", "--format", "{{.Name}}").split()
    for network in networks:
        if network.startswith("0-") and is_left_over(network):
            remove_network(network)
    projects.update(network.removesuffix("-network") for network in networks)
    projects.update(folder.name for folder in STATE.glob("*/*") if folder.is_dir())
    for project in filter(is_left_over, projects):
        remove_project(project)


def is_left_over(name: str) -> bool:
    """Whether it has the name of what a run of tests has made that does not run any more."""
    made = OF_A_RUN.match(name)
    return made is not None and not Path("/proc", made[1]).exists()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
