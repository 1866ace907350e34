# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback brings back what was, with its own configuration and image, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words, handovers

from tests.host import APP_IMAGE, docker
from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Project, Traffic, luma


@pytest.fixture
def project(make_project: MakeProject) -> Iterator[Project]:
    image = "luma-test/rollback"
    docker("tag", APP_IMAGE, image)
    made = make_project("rollback", replicas=2, image=image)
    yield made
    made.remove()
    docker("rmi", image)


def test_there_and_back(project: Project, tmp_path: Path) -> None:
    assert project.deploy(VERSION="r1").code == 0
    first = image_of(project)
    # The name means another image from now on, and the app has another configuration.
    docker("build", "--quiet", "--tag", project.app["image"], str(other_image(tmp_path)))
    assert project.deploy(VERSION="r2").code == 0
    second = image_of(project)
    assert first != second

    with Traffic(project.url, project.host, tmp_path) as traffic:
        back = luma(project, "rollback")
        records = traffic.stop().records
    assert back.code == 0, back.output
    assert image_of(project) == first
    assert failures_in_words(records) == []
    (switch,) = handovers(records, lambda record: record.release)
    assert (switch.after, switch.stale) == ("r1", 0)

    again = luma(project, "rollback", project.name)
    assert (again.code, image_of(project)) == (0, second), again.output


def other_image(folder: Path) -> Path:
    context = folder / "other"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {APP_IMAGE}\nENV OTHER=1\n")
    return context


def image_of(project: Project) -> str:
    names = list(project.containers())
    (image,) = set(docker("inspect", "--format", "{{.Image}}", *names).split())
    return image
