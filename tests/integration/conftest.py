# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as Ansible runs them, each in a process of its own, against the engine of this machine."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy import names

from tests.host import (
    APP,
    APP_IMAGE,
    PREFIX,
    PROXY_IMAGE,
    TEST_PROXY,
    build_images,
    docker,
    free_port,
    proxy_exists,
    remove_network,
    remove_project,
)
from tests.integration import module_process
from tests.integration.own_proxy import OwnProxy

ROOT = Path(__file__).parents[2]
NUMBERS = itertools.count(1)


class Failed(Exception):
    """A module failed; ``result`` is what it returned."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["msg"])
        self.result = result


def run_module(name: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run a module of the collection; returns its result, or raises `Failed`."""
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_diff": True}}
    printed = module_process.run(name, json.dumps(arguments))
    result: dict[str, Any] = json.loads(printed.output or json.dumps({"failed": True, "msg": printed.errors}))
    if result.get("failed"):
        raise Failed(result)
    return result


@dataclass
class Site:
    """A project with an app, without a proxy unless ``proxied``."""

    project: str
    proxied: bool = False
    app: str = APP

    @property
    def names(self) -> dict[str, Any]:
        return {"project": self.project, "app": self.app}

    @property
    def common(self) -> dict[str, Any]:
        return {**self.names, "proxied": self.proxied}

    @property
    def check(self) -> dict[str, Any]:
        return {"path": "/up", "port": 3000, "interval": 0.2, "retries": 25, "timeout": 2}

    def prepare(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"image": APP_IMAGE, "health_check": self.check, "stop_timeout": 1, **self.common, **options}
        return run_module("bluegreen_container", check=check, **given)

    def switch(self, color: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"color": color, "health_check": self.check, **self.common, **options}
        return run_module("network_alias_switch", check=check, **given)

    def retire(self, color: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"color": color, "drain_timeout": 5, "stop_timeout": 1, **self.common, **options}
        return run_module("graceful_shutdown", check=check, **given)

    def route(
        self,
        *,
        check: bool = False,
        proxy: dict[str, Any] | None = None,
        health_check: dict[str, Any] | None = None,
        https: dict[str, Any] | None = None,
        **route: Any,
    ) -> dict[str, Any]:
        return run_module(
            "proxy",
            check=check,
            **self.names,
            route={"hosts": [self.host], "app_port": 3000, **route},
            proxy={"image": PROXY_IMAGE, **(proxy or {})},
            health_check=health_check or {"path": "/up"},
            **({"https": https} if https else {}),
        )

    def deploy(self, **options: Any) -> str:
        """All the phases; returns the color that serves."""
        prepared = self.prepare(**options)
        self.switch(prepared["color"], health_check=options.get("health_check", self.check))
        self.retire(prepared["other"])
        return str(prepared["color"])

    @property
    def host(self) -> str:
        return f"{self.app}.{self.project}.localhost"

    @property
    def network(self) -> str:
        return f"{self.project}-network"

    def inspect(self, container: str) -> dict[str, Any]:
        return dict(json.loads(docker("inspect", container))[0])

    def aliases(self, container: str) -> set[str]:
        return set(self.inspect(container)["NetworkSettings"]["Networks"][self.network]["Aliases"] or ())

    def address(self, container: str) -> str:
        return str(self.inspect(container)["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def containers(self) -> list[str]:
        return sorted(docker("ps", "-a", "--filter", self._label, "--format", "{{.Names}}").split())

    @property
    def _label(self) -> str:
        return f"label=luma.project={self.project}"

    def remove(self) -> None:
        remove_project(self.project)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses this machine's luma-proxy, of which there is one, is told apart: the rest can run beside it."""
    for item in items:
        if "reserved_host" in getattr(item, "fixturenames", ()):
            item.add_marker("luma_proxy")


@pytest.fixture(scope="session", autouse=True)
def _images() -> None:
    """All of them need some."""
    build_images()


@pytest.fixture(scope="session")
def proxy_options(reserved_host: None) -> dict[str, Any]:
    """Ports for a proxy that does not run yet; one that runs is used."""
    return {} if proxy_exists() else {"bind": "127.0.0.1", "http_port": free_port(), "https_port": free_port()}


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(f"{PREFIX}{next(NUMBERS)}")
    yield made
    made.remove()


@pytest.fixture
def proxied(proxy_options: dict[str, Any]) -> Iterator[Site]:
    made = Site(f"{PREFIX}{next(NUMBERS)}", proxied=True)
    made.route(proxy=proxy_options)
    yield made
    made.remove()


@pytest.fixture
def own_proxy(reserved_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnProxy]:
    """It waits for others all the same: while a proxy is replaced, the rules of this machine's kernel are changed."""
    name = f"{TEST_PROXY}{os.getpid()}"
    monkeypatch.setattr(names, "CONTAINER", name)
    monkeypatch.setattr(names, "NEXT", name + "-next")
    monkeypatch.setattr(names, "CHECK", name + "-next-check")
    monkeypatch.setattr(names, "DETOUR", name + "-detour")
    monkeypatch.setattr(names, "NETWORK", f"0-{name}")
    # A socket's path has at most 107 characters.
    state = Path(tempfile.mkdtemp(prefix="luma-"))
    yield OwnProxy(state / "proxy")
    for container in (name, name + "-next", name + "-detour", name + "-ipv6"):
        docker("rm", "--force", container)
    remove_network(f"0-{name}")
    shutil.rmtree(state)
