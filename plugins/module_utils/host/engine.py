# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine as luma sees it: containers with a color, endpoints with an alias, networks with a subnet."""

from __future__ import annotations

import copy
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import REQUEST_ERRORS, docker, explanation
from ansible_collections.luma.deploy.plugins.module_utils.host.detached import DetachedAddresses
from ansible_collections.luma.deploy.plugins.module_utils.host.images import Images
from ansible_collections.luma.deploy.plugins.module_utils.host.networks import Networks
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import Registry


class Engine(Networks, Images):
    """The calls that luma makes to one Docker engine. Every method raises `LumaError` with the engine's words."""

    def __init__(self, client: docker.APIClient, state_dir: str = "/var/lib/luma", docker_host: str = "") -> None:
        super().__init__(client, docker_host)
        self.detached = DetachedAddresses(Path(state_dir, "detached"))

    @classmethod
    def connect(cls, docker_host: str, timeout: int = 60, state_dir: str = "/var/lib/luma") -> Engine:
        """Connects to the engine at ``docker_host`` (a URL such as ``unix:///var/run/docker.sock``) and agrees on an
        API version with it. ``timeout`` in seconds bounds each request."""
        try:
            client = docker.APIClient(base_url=docker_host, version="auto", timeout=timeout)
        except REQUEST_ERRORS as exc:
            if "PermissionError" in explanation(exc):
                raise LumaError(
                    f"The Docker engine at {docker_host} does not let this user in. Nothing was changed. luma needs "
                    "root on each host: log in as root, or set ssh.become to true in luma.yml."
                ) from exc
            raise LumaError(
                f"No Docker engine answers at {docker_host}: {explanation(exc)}. Nothing was changed. Start it "
                "(systemctl start docker), or install it with the playbook luma.deploy.setup."
            ) from exc
        return cls(client, state_dir, docker_host)

    def with_registry(self, registry: Registry | None) -> Engine:
        """The same engine, which pulls images of another registry."""
        other = copy.copy(self)
        other.registry = registry
        return other
