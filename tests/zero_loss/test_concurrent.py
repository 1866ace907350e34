# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two apps of one project, and two projects, are deployed to one host at once and do not disturb each other."""

from __future__ import annotations

import contextlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words, handovers

from tests.host import APP_IMAGE, LUMA
from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Project, Traffic

APPS = ("one", "two")
# Of each of the four clients: what is measured is not the speed.
MODERATE = ("--rate=50", "--keep-alive=4", "--new-connection=2", "--upload=1")


class Pair:
    """A project of two apps and a service, which every deployment of either app brings up."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.file = project.folder / "luma.yml"
        # The names of containers belong to the whole engine.
        self.hosts = {f"{project.name}-{app}": f"{app}.{project.host}" for app in APPS}

    def write(self, release: str) -> None:
        environment = {"plain": {"VERSION": release}}
        proxy = self.project.app["proxy"]
        apps = {
            app: {**self.project.app, "environment": environment, "proxy": {**proxy, "hosts": [host]}}
            for app, host in self.hosts.items()
        }
        content = {"name": self.project.name, "proxy": self.project.proxy, "apps": apps}
        self.file.write_text(yaml.safe_dump({**content, "services": {"cache": {"image": APP_IMAGE}}}))

    def deploy(self, *app: str) -> str:
        """Returns what was printed."""
        command = [str(LUMA), "-c", str(self.file), "deploy", *app]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def pairs(make_project: MakeProject) -> list[Pair]:
    made = [make_project("left", replicas=2), make_project("right", replicas=2)]
    # Whichever comes first makes the proxy.
    made[1].proxy = made[0].proxy
    return [Pair(project) for project in made]


def deploy_all_at_once(pairs: list[Pair], release: str) -> None:
    for pair in pairs:
        pair.write(release)
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(pair.deploy, app) for pair in pairs for app in pair.hosts]
    for run in runs:
        run.result()


def test_four_deployments_at_once(pairs: list[Pair], tmp_path: Path) -> None:
    deploy_all_at_once(pairs, "r1")
    clients: list[Traffic] = []
    with contextlib.ExitStack() as stack:
        for pair in pairs:
            for app, host in pair.hosts.items():
                folder = tmp_path / app
                folder.mkdir()
                clients.append(stack.enter_context(Traffic(pair.project.url, host, folder, *MODERATE)))
        deploy_all_at_once(pairs, "r2")
        reports = [client.stop().records for client in clients]
    for records in reports:
        assert failures_in_words(records) == []
        switches = handovers(records, lambda record: record.release)
        assert [(switch.before, switch.after, switch.stale) for switch in switches] == [("r1", "r2", 0)]
    for pair in pairs:
        assert pair.deploy().count("Nothing changed") == len(APPS)
