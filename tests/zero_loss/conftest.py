# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images, and projects that are removed again. A proxy that runs already is used, and stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.zero_loss.project import Project, build_images, proxy_exists, remove_proxy

MakeProject = Callable[..., Project]


@pytest.fixture(scope="session")
def _proxy_is_left_as_found() -> Iterator[None]:
    ran_before = proxy_exists()
    yield
    if not ran_before:
        remove_proxy()


@pytest.fixture(scope="session")
def _images() -> None:
    build_images()


@pytest.fixture(scope="module")
def make_project(
    _images: None, _proxy_is_left_as_found: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeProject]:
    """Makes projects: a name, and keys of the app."""
    made: list[Project] = []

    def make(name: str, **app: Any) -> Project:
        folder: Path = tmp_path_factory.mktemp(name)
        project = Project(f"{name}-{os.getpid()}", folder, **app)
        made.append(project)
        return project

    yield make
    for project in made:
        project.remove()
