# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine dies in the middle of a deployment: the containers live on, and so does what users have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words

from tests.host import APP_IMAGE, PROXY_IMAGE, ROOT
from tests.testbed.servers import Server
from tests.zero_loss.project import Traffic, wait_for

HOST = "shop.localhost"


@pytest.fixture(scope="module", autouse=True)
def _images(server: Server) -> None:
    server.load_images(APP_IMAGE, PROXY_IMAGE)


def deployment(server: Server, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a deployment of two replicas with this environment to the server, over ssh."""
    app = {
        "image": APP_IMAGE,
        "replicas": 2,
        "environment": {"plain": environment},
        "proxy": {"hosts": [HOST], "app_port": 3000},
    }
    luma_file, inventory = folder / "luma.yml", folder / "inventory.yml"
    luma_file.write_text(
        yaml.safe_dump({"name": "engine-stops", "proxy": {"image": PROXY_IMAGE}, "apps": {"shop": app}})
    )
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"server": server.inventory_vars}}}))
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "-i",
            inventory,
            "playbooks/deploy.yml",
            "-e",
            f"luma_file={luma_file}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outcome(run: subprocess.Popen[str]) -> tuple[int, str]:
    output, _unused = run.communicate(timeout=180)
    return run.returncode, output


def test_the_engine_dies_in_the_middle(server: Server, tmp_path: Path) -> None:
    code, output = outcome(deployment(server, tmp_path, VERSION="r1"))
    assert code == 0, output
    with Traffic(f"http://127.0.0.1:{server.port(80)}", HOST, tmp_path) as traffic:
        run = deployment(server, tmp_path, VERSION="r2", BOOT_SECONDS="8")
        wait_for(lambda: "shop-green-1" in server.run("docker ps --format '{{.Names}}'"), "nothing is made")
        server.run("kill -9 $(cat /run/docker.pid)")
        code, output = outcome(run)
        records = traffic.stop().records
    assert code != 0, output
    assert failures_in_words(records) == []
    assert {record.release for record in records} == {"r1"}

    server.start_engine()
    code, output = outcome(deployment(server, tmp_path, VERSION="r2"))
    assert code == 0, output
    running = server.run("docker ps --filter label=luma.app=shop --format '{{.Names}}'").split()
    assert sorted(running) == ["shop-green-1", "shop-green-2"]
