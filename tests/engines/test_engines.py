# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On each supported engine, on a server that is reached over ssh: two releases, and not one request lost; an image."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import Record, failures_in_words, handovers

from tests.host import APP_IMAGE, PROXY_IMAGE, docker
from tests.remote import project as remote
from tests.testbed.servers import REPOSITORY, Server
from tests.zero_loss.project import Traffic, wait_for

HOST = "blog.localhost"


class Project(NamedTuple):
    """A project of one app, in a folder of its own, that is deployed to a server."""

    server: Server
    folder: Path

    def deploy(self, version: str) -> None:
        """Deploy that version. A deployment that fails fails the test."""
        app = {
            "image": APP_IMAGE,
            "replicas": 2,
            "environment": {"plain": {"VERSION": version}},
            "proxy": {"hosts": [HOST], "app_port": 3000},
        }
        luma_file = self.folder / "luma.yml"
        luma_file.write_text(
            yaml.safe_dump({"name": "engines", "proxy": {"image": PROXY_IMAGE}, "apps": {"blog": app}})
        )
        inventory = self.folder / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {"server": self.server.inventory_vars}}}))
        deployment = subprocess.run(
            [
                *("ansible-playbook", "--inventory", inventory, REPOSITORY / "playbooks" / "deploy.yml"),
                *("--extra-vars", f"luma_file={luma_file}"),
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert deployment.returncode == 0, deployment.stdout

    def answering_release(self) -> str | None:
        """The release that answers a request through the proxy, None where it is not answered with 200."""
        request = Request(f"http://127.0.0.1:{self.server.port(80)}/", headers={"Host": HOST})
        try:
            with urlopen(request, timeout=5) as response:
                release: str = response.headers["X-Release"]
                return release
        except OSError:
            return None

    def containers(self) -> list[str]:
        """The names of the app's containers, of those too that do not run."""
        names = self.server.run("docker ps --all --filter label=luma.app=blog --format '{{.Names}}'")
        return sorted(names.split())

    def starts(self) -> set[str]:
        """Every container on the server, with its id and when it was started."""
        return set(
            self.server.run(
                "docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}}' $(docker ps --all --quiet)"
            ).splitlines()
        )

    def aliases(self, container: str) -> set[str]:
        networks = self.server.run(f"docker inspect --format '{{{{json .NetworkSettings.Networks}}}}' {container}")
        return set(json.loads(networks)["engines-network"]["Aliases"])


class Switch(NamedTuple):
    """A second release, deployed under traffic over the first."""

    project: Project
    before: list[str]
    after: list[str]
    records: list[Record]


@pytest.fixture(scope="module")
def switch(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Switch:
    project = Project(server, tmp_path_factory.mktemp("project"))
    project.deploy("r1")
    before = project.containers()
    url = f"http://127.0.0.1:{server.port(80)}"
    with Traffic(url, HOST, tmp_path_factory.mktemp("traffic"), "--slow", "3") as traffic:
        project.deploy("r2")
        records = traffic.stop().records
    return Switch(project, before, project.containers(), records)


def test_green_replaces_blue(switch: Switch) -> None:
    assert switch.before == ["blog-blue-1", "blog-blue-2"]
    assert switch.after == ["blog-green-1", "blog-green-2"]


def test_both_replicas_have_the_alias_and_no_temporary_one(switch: Switch) -> None:
    for container in switch.after:
        aliases = switch.project.aliases(container)
        assert "blog" in aliases
        assert not {alias for alias in aliases if "temp" in alias}


def test_not_one_request_is_lost(switch: Switch) -> None:
    assert failures_in_words(switch.records) == []


def test_every_request_sent_after_the_switch_is_answered_by_the_new_release(switch: Switch) -> None:
    [handover] = handovers(switch.records, lambda record: record.release)
    assert (handover.before, handover.after, handover.stale) == ("r1", "r2", 0)


def test_a_run_that_changes_nothing_restarts_nothing(switch: Switch) -> None:
    before = switch.project.starts()
    switch.project.deploy("r2")
    assert switch.project.starts() == before


def test_after_a_restart_of_the_engine_the_same_release_serves(switch: Switch) -> None:
    project = switch.project
    project.server.stop_engine()
    assert project.answering_release() is None
    project.server.start_engine()
    wait_for(lambda: project.answering_release() is not None, "the app has not come back")
    assert {project.answering_release() for _again in range(20)} == {"r2"}
    assert project.containers() == switch.after


def test_it_takes_an_archive_without_what_it_has(server: Server, tmp_path: Path) -> None:
    """What engines write into an archive of an image, and what they take, differs from version to version."""
    project = remote.Project(server, tmp_path, "archive", {})
    project.remove()  # of a run that was killed
    project.write("echo one")
    label = f"luma.project={project.name}"
    docker("build", "--quiet", "--tag", "archive-remote:1", "--label", label, str(project.folder))
    try:
        done = project.task("bluegreen_container", image="archive-remote:1", pull="never")
        assert "1 of 3 layers" in done.result["report"][0]
        assert done.received < remote.FEW_BYTES
        assert project.image_id() in project.built()
    finally:
        project.remove()
