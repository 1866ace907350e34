# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two servers whose engines call the same image by different ids, since they store images in different ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.host import APP_IMAGE, ROOT, docker
from tests.remote.project import Project
from tests.testbed.servers import Server

ROLLBACK = ROOT / "playbooks" / "rollback.yml"
RUNNING = (
    "docker inspect --format '{{.Image}} {{index .Config.Labels \"luma.release\"}}' $(docker ps -q -f label=luma.app)"
)


@pytest.mark.parametrize("built", [True, False], ids=["built", "named"])
def test_both_go_back_to_the_same_release(
    built: bool, server: Server, containerd_server: Server, tmp_path: Path
) -> None:
    project = Project(server, tmp_path, f"stores-{built}".lower(), {})
    servers = {"one": server, "two": containerd_server}

    def deploy(change: str) -> None:
        (tmp_path / "Dockerfile").write_text(f"FROM {APP_IMAGE}\nRUN echo {change} >/change\n")
        docker("build", "--quiet", "--tag", "stores:now", str(tmp_path))
        source: dict[str, Any] = {"build": {}} if built else {"image": "stores:now", "pull": "missing"}
        project.write_app(servers=list(servers), **source)
        hosts = {name: each.inventory_vars for name, each in servers.items()}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        if not built:
            for each in servers.values():
                each.load_images("stores:now")
        done = project.deploy()
        assert done.code == 0, done.output + done.errors

    def running() -> list[list[str]]:
        return [each.run(RUNNING).split() for each in servers.values()]

    server.load_images(APP_IMAGE)
    try:
        deploy("one")
        first = running()
        assert first[0][0] != first[1][0]
        deploy("two")
        assert running() != first

        # A release that is called after its image has another name on each; the one of either means both.
        wanted = () if built else ("--extra-vars", f"release={first[1][1]}")
        back = project.deploy(*wanted, playbook=ROLLBACK)
        assert back.code == 0, back.output + back.errors
        assert running() == first
    finally:
        project.remove()
        docker("image", "rm", "--force", "stores:now")
