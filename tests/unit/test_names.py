# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers are called where several projects have an app of one name, and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.release.container_names import names_of_colors
from ansible_collections.luma.deploy.plugins.module_utils.release.hook import ReleaseHook

from tests.unit.fakes import APP, FakeEngine, Host

OTHER_ROLE = {"luma.project": "news", "luma.role": "release-hook", "luma.hook-of": "blog"}
PLAIN = {"blue": ["blog-blue"], "green": ["blog-green"]}
PREFIXED = {"blue": ["shop-blog-blue"], "green": ["shop-blog-green"]}


class Engine(FakeEngine):
    """Has containers with names and labels, and nothing else."""

    def __init__(self, folder: Path, containers: dict[str, dict[str, str]]) -> None:
        super().__init__(Host(), folder)
        self.rows = [{"Id": name, "Names": [f"/{name}"], "Labels": labels} for name, labels in containers.items()]

    def list_containers(self, labels: Sequence[str] = ()) -> list[dict[str, Any]]:
        return self.rows


def replica(project: str, color: str = "blue", app: str = "blog") -> dict[str, str]:
    return {"luma.project": project, "luma.app": app, "luma.color": color}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, PLAIN),
        ({"blog-blue": replica("shop")}, PLAIN),
        ({"blog-blue": replica("news")}, PREFIXED),
        # It has the name of the next deployment.
        ({"blog-blue": replica("shop"), "blog-green": replica("news", "green")}, PREFIXED),
        # Several replicas have other names than one has.
        ({"blog-blue-1": replica("news"), "blog-blue-2": replica("news")}, PLAIN),
        # The other project's is gone: names change no more often than they have to.
        ({"shop-blog-blue": replica("shop")}, PREFIXED),
        # The service green of a project blog.
        ({"blog-green": {"luma.project": "blog", "luma.service": "green"}}, PREFIXED),
        # Made by hand, of an image that luma built for this app.
        ({"blog-green": {"luma.project": "shop", "luma.app": "blog"}}, PREFIXED),
    ],
)
def test_the_projects_name_stands_before_a_name_that_another_one_has(
    there: dict[str, dict[str, str]], expected: dict[str, list[str]], tmp_path: Path
) -> None:
    assert names_of_colors(Engine(tmp_path, there), APP, 1) == expected


def test_a_project_that_came_first_keeps_its_names(tmp_path: Path) -> None:
    engine = Engine(tmp_path, {"blog-green-1": replica("shop"), "news-blog-green-1": replica("news")})
    assert names_of_colors(engine, APP, 2)["green"] == ["blog-green-1", "blog-green-2"]


@pytest.mark.parametrize(
    ("there", "complaint"),
    [
        ({"blog-green": {}}, "The name blog-green is taken by a container that belongs to nobody that luma knows"),
        (
            {"blog-green": replica("news"), "shop-blog-blue": {"luma.project": "shop-blog", "luma.service": "blue"}},
            "The name shop-blog-blue is taken by a container that belongs to project shop-blog, service blue",
        ),
        ({"blog-green": replica("news"), "shop-blog-blue": {}}, "The name shop-blog-blue is taken"),
    ],
)
def test_what_luma_did_not_make_is_refused(there: dict[str, dict[str, str]], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(LumaError, match=complaint):
        names_of_colors(Engine(tmp_path, there), APP, 1)


def test_a_release_hook_is_refused_for_a_foreign_container_only(tmp_path: Path) -> None:
    ReleaseHook(Engine(tmp_path, {"blog-release-hook": OTHER_ROLE}), APP).refuse()
    with pytest.raises(LumaError, match="The name blog-release-hook is taken"):
        ReleaseHook(Engine(tmp_path, {"blog-release-hook": {}}), APP).refuse()
