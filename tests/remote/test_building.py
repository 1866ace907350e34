# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What BuildKit alone can do: secrets and ssh on this machine's engine; a builder elsewhere, a cache in a registry, and
several platforms on one with containerd's image store."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from tests.host import APP_IMAGE, docker
from tests.remote import buildx
from tests.remote.project import PASSWORD, USER, Project, build_registry_image, registry
from tests.testbed.servers import SSH_KEY, Server

SECRET = "a build's s3cret"
# The keys that an agent of ssh has, as its protocol says (RFC draft-miller-ssh-agent): request 11, answer 12, a number.
COUNT_KEYS = (
    "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); "
    "s.sendall(bytes([0, 0, 0, 1, 11])); print(int.from_bytes(s.makefile('rb').read(9)[5:], 'big'))"
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    config = buildx.docker_config(tmp_path_factory.mktemp("docker"))
    return {"DOCKER_CONFIG": str(config), "PATH": buildx.with_ssh(tmp_path_factory.mktemp("bin"))}


@pytest.fixture(scope="module")
def agent(environment: dict[str, str]) -> Iterator[None]:
    """An agent of ssh that has one key."""
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    environment.update(re.findall(r"(SSH_\w+)=([^;]+)", started))
    subprocess.run(["ssh-add", SSH_KEY], env={**os.environ, **environment}, capture_output=True, check=True)
    yield
    subprocess.run(["ssh-agent", "-k"], env={**os.environ, **environment}, capture_output=True, check=True)


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Project]:
    made = Project(server, tmp_path_factory.mktemp("building"), "building", environment)
    made.remove()  # of a run that was killed
    yield made
    made.remove()


@pytest.fixture(scope="module")
def elsewhere(
    containerd_server: Server, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose engine is the builder `cloud-builder`."""
    build_registry_image(tmp_path_factory.mktemp("registry"))
    with buildx.builder("cloud", containerd_server, tmp_path_factory.mktemp("builder"), environment):
        yield containerd_server


@pytest.mark.usefixtures("agent")
def test_a_build_uses_secrets_and_keys_that_are_not_in_its_image(project: Project) -> None:
    (project.folder / "Dockerfile").write_text(
        f"FROM {APP_IMAGE}\n"
        "RUN --mount=type=secret,id=TOKEN sha256sum /run/secrets/TOKEN >/sum\n"
        f'RUN --mount=type=ssh python3 -c "{COUNT_KEYS}" >/keys\n'
    )
    project.write_app(build={"secrets": {"TOKEN": "NPM_TOKEN"}, "ssh": "default"})
    project.write_secrets(NPM_TOKEN=SECRET)
    done = project.deploy("-vvv")
    assert done.code == 0, done.output + done.errors
    made = project.server.run("docker exec $(docker ps --quiet --latest) cat /sum /keys").split()
    assert (made[0], made[-1]) == (hashlib.sha256(SECRET.encode()).hexdigest(), "1")
    (image,) = project.built()
    assert SECRET not in done.output + done.errors
    assert SECRET not in docker("history", "--no-trunc", image) + docker("image", "inspect", image)

    assert "Nothing would change" in project.deploy("--check").output
    (project.folder / "Dockerfile").write_text(
        f"FROM {APP_IMAGE}\nRUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN; exit 3\n"
    )
    failed = project.deploy()
    assert failed.code != 0
    assert "********" in failed.errors
    assert SECRET not in failed.output + failed.errors


def platforms_of(image: str) -> set[str]:
    """The platforms for which the registry has an image."""
    address, _slash, name = image.partition("/")
    repository, _colon, tag = name.partition(":")
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    kinds = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
    headers = {"Authorization": f"Basic {login}", "Accept": kinds}
    with urlopen(Request(f"http://{address}/v2/{repository}/manifests/{tag}", headers=headers), timeout=10) as answer:
        return {"{os}/{architecture}".format(**each["platform"]) for each in json.load(answer)["manifests"]}


def test_a_builder_elsewhere_pushes_an_image_for_several_platforms(
    project: Project, elsewhere: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "server", elsewhere)
    # What is run is of this machine's platform, whatever the image is for; and without a cache it differs each time.
    (project.folder / "Dockerfile").write_text(
        f"FROM --platform=linux/amd64 {APP_IMAGE}\nARG TARGETARCH\n"
        "RUN echo $TARGETARCH >/arch && head -c 9 /dev/urandom >/random\n"
    )
    # With a release that stays the same.
    commit = "git init --quiet . && git -c user.name=t -c user.email=t commit --quiet --allow-empty --message one"
    subprocess.run(commit, shell=True, cwd=project.folder, check=True)
    with registry(elsewhere) as address:
        build = {"platforms": ["linux/amd64", "linux/arm64"], "builder": "cloud-builder", "cache": "registry"}
        project.write_app(image="many", build=build, registry={"url": address, "username": USER})
        project.write_secrets(DOCKER_REGISTRY_PASSWORD=PASSWORD)
        done = project.deploy("-vvv")
        assert done.code == 0, done.output + done.errors
        (image,) = set(re.findall(r"Built and pushed image (\S+) in", done.output))
        assert platforms_of(image) == {"linux/amd64", "linux/arm64"}
        assert elsewhere.run("docker exec $(docker ps --quiet --latest) cat /arch").strip() == "amd64"
        assert PASSWORD not in done.output + done.errors
        assert elsewhere.run("find / -xdev -path '*/.docker/config.json'") == ""
        assert image not in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")

        elsewhere.run("docker builder prune --all --force")
        again = project.deploy()
        assert "Nothing changed" in again.output, again.output + again.errors
