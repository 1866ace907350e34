# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which registry an image belongs to, and the release that a built one is tagged with."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import registry_in
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.image_names import home_of, release_of, tagged

NOTHING = {"registry": None, "username": None}
GHCR = {"registry": "ghcr.io/me", "username": "me"}
HUB = {"registry": None, "username": "me"}
BUILT, FOUND = True, False


@pytest.mark.parametrize(
    ("image", "built", "docker", "full_name", "server"),
    [
        ("my-blog", BUILT, NOTHING, "my-blog", None),
        ("ghcr.io/me/blog", FOUND, NOTHING, "ghcr.io/me/blog", None),
        ("my-blog", BUILT, GHCR, "ghcr.io/me/my-blog", "ghcr.io"),
        ("ghcr.io/other/blog", BUILT, GHCR, "ghcr.io/other/blog", "ghcr.io"),
        ("registry.example:5000/blog", BUILT, GHCR, "registry.example:5000/blog", None),
        ("postgres:17", FOUND, GHCR, "postgres:17", None),
        ("ghcr.io/other/db:1", FOUND, GHCR, "ghcr.io/other/db:1", "ghcr.io"),
        ("postgres:17", FOUND, HUB, "postgres:17", "docker.io"),
        ("me/blog", BUILT, HUB, "me/blog", "docker.io"),
        ("my-blog", BUILT, HUB, "my-blog", None),
    ],
)
def test_the_default_registry(image: str, built: bool, docker: dict[str, str], full_name: str, server: str) -> None:
    home = home_of(image, built, None, docker)
    assert home.image == full_name
    assert home.registry == (server and {"server": server, "username": "me"})


@pytest.mark.parametrize(
    ("image", "own", "full_name", "registry"),
    [
        ("blog", ("registry.example:5000", "you"), "registry.example:5000/blog", ("registry.example:5000", "you")),
        ("blog", ("registry.example:5000", None), "registry.example:5000/blog", ("registry.example:5000", None)),
        ("blog", ("ghcr.io", None), "ghcr.io/blog", ("ghcr.io", "me")),
        ("quay.io/you/blog", (None, "you"), "quay.io/you/blog", ("quay.io", "you")),
        ("you/blog", ("docker.io", "you"), "you/blog", ("docker.io", "you")),
    ],
)
def test_an_entrys_own_registry(
    image: str, own: tuple[str | None, str | None], full_name: str, registry: tuple[str, str | None]
) -> None:
    home = home_of(image, FOUND, {"url": own[0], "username": own[1]}, GHCR)
    assert home == (full_name, {"server": registry[0], "username": registry[1]})


def test_an_image_and_its_registry_have_to_agree() -> None:
    with pytest.raises(ValueError, match=r"in quay\.io, not in ghcr\.io"):
        home_of("quay.io/me/blog", FOUND, {"url": "ghcr.io", "username": None}, NOTHING)


@pytest.mark.parametrize(
    ("image", "registry"),
    [("blog", ""), ("me/blog:1.2", ""), ("localhost/a", "localhost"), ("a:5000/b", "a:5000"), ("a.b/c", "a.b")],
)
def test_the_registry_in_a_name(image: str, registry: str) -> None:
    assert registry_in(image) == registry


@pytest.mark.parametrize("image", ["a:5000/me/blog", "a:5000/me/blog:1.2", "a:5000/me/blog@sha256:" + 64 * "0"])
def test_a_release_takes_the_place_of_a_tag(image: str) -> None:
    assert tagged(image, "3f2a9c8-dirty") == "a:5000/me/blog:3f2a9c8-dirty"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_release_is_the_commit_and_says_what_is_not_committed(tmp_path: Path) -> None:
    context = tmp_path / "app"
    context.mkdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z", release_of(str(context)))
    git(tmp_path, "init", "--quiet")
    assert re.fullmatch(r"\d{8}T\d{6}Z", release_of(str(context))), "there is no commit yet"
    (context / "Dockerfile").write_text("FROM scratch\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    commit = git(tmp_path, "rev-parse", "--short", "HEAD")
    assert release_of(str(context)) == commit
    (tmp_path / "elsewhere").touch()
    assert release_of(str(context)) == commit, "it is not a part of what is built"
    (context / "new").touch()
    assert release_of(str(context)) == f"{commit}-dirty"
