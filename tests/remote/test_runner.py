# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as AWX runs it, by ansible-runner: with an inventory made of luma.yml, a key as the machine credential, and the
secrets as another credential. Only the image is left out, for which there is no base image without a registry: Python
has what it would have there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.output.live_lines import ERASE_BELOW
from jinja2 import Template

from tests.host import APP_IMAGE, PROXY_IMAGE, ROOT
from tests.remote.installed import environment, only
from tests.testbed.servers import SSH_KEY, Server

AWX = ROOT / "examples" / "awx"
DEFINITION = yaml.safe_load((AWX / "execution-environment.yml").read_text())
HOST = "127.0.0.1"
FIELDS = {
    "database_url": "postgres://shop:s3cret@db/shop",
    "tls_key": "s3cret key\nof lines\n",
    "acme_secret": "s3cret",
}
NOT_IN_ANY_FILE = ("s3cret@db", "s3cret key")


@dataclass
class Job:
    """A job template of a project: ansible-runner's private data folder, and the home of who runs it."""

    folder: Path
    home: Path

    def write(self, name: str, text: str, mode: int = 0o600) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def attach_credential(self) -> None:
        """As AWX does with a credential type: its files, then its variables, which may name them."""
        injectors = yaml.safe_load((AWX / "credential-type.yml").read_text())["injectors"]
        names = {}
        for key, text in injectors["file"].items():
            name = key.removeprefix("template.")
            names[name] = str(self.folder / "env" / name)
            self.write(f"env/{name}", Template(text, keep_trailing_newline=True).render(FIELDS))
        tower = {"filename": names}
        env = {key: Template(text).render(FIELDS, tower=tower) for key, text in injectors["env"].items()}
        self.write("env/envvars", json.dumps(env))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the execution environment, with what its definition sets."""
        settings = dict(step[4:].split("=", 1) for step in final_steps() if step.startswith("ENV "))
        path = f"{self.home}/bin:{os.defpath}"
        user = {"HOME": str(self.home), "PATH": path, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": f"{self.home}/ansible.cfg"}
        # What AWX sets for each of its jobs.
        user |= {"ANSIBLE_HOST_KEY_CHECKING": "False"}
        return subprocess.run(
            command, cwd=self.folder, env=user | settings, capture_output=True, text=True, check=False, timeout=120
        )

    def launch(self, number: str) -> subprocess.CompletedProcess[str]:
        return self.run("ansible-runner", "run", str(self.folder), "--playbook", "deploy.yml", "--ident", number)

    def events(self, number: str) -> list[dict[str, Any]]:
        files = (self.folder / "artifacts" / number / "job_events").glob("*.json")
        return sorted((json.loads(file.read_text()) for file in files), key=lambda event: event["counter"])


def tool(*command: str | Path) -> None:
    subprocess.run(command, cwd=AWX, capture_output=True, check=True)


def final_steps() -> list[str]:
    steps: list[str] = DEFINITION["additional_build_steps"]["append_final"]
    return steps


@pytest.fixture(scope="module")
def home(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user who has what the definition of the image names, and what the collection says that it needs."""
    home = tmp_path_factory.mktemp("home")
    collections, needs = home / ".ansible" / "collections", home / "needs"
    artifact = only(published, "luma-deploy-*.tar.gz")
    # By force, or the checkout that Ansible finds here would be enough.
    tool("ansible-galaxy", "collection", "install", "--force", "-p", collections, artifact)
    tool("ansible-builder", "introspect", collections, "--write-pip", needs)
    named = [DEFINITION["dependencies"][name]["package_pip"] for name in ("ansible_core", "ansible_runner")]
    commands = environment(tmp_path_factory, sys.executable, *named, "--requirements", str(needs))
    (home / "bin").symlink_to(commands)
    (home / "ansible.cfg").write_text((ROOT / "ansible.cfg").read_text())
    return home


@pytest.fixture
def job(server: Server, home: Path, tmp_path: Path) -> Job:
    server.load_images(APP_IMAGE, PROXY_IMAGE)
    job = Job(tmp_path / "job", home)
    app = {
        "image": APP_IMAGE,
        "servers": [HOST],
        "environment": {"secret": ["DATABASE_URL", "TLS_KEY"]},
        "proxy": {"hosts": ["shop.localhost"], "app_port": 3000},
    }
    luma_yml = {"name": "job", "ssh": {"port": server.port(22)}, "proxy": {"image": PROXY_IMAGE}, "apps": {"shop": app}}
    job.write("project/luma.yml", yaml.safe_dump(luma_yml))
    job.write("project/deploy.yml", "- import_playbook: luma.deploy.deploy\n")
    job.write("project/.luma/secrets", 'DATABASE_URL=${DATABASE_URL}\nTLS_KEY=$(cat "$TLS_KEY_FILE")\n')
    job.write("env/ssh_key", SSH_KEY.read_text())
    job.write("env/extravars", json.dumps({"app": "shop"}))
    # An inventory source of the project; a job gets what came of it as a script.
    source = job.run("ansible-inventory", "--inventory", "project/luma.yml", "--list", "--export")
    job.write("inventory/hosts", f"#!/bin/sh\ncat <<'END'\n{source.stdout}\nEND\n", mode=0o700)
    return job


def test_a_job_deploys_with_the_secrets_of_its_credential(job: Job, server: Server) -> None:
    without = job.launch("1")
    assert without.returncode != 0
    (failure,) = (event for event in job.events("1") if event["event"] == "runner_on_failed")
    reason = "the environment variable DATABASE_URL is not set"
    assert reason in failure["event_data"]["res"]["msg"]
    assert [event for event in job.events("1") if reason in event["stdout"]]

    job.attach_credential()
    done = job.launch("2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.run("curl --silent --fail --header 'Host: shop.localhost' http://127.0.0.1/") != ""
    given = server.run("docker exec shop-blue sh -c 'echo \"$DATABASE_URL|$TLS_KEY\"'")
    assert given == f"{FIELDS['database_url']}|{FIELDS['tls_key']}"

    events = job.events("2")
    outcome = next(event for event in events if "completed successfully" in event["stdout"])
    assert (outcome["event"], outcome["event_data"]["host"]) == ("runner_on_ok", HOST)
    assert events[-1]["event"] == "playbook_on_stats"
    assert events[-1]["event_data"]["changed"] == {HOST: 2}
    # Lines that move on a terminal would be an event each.
    assert not [event for event in events if ERASE_BELOW in event["stdout"]]
    # ansible-runner writes down what it was given to run, for whoever has the folder.
    files = [file for file in (job.folder / "artifacts").rglob("*") if file.is_file() and file.name != "command"]
    for secret in NOT_IN_ANY_FILE:
        assert secret not in done.stdout + done.stderr
        assert not [file for file in files if secret in file.read_text()]


def test_the_image_has_the_collection_and_its_settings(tmp_path: Path) -> None:
    tool("ansible-builder", "create", "--file", "execution-environment.yml", "--context", tmp_path)
    (containerfile,) = (file for file in tmp_path.iterdir() if file.is_file())
    assert set(final_steps()) <= set(containerfile.read_text().splitlines())
    assert (tmp_path / "_build" / "luma" / "ansible.cfg").read_text() == (ROOT / "ansible.cfg").read_text()
