# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of the test's own, deployed with bin/luma as a user would, and traffic to it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import yaml
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import Report

from tests.host import (
    APP_IMAGE,
    LUMA,
    PROXY,
    PROXY_FOLDER,
    PROXY_IMAGE,
    ROOT,
    docker,
    free_port,
    proxy_exists,
    remove_project,
)

DYING = Path(__file__).parent / "dying"
RATE = "150"
"""Requests a second, unless a test wants others: the deployment that they watch needs this machine, too."""


def wait_for(condition: Callable[[], bool], complaint: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)


class Deployment(NamedTuple):
    """What a run of bin/luma came to."""

    code: int
    output: str
    seconds: float


class Project:
    """A project with one app of the same name, in a temporary folder. `app` overrides keys of the app."""

    def __init__(self, name: str, folder: Path, **app: Any) -> None:
        self.name = name
        self.folder = folder
        self.host = f"{name}.localhost"
        self.app = {
            "image": APP_IMAGE,
            "proxy": {"hosts": [self.host], "app_port": 3000},
            "drain_timeout": "7s",
            "stop_timeout": "1s",
            **app,
        }
        self.proxy: dict[str, Any] = {"image": PROXY_IMAGE}
        if not proxy_exists():
            ports = {"http_port": free_port(), "https_port": free_port()}
            self.proxy = {**self.proxy, "bind": "127.0.0.1", **ports}

    # As a user does it

    def write(self, **environment: str) -> Path:
        """Write luma.yml, with this environment for the app."""
        app = {**self.app, "environment": {"plain": environment}}
        path = self.folder / "luma.yml"
        path.write_text(yaml.safe_dump({"name": self.name, "proxy": self.proxy, "apps": {self.name: app}}))
        return path

    def deploy(self, *, dies_at: str = "", **environment: str) -> Deployment:
        """Deploy the app with this environment; `dies_at` a step of the switch (see `dying`)."""
        command = [str(LUMA), "-c", str(self.write(**environment)), "deploy"]
        dying = {"PYTHONPATH": str(DYING), "LUMA_TEST_DIES_AT": dies_at, "LUMA_TEST_RUN_BY": str(os.getpid())}
        began = time.monotonic()
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(dying if dies_at else {})},
            text=True,
            timeout=180,
            check=False,
        )
        return Deployment(done.returncode, done.stdout, time.monotonic() - began)

    @property
    def url(self) -> str:
        """Where the proxy listens on this machine."""
        published = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", PROXY))
        return f"http://127.0.0.1:{published['8080/tcp'][0]['HostPort']}"

    # What the engine and the proxy say

    def containers(self) -> dict[str, str]:
        """The names of the app's running containers, and the release label of each."""
        label = f"label=luma.project={self.name}"
        lines = docker("ps", "--filter", label, "--format", '{{.Names}} {{.Label "luma.release"}}').splitlines()
        return dict(sorted((name, release) for name, _unused, release in (line.partition(" ") for line in lines)))

    @property
    def backend(self) -> str:
        """The name of the app's backend in the proxy."""
        return f"{self.name}:{self.name}"

    def counters(self) -> dict[str, int]:
        """What the proxy has counted for the app's backend since its worker began."""
        text = Haproxy(PROXY_FOLDER / "run").run(f"show stat {self.backend} 2 -1")
        row = next(csv.DictReader(text.removeprefix("# ").splitlines()))
        return {name: int(value) for name, value in row.items() if value and value.isdigit()}

    def remove(self) -> None:
        """Remove everything of the project; the proxy forgets it."""
        remove_project(self.name)


def luma(project: Project, *arguments: str) -> Deployment:
    """A command about the project."""
    began = time.monotonic()
    command = [str(LUMA), "-c", str(project.folder / "luma.yml"), *arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=180
    )
    return Deployment(done.returncode, done.stdout, time.monotonic() - began)


class Traffic:
    """The traffic client in a process of its own; as a context manager it runs until `stop`, or the end."""

    def __init__(self, url: str, host: str, folder: Path, *options: str) -> None:
        self.path = folder / "report"
        self.command = [
            # It ends with the tests, where they are killed, too.
            *(sys.executable, "-m", "plugin_utils.traffic.client", "--parent", str(os.getpid())),
            *("--url", url, "--host", host, "--rate", RATE, *options),
        ]

    def __enter__(self) -> Traffic:
        with self.path.open("w") as report:
            self._process = subprocess.Popen(
                self.command, stdout=report, env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
            )
        wait_for(lambda: self.path.stat().st_size > 0 and bool(self.so_far().records), "no traffic")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> Report:
        """Let it finish the requests in flight; returns the fate of them all."""
        self._process.terminate()
        self._process.wait(timeout=60)
        return Report.read(self.path)

    def wait(self) -> None:
        """Wait until it has done all that it was to do."""
        self._process.wait(timeout=60)

    def so_far(self) -> Report:
        return Report.read(self.path)
