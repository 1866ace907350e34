# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server is asked after each step. It is asked itself, never the playbook."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

PROXY = "luma-proxy"


class Blog:
    """The blog on one server."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.server: str = host.backend.get_hostname()
        containers = host.check_output("docker ps --all --quiet").split()
        inspected = json.loads(host.check_output(f"docker inspect {' '.join(containers)}")) if containers else []
        self.containers: dict[str, dict[str, Any]] = {each["Name"].lstrip("/"): each for each in inspected}

    def serves(self, version: str, color: str, replicas: int) -> bool:
        """Whether that is what users get, from all replicas, and there is no other container. Fails where not."""
        numbers = [""] if replicas == 1 else [f"-{number}" for number in range(1, replicas + 1)]
        names = {f"blog-{color}{number}" for number in numbers}
        assert self.containers.keys() == names | {"luma-proxy"}
        assert all(each["State"]["Running"] for each in self.containers.values())
        for name in names:
            aliases = self.containers[name]["NetworkSettings"]["Networks"]["fleet-network"]["Aliases"]
            assert "blog" in aliases
            assert not [alias for alias in aliases if "temp" in alias]
        hostnames = {self.containers[name]["Config"]["Hostname"] for name in names}
        assert self._answers() == {f"version {version}, {color}, replica {hostname}" for hostname in hostnames}
        return True

    def _answers(self) -> set[str]:
        """What the proxy answers to clients, of which there are more than replicas."""
        curl = "curl --silent --fail --max-time 5 --header 'Host: blog.localhost' http://127.0.0.1/"
        return set(self.host.check_output(f"for n in 1 2 3 4 5 6 7 8 9; do {curl} || exit; done").splitlines())


@pytest.fixture
def blog(host: Host) -> Blog:
    return Blog(host)
