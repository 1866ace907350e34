# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published is enough: installed into empty environments, with the oldest and the newest of what it depends on,
it deploys the example. No step sees this checkout, or its environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.host import PROXY_IMAGE, ROOT
from tests.remote.installed import dependencies, environment, newest_python, only
from tests.remote.project import Project
from tests.testbed.servers import Server

NAME = "installed"


@pytest.fixture(scope="module")
def oldest(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the wheel, and the lowest version of each of its dependencies."""
    wheel = str(only(published, "*.whl"))
    return environment(tmp_path_factory, sys.executable, wheel, "--resolution=lowest-direct", *dependencies())


@pytest.fixture(scope="module")
def newest(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the wheel, and the highest version of each of its dependencies."""
    return environment(tmp_path_factory, newest_python(), str(only(published, "*.whl")))


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an Ansible with what luma depends on, and without luma."""
    return environment(tmp_path_factory, newest_python(), *dependencies())


@pytest.fixture(scope="module")
def example(_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example under a name of its own, in a folder far from the checkout, and an inventory with the server."""
    _server.clear()
    _server.load_images(PROXY_IMAGE)
    examples = tmp_path_factory.mktemp("examples")
    shutil.copy(ROOT / "examples" / "debian-image", examples)
    project = Project(_server, shutil.copytree(ROOT / "examples" / "blog", examples / "blog"), NAME, {})
    hosts = {"all": {"hosts": {"server": _server.inventory_vars}}}
    (project.folder / "inventory.yml").write_text(yaml.safe_dump(hosts))
    yield project
    project.remove()


def run(*command: str | Path, folder: Path, home: Path) -> str:
    """Run a command as a user who has this home, whose shell finds no Ansible; returns what it printed."""
    path = [each for each in os.environ["PATH"].split(":") if not Path(each, "ansible-playbook").exists()]
    environ = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={"HOME": str(home), "PATH": ":".join(path), "LC_ALL": "C.UTF-8", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_version(example: Project, version: str) -> None:
    text = (ROOT / "examples" / "blog" / "luma.yml").read_text()
    text = text.replace("name: example", f"name: {NAME}").replace('VERSION: "1"', f'VERSION: "{version}"')
    (example.folder / "luma.yml").write_text(text)


def served(example: Project) -> str:
    return example.server.run("curl --silent --fail --header 'Host: blog.localhost' http://127.0.0.1:8080/")


def installed_files(commands: Path) -> set[Path]:
    """The files of an environment, less what Python compiles of them."""
    return {file for file in commands.parent.rglob("*") if "__pycache__" not in file.parts}


def test_a_wheel_begins_a_project_in_an_empty_folder(oldest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    before = installed_files(oldest)
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert run(oldest / "luma", "--version", folder=folder, home=tmp_path) == f"luma {version}\n"
    assert "Wrote luma.yml" in run(oldest / "luma", "init", folder=folder, home=tmp_path)
    assert "apps:" in (folder / "luma.yml").read_text()
    for shell, file in (("bash", "luma.bash"), ("zsh", "_luma")):
        script = run(oldest / "luma", "--completion", shell, folder=folder, home=tmp_path)
        assert script == (ROOT / "completions" / file).read_text()
    assert installed_files(oldest) == before


@pytest.mark.parametrize("dependencies", ["oldest", "newest"])
def test_pushes_have_a_docker_sdk_that_reaches_an_engine(
    dependencies: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    commands: Path = request.getfixturevalue(dependencies)
    ask = "import docker; print(docker.APIClient(version='auto').version()['ApiVersion'])"
    assert run(commands / "python", "-c", ask, folder=tmp_path, home=tmp_path)


@pytest.mark.parametrize("dependencies", ["oldest", "newest"])
def test_a_wheel_deploys_the_example(
    dependencies: str, example: Project, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    commands: Path = request.getfixturevalue(dependencies)
    before = installed_files(commands)
    # Another version, which has nothing of what this one needs.
    Path(tmp_path, ".ansible", "collections", "ansible_collections", "luma", "deploy").mkdir(parents=True)
    write_version(example, dependencies)
    output = run(commands / "luma", "-i", "inventory.yml", "deploy", folder=example.folder, home=tmp_path)
    assert "completed successfully" in output
    assert f"version {dependencies}," in served(example)
    assert installed_files(commands) == before


def test_the_collection_deploys_the_example(ansible: Path, published: Path, example: Project, tmp_path: Path) -> None:
    artifact = only(published, "luma-deploy-*.tar.gz")
    run(ansible / "ansible-galaxy", "collection", "install", artifact, folder=tmp_path, home=tmp_path)
    write_version(example, "collection")
    playbook = (ansible / "ansible-playbook", "luma.deploy.deploy", "-i", "inventory.yml", "-e", "app=blog")
    run(*playbook, folder=example.folder, home=tmp_path)
    assert "version collection," in served(example)
