# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images, and projects that are removed again. A proxy that runs already is used, and stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host import PREFIX
from tests.zero_loss.project import Project

MakeProject = Callable[..., Project]


@pytest.fixture(scope="module")
def make_project(reserved_host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeProject]:
    """Makes projects: a name, their class, and keys of the app."""
    made: list[Project] = []

    def make(name: str, kind: type[Project] = Project, **app: Any) -> Project:
        folder: Path = tmp_path_factory.mktemp(name)
        project = kind(PREFIX + name, folder, **app)
        made.append(project)
        return project

    yield make
    for project in made:
        project.remove()
