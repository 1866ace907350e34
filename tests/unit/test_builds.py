# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``build`` says becomes a command: with buildx for what needs it, and no secret on a command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import Registry
from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import build_secrets_of
from ansible_collections.luma.deploy.plugins.plugin_utils.images.build import build
from ansible_collections.luma.deploy.plugins.plugin_utils.images.registry_login import login_of

from tests.unit.luma_file import mistakes, read, write_secrets

DOCKER = """#!/bin/sh
[ "$1 $2" = "buildx version" ] && exit {code}
echo "$*" >{folder}/command
env >{folder}/environment
while [ $# -gt 0 ]; do [ "$1" = --iidfile ] && echo sha256:1 >"$2"; shift; done
echo "it says $LUMA_BUILD_SECRET_TOKEN"
"""
OPTIONS: dict[str, Any] = {
    "project": "shop",
    "app": "blog",
    "image": "shop-blog:abc",
    "context": ".",
    "dockerfile": "Dockerfile",
    "args": {},
    "target": None,
    "platform": [],
    "secrets": {},
    "ssh": [],
    "cache_from": [],
    "cache_to": [],
    "builder": None,
    "folder": ".",
    "registry": None,
}
REGISTRY = {"server": "registry.example", "username": "me"}
REST = ", registry: {url: registry.example}"


@pytest.fixture(autouse=True)
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that writes down what it is given."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    file = tmp_path / "docker"
    file.write_text(DOCKER.format(code=0, folder=tmp_path))
    file.chmod(0o700)
    return file


def command(folder: Path, tag: bool = True, **options: Any) -> str:
    build({**OPTIONS, **options}, tag, {}, {})
    return (folder / "command").read_text()


def of_blog(folder: Path, build_text: str, rest: str = "") -> dict[str, Any]:
    (folder / "Dockerfile").touch()
    made: dict[str, Any] = read(folder, f"name: shop\napps: {{blog: {{build: {build_text}{rest}}}}}")
    return dict(made["apps"]["blog"]["build"])


def test_a_build_needs_no_buildx_unless_it_says_so(tmp_path: Path) -> None:
    assert command(tmp_path, platform=["linux/arm64"]).startswith("build --file")
    assert "--load" in command(tmp_path, ssh=["default"])
    assert "--ssh default" in command(tmp_path, ssh=["default"])


def test_a_secret_is_in_the_environment_and_nowhere_else(tmp_path: Path) -> None:
    built = build({**OPTIONS, "secrets": {"TOKEN": "NPM_TOKEN"}}, True, {"TOKEN": "s3cret"}, {})
    assert "--secret id=TOKEN,env=LUMA_BUILD_SECRET_TOKEN" in (tmp_path / "command").read_text()
    assert "s3cret" not in (tmp_path / "command").read_text() + built.output
    assert "LUMA_BUILD_SECRET_TOKEN=s3cret" in (tmp_path / "environment").read_text()


def test_without_buildx_it_is_told_what_to_install(docker: Path, tmp_path: Path) -> None:
    docker.write_text(DOCKER.format(code=1, folder=tmp_path))
    with pytest.raises(AnsibleActionFail, match=r"build\.ssh, build\.builder of blog: Install Docker's buildx here"):
        command(tmp_path, ssh=["default"], builder="cloud")
    assert not (tmp_path / "command").exists()


def test_who_pushes_and_what_a_plan_leaves_behind(tmp_path: Path) -> None:
    several: dict[str, Any] = {"platform": ["linux/amd64", "linux/arm64"], "registry": REGISTRY}
    assert "--platform linux/amd64,linux/arm64 --push" in command(tmp_path, **several)
    assert "--builder cloud --push" in command(tmp_path, builder="cloud", registry=REGISTRY)
    assert "--builder cloud --load" in command(tmp_path, builder="cloud")
    # From this machine's engine luma pushes it.
    assert "--load" in command(tmp_path, ssh=["default"], registry=REGISTRY)
    planned = command(tmp_path, tag=False, cache_from=["a"], cache_to=["b"], **several)
    assert "--cache-from a --output type=cacheonly" in planned
    assert not {"--push", "--cache-to", "--tag"} & set(planned.split())


def test_a_cache_in_the_registry_is_beside_the_image(tmp_path: Path) -> None:
    made = of_blog(tmp_path, "{cache: registry}", ", registry: {url: registry.example}")
    reference = "type=registry,ref=registry.example/shop-blog:buildcache"
    assert (made["cache_from"], made["cache_to"]) == ([reference], [f"{reference},mode=max"])
    made = of_blog(tmp_path, "{cache: {from: one, to: [type=local]}, platforms: 'linux/amd64, linux/arm64/v8'}", REST)
    assert (made["cache_from"], made["cache_to"]) == (["one"], ["type=local"])
    assert made["platform"] == ["linux/amd64", "linux/arm64/v8"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{platform: [linux/amd64, linux/arm64]}", "apps.blog.build.platform: an engine has an image for one platform"),
        ("{platform: arm64}", "apps.blog.build.platform[0]: has to be a platform, such as linux/arm64"),
        ("{cache: registry}", "apps.blog.build.cache: it needs a registry"),
        ("{cache: local}", "apps.blog.build.cache: has to be registry, or a map with from and to"),
        (
            "{secrets: [NPM_TOKEN]}",
            "apps.blog.build.secrets[0]: the secret NPM_TOKEN is missing: add a line NPM_TOKEN=",
        ),
    ],
)
def test_a_build_that_cannot_be_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "Dockerfile").touch()
    (mistake,) = mistakes(tmp_path, f"apps: {{blog: {{build: {text}}}}}")
    assert complaint in mistake


def test_the_secrets_of_a_build_have_other_names(tmp_path: Path) -> None:
    write_secrets(tmp_path, "NPM_TOKEN=s3cret\n")
    assert build_secrets_of({"TOKEN": "NPM_TOKEN"}, str(tmp_path / "luma.yml"), "blog") == {"TOKEN": "s3cret"}
    with pytest.raises(AnsibleActionFail, match="there is no OTHER in it"):
        build_secrets_of({"TOKEN": "OTHER"}, str(tmp_path / "luma.yml"), "blog")


def test_docker_is_logged_in_beside_what_the_user_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    (own / "contexts").mkdir(parents=True)
    (own / "config.json").write_text('{"auths": {"ghcr.io": {}}, "credHelpers": {"other.example": "pass"}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(own))
    with login_of(Registry("registry.example", "me", "s3cret")) as login:
        folder = Path(login["DOCKER_CONFIG"])
        text = (folder / "config.json").read_text()
        assert json.loads(text) == {
            "auths": {"ghcr.io": {}},
            "credHelpers": {"other.example": "pass", "registry.example": "luma"},
        }
        assert (folder / "contexts").is_symlink()
        assert "s3cret" not in "".join(file.read_text() for file in folder.iterdir() if file.is_file())
        helper = ["docker-credential-luma", "get"]
        done = subprocess.run(
            helper, env={**os.environ, **login}, input="registry.example", capture_output=True, text=True
        )
        assert json.loads(done.stdout) == {"ServerURL": "registry.example", "Username": "me", "Secret": "s3cret"}
    assert not folder.exists()
    assert (own / "contexts").is_dir()
    with login_of(None) as login:
        assert login == {}
