# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action adds to luma.yml: hosts that Ansible knows, and releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.action.project import (
    of_these_built,
    refuse_unreachable,
    released,
    service_hosts,
    with_images,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.earlier_builds import built_as
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

from tests.unit.luma_file import app, read


def test_a_host_that_ansible_does_not_know_is_refused() -> None:
    refuse_unreachable(["localhost", "web1"], Inventory(["web1"]), "luma.yml")
    with pytest.raises(InvalidFile, match=r"web2: not in Ansible's inventory; add luma\.yml to it: -i luma\.yml"):
        refuse_unreachable(["web1", "web2"], Inventory(["web1"]), "luma.yml")


def test_services_are_brought_up_where_the_run_is_about_the_host() -> None:
    services = [{"name": "db", "hosts": ["db1", "web1"]}, {"name": "cache", "hosts": ["web1", "web2"]}]
    assert service_hosts(["web1", "web2", "web3"], services) == ["web1", "web2"]
    assert service_hosts(["web3"], services) == []


def test_what_is_built_has_a_release(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    blog = released(app(tmp_path, "build: {context: .}"))
    assert blog["image"] == f"my-blog:{blog['release']}"
    assert released(app(tmp_path, "replicas: 1"))["release"] is None


def built_before(folder: Path, release: str, text: str, *named: str) -> dict[str, dict[str, Any]]:
    (folder / "Dockerfile").touch()
    apps = list(read(folder, f"name: shop\napps:\n{text}")["whole_apps"].values())
    return {app["name"]: app for app in built_as(release, apps, named)}


def test_an_earlier_build_has_the_name_that_building_it_gave(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    blog = released(app(tmp_path, "build: {context: .}"))
    again = built_before(tmp_path, blog["release"], "  blog: {image: my-blog, build: {}}")["blog"]
    assert (again["image"], again["release"]) == (blog["image"], blog["release"])
    assert again["build"]["existing"] is True


def test_the_release_of_what_is_not_built_is_a_tag_of_its_image(tmp_path: Path) -> None:
    blog = built_before(tmp_path, "42", "  blog: {image: 'registry.example:5000/blog:latest'}")["blog"]
    assert (blog["image"], blog["release"], blog["build"]) == ("registry.example:5000/blog:42", "42", None)
    two = "  blog: {build: {}}\n  cache: {image: me/cache:1}\n"
    with pytest.raises(InvalidFile, match=r"cache is not built by luma.*luma deploy blog --release 42"):
        built_before(tmp_path, "42", two)
    assert built_before(tmp_path, "42", two, "blog", "cache")["cache"]["image"] == "me/cache:42"


@pytest.mark.parametrize(
    ("release", "image", "complaint"),
    [
        ("42", f"blog@sha256:{'a' * 64}", "is named by its digest"),
        ("3f2a9c8~2", "blog", "luma rollback --to 3f2a9c8~2"),
        ("me/blog:42", "blog", "cannot be a release"),
        ("", "blog", "cannot be a release"),
    ],
)
def test_what_cannot_be_an_earlier_build_is_refused(tmp_path: Path, release: str, image: str, complaint: str) -> None:
    with pytest.raises(InvalidFile, match=complaint):
        built_before(tmp_path, release, f"  blog: {{image: '{image}'}}")


def test_a_service_has_no_release() -> None:
    with pytest.raises(InvalidFile, match="leave out --release or --services"):
        with_images([], {"release": "42", "services": "only", "apps": [], "only_built": False})


def test_only_what_is_built_can_be_built(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    text = "name: shop\napps:\n  blog: {build: {}}\n  cache: {image: me/cache:1}\n"
    apps = list(read(tmp_path, text)["whole_apps"].values())
    assert [app["name"] for app in of_these_built(apps, [])] == ["blog"]
    for meant, named in ((apps, ["blog", "cache"]), (apps[1:], [])):
        with pytest.raises(InvalidFile, match=r"Nothing is built of cache: luma\.yml gives an image"):
            of_these_built(meant, named)
