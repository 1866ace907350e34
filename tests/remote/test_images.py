# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on their way: over a real ssh connection, and through a real registry that asks for a password."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.host import APP_IMAGE, ROOT, docker
from tests.remote.project import FEW_BYTES, PASSWORD, USER, Project, build_registry_image, push, registry
from tests.terminal import Screen
from tests.testbed.servers import Server

# Less than the image's base layer has.
BASE_BYTES = 20_000_000


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(server, tmp_path_factory.mktemp("images"), "images", {})
    made.remove()  # of a run that was killed
    yield made
    made.remove()


@pytest.fixture(scope="module")
def address(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    build_registry_image(tmp_path_factory.mktemp("registry"))
    with registry(server) as made:
        yield made


def test_without_a_registry_the_host_gets_what_it_lacks(project: Project) -> None:
    project.write("echo one")
    first = project.deploy()
    assert first.code == 0, first.output + first.errors
    assert "3 of 3 layers" in first.output
    assert first.received > BASE_BYTES
    assert "[server] Sending image" in first.errors
    assert {project.image_id()} == project.built()

    assert "Nothing would change" in project.deploy("--check").output
    again = project.deploy()
    assert "Nothing changed" in again.output, again.output + again.errors
    assert again.received < FEW_BYTES

    project.write("echo two")
    second = project.deploy()
    assert "1 of 3 layers" in second.output, second.output + second.errors
    assert second.received < FEW_BYTES
    assert project.image_id() in project.built()
    assert project.server.run("ls -A /root/.ansible/tmp") == ""


def test_what_was_built_before_is_deployed_by_its_release(project: Project) -> None:
    """The two images that the test before has built; their Dockerfile is not needed any more."""
    second = project.image_id()
    (first,) = project.built() - {second}
    release = docker("image", "inspect", "--format", "{{index .RepoTags 0}}", first).rpartition(":")[2]
    (project.folder / "Dockerfile").write_text("FROM nothing.example/that-could-be-built\n")

    missing = project.deploy("--extra-vars", "release=3f2a9c8")
    assert missing.code != 0
    assert "Image images-remote:3f2a9c8 is not on this host" in missing.errors
    assert "The machine where luma runs does not have it either: build it there with luma build" in missing.errors
    assert project.image_id() == second

    done = project.deploy("--extra-vars", f"release={release}")
    assert done.code == 0, done.output + done.errors
    assert project.image_id() == first
    assert f"→ {release}" in done.output

    # Nor is it where it was built, if the host has it.
    docker("image", "rm", "--force", first)
    again = project.deploy("--extra-vars", f"release={release}")
    assert "Nothing changed" in again.output, again.output + again.errors


def test_on_a_terminal_a_bar_shows_how_far_an_image_is(project: Project) -> None:
    project.write("echo bar")
    files = [str(project.folder / name) for name in ("luma.yml", "inventory.yml")]
    screen = Screen(
        24, 100, str(ROOT / "bin" / "luma"), "-c", files[0], "-i", files[1], "deploy", **project.environment
    )
    screen.wait_until(
        lambda lines: any(re.fullmatch(r". server  remote  prepare \d+ s  [█░]{10} .*", line) for line in lines)
    )
    assert screen.end() == 0
    # The bar has taken their place, and is gone.
    assert "Sending image" not in screen.shown
    assert "prepare" not in "".join(screen.lines)


def test_a_full_disk_is_told_and_leaves_nothing(project: Project) -> None:
    project.server.run("mkdir -p /small && mount -t tmpfs -o size=64k tmpfs /small")
    project.write("head -c 300000 /dev/urandom")
    failed = project.deploy("--extra-vars", "ansible_remote_tmp=/small")
    assert failed.code != 0
    assert "could not be sent to server" in failed.errors
    assert "are free in" in failed.errors
    assert project.server.run("ls -A /small") == ""


def test_with_a_registry_it_is_pushed_and_pulled(project: Project, address: str) -> None:
    project.write("echo three", registry={"url": address, "username": USER})
    project.write_secrets(DOCKER_REGISTRY_PASSWORD=PASSWORD)
    done = project.deploy("-vvv")
    assert done.code == 0, done.output + done.errors
    assert "Pushed image" in done.output
    assert "Sent image" not in done.output
    assert project.image_id() in project.built()
    assert PASSWORD not in done.output + done.errors
    assert project.server.run("find / -xdev -path '*/.docker/config.json'") == ""

    again = project.deploy()
    assert "Nothing changed" in again.output, again.output

    project.write("echo four", registry={"url": address, "username": USER})
    project.write_secrets(DOCKER_REGISTRY_PASSWORD="wrong")
    refused = project.deploy()
    assert refused.code != 0
    assert f"the registry {address} refuses it (as user {USER})" in refused.errors


def test_what_is_built_once_goes_to_staging_and_to_production(
    project: Project, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_app(image="once", build={}, registry={"url": address, "username": USER})
    (project.folder / "Dockerfile").write_text(f"FROM {APP_IMAGE}\nRUN echo once >/change\n")
    project.write_secrets(DOCKER_REGISTRY_PASSWORD=PASSWORD)
    built = project.deploy(playbook=ROOT / "playbooks" / "build.yml")
    assert built.code == 0, built.output + built.errors
    assert f"Pushed image {address}/once:" in built.output
    release = built.output.rpartition("--release ")[2].split()[0]
    image_id = docker("image", "inspect", "--format", "{{.Id}}", f"{address}/once:{release}")
    docker("image", "rm", f"{address}/once:{release}")

    for environment in ("staging", "production"):
        (project.folder / f"luma.{environment}.yml").touch()
        monkeypatch.setitem(project.environment, "LUMA_ENVIRONMENT", environment)
        done = project.deploy("--extra-vars", f"release={release}")
        assert done.code == 0, done.output + done.errors
        assert "Built image" not in done.output
        assert project.image_id() == image_id
    running = project.server.run('docker ps --format \'{{.Label "luma.project"}} {{.Label "luma.release"}}\'')
    assert {f"images-{name} {release}" for name in ("staging", "production")} <= set(running.splitlines())


def test_a_tag_means_what_the_registry_has_now(project: Project, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "keep", 1)
    name = f"{address}/moving"
    one = push(name, "one", project.folder)
    project.write_app(image=name, registry={"url": address, "username": USER})
    project.write_secrets(DOCKER_REGISTRY_PASSWORD=PASSWORD)
    first = project.deploy()
    assert first.code == 0, first.output + first.errors
    assert project.image_id() == one

    two = push(name, "two", project.folder)
    assert f"{name}@sha256:" in project.deploy("--check", "--diff").output
    assert project.image_id() == one
    second = project.deploy()
    assert second.code == 0, second.output + second.errors
    assert project.image_id() == two
    assert one not in project.server.run("docker image ls --all --quiet --no-trunc")

    away = f"{project.server.name}-registry"
    docker("stop", away)
    try:
        third = project.deploy()
    finally:
        docker("start", away)
    assert third.code == 0, third.output + third.errors
    assert "Nothing changed" in third.output
    assert f"{name} is the image that this host has: the registry {address} cannot be reached" in third.output


@pytest.mark.parametrize(
    ("image", "login", "meaning"),
    [
        ("{address}/images-remote:9", PASSWORD, "has no such image. Correct the image's name or tag"),
        ("{address}/images-remote:9", "wrong", "refuses it (as user luma). Correct registry.username"),
        ("{address}/images-remote:9", "", "refuses it (without login)"),
        ("127.0.0.1:9/images-remote:9", "", "cannot be reached. Correct the registry's name"),
    ],
)
def test_a_pull_that_fails_says_what_to_do(
    project: Project, address: str, image: str, login: str, meaning: str
) -> None:
    given = {"server": address, "username": USER, "password": login} if login else {}
    failed = project.task("bluegreen_container", image=image.format(address=address), registry=given).result
    assert meaning in failed["msg"]
    assert "Nothing was changed" in failed["msg"]
