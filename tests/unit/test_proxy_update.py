# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An update of the proxy on an engine in memory: wherever it fails, a proxy serves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy import ipv6
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import CHECK, CONTAINER, DETOUR, NEXT
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import DEFAULTS, LABEL_SETTINGS, ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.proxy.update import update_proxy
from ansible_collections.luma.deploy.plugins.modules.proxy_info import look
from ansible_collections.luma.deploy.plugins.modules.proxy_update import report

MADE_BY_LUMA = {LABEL_ROLE: "proxy", LABEL_SETTINGS: json.dumps(DEFAULTS)}


class FakeEngine(Engine):
    """Proxies that hold the same ports. ``fails`` has the error of a request, once, which is
    carried out nevertheless; ``loaded`` is what the last one was started with."""

    def __init__(self, labels: Mapping[str, str] | None) -> None:
        self.labels = {} if labels is None else {CONTAINER: labels}
        self.running = set(self.labels)
        self.ending: set[str] = set()
        self.loaded = ""
        self.fails: dict[str, BaseException] = {}
        client = SimpleNamespace(
            kill=self._kill, restart=self._restart, rename=self._rename, wait=self._wait, base_url="http://elsewhere"
        )
        self.client: Any = client

    @property
    def serving(self) -> set[str]:
        return self.running - self.ending

    def container(self, name: str, network: str) -> Container | None:
        if name not in self.labels:
            return None
        facts: dict[str, Any] = dict.fromkeys(Container.__dataclass_fields__)
        return Container(**{**facts, "labels": self.labels[name], "running": name in self.running, "image_id": "old"})

    def list_containers(self, labels: Sequence[str] = ()) -> list[dict[str, Any]]:
        return []

    def need_image(self, name: str, image_id: str = "", pull: bool = True) -> dict[str, Any]:
        return {"Id": "new"}

    def create(self, name: str, image: str, network: str, labels: Mapping[str, str], *_: Any, **__: Any) -> None:
        self.labels[name] = labels

    def start(self, name: str) -> None:
        if self.running - {DETOUR} and name in (CONTAINER, NEXT):
            raise LumaError("the port is taken")
        self.running.add(name)
        self._fail("start " + name)

    def stop(self, name: str, timeout: float) -> None:
        self._end(name)
        self._fail("stop " + name)

    def remove(self, name: str, volumes: bool = True) -> None:
        self._end(name)
        self.labels.pop(name, None)

    def logs(self, name: str, lines: int = 20) -> list[str]:
        return []

    def _fail(self, request: str) -> None:
        if request in self.fails:
            raise self.fails.pop(request)

    def _end(self, name: str) -> None:
        self.running.discard(name)
        self.ending.discard(name)

    def _kill(self, name: str, signal: str) -> None:
        self.ending.add(name)
        self._fail("kill " + name)

    def _restart(self, name: str, timeout: float) -> None:
        self._end(name)
        self.start(name)

    def _wait(self, name: str) -> dict[str, int]:
        self._end(name)
        return {"StatusCode": 0}

    def _rename(self, name: str, new: str) -> None:
        self.labels[new] = self.labels.pop(name)
        self.running = self.running - {name} | {new}


class FakeHaproxy(Haproxy):
    """Answers while a proxy runs, which has loaded the states that are there."""

    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        super().__init__(folder)
        self.engine = engine

    def states(self) -> str:
        return "the states"

    def announce_end(self) -> None:
        """It has no worker."""

    def version(self) -> str:
        if not self.engine.serving:
            raise LumaError("luma-proxy does not answer")
        file = self.folder / "servers-state"
        self.engine.loaded = file.read_text() if file.exists() else ""
        return "3.2.4"


@pytest.fixture(autouse=True)
def without_ipv6(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ipv6, "IF_INET6", tmp_path / "none")


def proxy_on(engine: FakeEngine, folder: Path) -> Proxy:
    (folder / "run").mkdir()
    proxy = Proxy(engine, ProxySettings(image="haproxy:new"), folder)
    proxy.haproxy = FakeHaproxy(folder / "run", engine)
    proxy.second = FakeHaproxy(proxy.second.folder, engine)
    return proxy


def test_the_new_proxy_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    engine = FakeEngine(MADE_BY_LUMA)
    assert update_proxy(proxy_on(engine, tmp_path)).changed
    assert engine.serving == set(engine.labels) == {CONTAINER}
    assert json.loads(engine.labels[CONTAINER][LABEL_SETTINGS])["image"] == "haproxy:new"


@pytest.mark.parametrize("request_", ["kill " + CONTAINER, "stop " + CONTAINER, "start " + NEXT])
@pytest.mark.parametrize("error", [LumaError("it timed out"), KeyboardInterrupt()])
def test_the_earlier_proxy_is_brought_back(request_: str, error: BaseException, tmp_path: Path) -> None:
    engine = FakeEngine(MADE_BY_LUMA)
    engine.fails = {request_: error}
    proxy = proxy_on(engine, tmp_path)
    with pytest.raises(type(error)):
        update_proxy(proxy)
    assert engine.serving == set(engine.labels) == {CONTAINER}
    assert engine.labels[CONTAINER] == MADE_BY_LUMA
    assert engine.loaded == "the states"


def test_it_is_brought_back_where_the_states_cannot_be_written(tmp_path: Path) -> None:
    engine = FakeEngine(MADE_BY_LUMA)
    proxy = proxy_on(engine, tmp_path)
    (tmp_path / "run").rmdir()
    with pytest.raises(LumaError, match="The earlier luma-proxy runs again"):
        update_proxy(proxy)
    assert engine.serving == set(engine.labels) == {CONTAINER}


def test_a_full_disk_leaves_no_part_of_the_states(tmp_path: Path) -> None:
    (tmp_path / "servers-state").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"), Haproxy(tmp_path).loading("the states"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_host_without_a_proxy_needs_none(tmp_path: Path) -> None:
    proxy = proxy_on(FakeEngine(None), tmp_path)
    done = update_proxy(proxy)
    assert not done.changed
    assert report(done, check_mode=False) == ["luma-proxy is not on this host"]
    # As on a host that never had one.
    proxy.folder = tmp_path / "proxy"
    assert update_proxy(proxy) == done
    assert not proxy.folder.exists()


def test_a_foreign_container_is_no_proxy(tmp_path: Path) -> None:
    proxy = proxy_on(FakeEngine({}), tmp_path)
    module: Any = SimpleNamespace(params={"state_dir": str(tmp_path)})
    for action in (
        lambda: update_proxy(proxy),
        lambda: proxy.forget(["shop:blog"]),
        lambda: look(module, proxy.engine),
    ):
        with pytest.raises(LumaError, match="taken by a container that luma did not make"):
            action()


@pytest.mark.parametrize("running", [True, False])
def test_a_foreign_container_does_not_become_the_proxy(tmp_path: Path, running: bool) -> None:
    engine = FakeEngine(MADE_BY_LUMA)
    engine.labels[NEXT] = {}
    engine.running |= {NEXT} if running else set()
    with pytest.raises(LumaError, match=f"The name {NEXT} is taken by a container that luma did not make"):
        update_proxy(proxy_on(engine, tmp_path))
    assert set(engine.labels) == {CONTAINER, NEXT}


def test_a_foreign_container_is_not_removed_for_a_check(tmp_path: Path) -> None:
    engine = FakeEngine(MADE_BY_LUMA)
    engine.labels[CHECK] = {}
    with pytest.raises(LumaError, match=f"The name {CHECK} is taken by a container that luma did not make"):
        update_proxy(proxy_on(engine, tmp_path))
    assert set(engine.labels) == {CONTAINER, CHECK}


def test_a_route_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    proxy_on(FakeEngine(None), tmp_path).forget(["shop:blog"])
