# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The removal of an app: from which hosts, what is asked, and in which order a host lets go of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError, AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.utils.display import Display
from ansible_collections.luma.deploy.plugins.action.removal import ActionModule
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.release import removal as removal_module
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import DrainTimeouts, Retired, Stopped
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Release, Releases
from ansible_collections.luma.deploy.plugins.module_utils.release.removal import Removal
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.removal import app_to_remove, question
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.orphans import orphan_lines

from tests.unit.fakes import APP, FakeEngine, Host
from tests.unit.luma_file import read

LUMA_YML = """
name: shop
apps:
  blog: {image: a, servers: [web1], drain_timeout: 60, stop_timeout: 5}
services:
  db: {image: a, servers: [db1]}
"""
INVENTORY = Inventory(["web1", "web2", "db1"], {})
FOUND = {
    "present": True, "containers": ["blog-green"], "running": 1, "hosts": ["blog.com"], "releases": ["r1", "r2"],
    "images": ["luma/shop/blog:a1"],
}  # fmt: skip
NOTHING = {"present": False, "containers": [], "running": 0, "hosts": [], "releases": [], "images": []}


# --- which app, from which hosts -------------------------------------------------------------------------------------


def chosen(folder: Path, name: str, *only: str) -> dict[str, Any]:
    project = read(folder, LUMA_YML, inventory=INVENTORY)
    return app_to_remove(project, [name], only, INVENTORY)


def test_an_app_is_removed_from_its_servers_as_luma_yml_says(tmp_path: Path) -> None:
    app = chosen(tmp_path, "blog")
    assert (app["hosts"], app["drain_timeout"], app["stop_timeout"]) == (["web1"], 60, 5)


def test_one_that_luma_yml_has_no_more_is_removed_from_all_hosts(tmp_path: Path) -> None:
    app = chosen(tmp_path, "old")
    assert (app["hosts"], app["drain_timeout"], app["stop_timeout"]) == (["web1", "web2", "db1"], None, None)


def test_the_last_app_can_be_taken_out_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "luma.yml").write_text("name: shop\n")
    project = load(str(tmp_path / "luma.yml"), inventory=Inventory(), may_be_empty=True)
    assert app_to_remove(project, ["old"], (), Inventory())["hosts"] == ["localhost"]


def test_only_named_hosts_let_go_of_it(tmp_path: Path) -> None:
    app = chosen(tmp_path, "blog", "web2")
    assert app["hosts"] == ["web2"]
    # It does not come back there.
    assert "luma.yml still has" not in "\n".join(question(app, {"blog": {"web2": FOUND}}))


def test_an_app_goes_with_its_processes_and_what_was_there_before_them(tmp_path: Path) -> None:
    text = "apps:\n  shop: {image: a, servers: [web1], processes: {web: {}, job: {servers: [db1], stop_timeout: 5}}}\n"
    project = read(tmp_path, text, inventory=INVENTORY)
    app = app_to_remove(project, ["shop"], (), INVENTORY)
    assert app["hosts"] == ["web1", "db1"]
    assert [(each["name"], each["hosts"]) for each in app["processes"]] == [
        ("shop-web", ["web1"]),
        ("shop-job", ["db1"]),
        ("shop", ["web1", "db1"]),
    ]
    assert app_to_remove(project, ["shop-job"], (), INVENTORY)["processes"] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["db"], "db is a service"),
        (["../blog"], "the name of an app has to hold only"),
        (["blog", "web9"], r"web9 is in no inventory\. To add it for this run: -i web9,"),
    ],
)
def test_what_cannot_be_removed(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=complaint):
        chosen(tmp_path, *arguments)


# --- the question ----------------------------------------------------------------------------------------------------


def test_the_question_says_what_goes_from_where_and_what_stays(tmp_path: Path) -> None:
    app = chosen(tmp_path, "blog", "web1", "web2")
    assert question(app, {"blog": {"web1": FOUND, "web2": NOTHING}}) == [
        "blog of the project shop is about to be removed:",
        "  web1  blog-green (1 running); the route of blog.com; 2 release(s) on record; 1 image name(s)",
        "  web2  nothing of it",
        "It runs: its users will get no answer any more.",
        "Its volumes, the project's network, services and other apps stay.",
        "⚠️ luma.yml still has blog: unless you take it out, the next luma deploy brings it back.",
    ]


class Removing(ActionModule):
    """One that Ansible has not made."""

    def __init__(self, found: dict[str, Any], yes: bool = False, check: bool = False) -> None:
        app = {"name": "blog", "project": "shop", "hosts": list(found), "in_luma_yml": [], "processes": []}
        arguments = {"app": {**app, "deploy": {"max_unavailable_hosts": 0}}, "found": found, "yes": yes}
        self._task: Any = SimpleNamespace(args=arguments, async_val=0, check_mode=check)
        self._connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/tmp"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"y", {"wanted": True}),
        (b"Yes", {"wanted": True}),
        (b"", {"wanted": False, "failed": True}),
        (b"n", {"wanted": False, "failed": True}),
        (AnsiblePromptInterrupt(), {"wanted": False, "failed": True, "interrupted": True}),
        (AnsiblePromptNoninteractive(), {"wanted": False, "failed": True, "invalid_input": True}),
    ],
)
def test_only_a_yes_removes(
    answer: bytes | AnsibleError, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def prompt(_display: Display, text: str) -> bytes:
        assert text.endswith("Remove blog? [y/N]")
        if isinstance(answer, AnsibleError):
            raise answer
        return answer

    monkeypatch.setattr(Display, "prompt_until", prompt)
    result = Removing({"web1": FOUND}).run()
    assert expected.items() <= result.items()
    assert result["wanted"] or "nothing was changed" in result["msg"]


def test_nobody_is_asked_where_the_answer_is_known() -> None:
    assert Removing({"web1": FOUND}, yes=True).run()["wanted"]
    assert not Removing({"web1": FOUND}, check=True).run()["wanted"]
    assert "there is nothing of blog on web1" in Removing({"web1": NOTHING}).run()["report"][0]


def test_every_host_has_to_answer_before_anything_is_removed() -> None:
    result = Removing({"web1": FOUND, "web2": {"unreachable": True, "msg": "no route"}}, yes=True).run()
    assert (result["failed"], result["unreachable_engine"], result["wanted"]) == (True, True, False)
    assert result["msg"] == "[web2] ❌ cannot be reached: no route\n❌ Nothing was changed."


# --- orphans ---------------------------------------------------------------------------------------------------------


def test_apps_that_luma_yml_does_not_name_are_told_with_what_to_type() -> None:
    def orphan(name: str, running: int = 1, hosts: tuple[str, ...] = (), elsewhere: bool = False) -> dict[str, Any]:
        return {"name": name, "running": running, "hosts": hosts, "elsewhere": elsewhere}

    found: dict[str, dict[str, Any]] = {
        "web1": {"orphans": [orphan("old", hosts=("old.com",)), orphan("still", running=0)]},
        "web2": {"orphans": [orphan("old"), orphan("moved", elsewhere=True)]},
        "web3": {"unreachable": True},
    }
    assert orphan_lines(found) == [
        "moved runs on web2, but luma.yml names other servers for it. To remove it there: luma remove moved "
        "--host web2",
        "old runs on web1, web2 and serves old.com, but luma.yml has no such app. To remove it: luma remove old",
        "still has stopped containers on web1, but luma.yml has no such app. To remove it: luma remove still",
    ]


# --- on a host -------------------------------------------------------------------------------------------------------


class Site:
    """A green that serves, with a route and a record; ``events`` are what was done, in order."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        engine = FakeEngine(Host(), folder)
        engine.host.add("green", 1, serving=True)
        engine.list_containers = lambda labels=(): []  # type: ignore[method-assign]
        engine.client = SimpleNamespace(images=list)  # type: ignore[assignment]
        self.engine, self.routes = engine, Routes(folder)
        haproxy = SimpleNamespace(is_reachable=lambda: True)
        self.proxy: Any = SimpleNamespace(routes=self.routes, haproxy=haproxy, forget=self.forget)
        self.folder = folder
        monkeypatch.setattr(removal_module, "wait_for_drain", self.drain)
        monkeypatch.setattr(removal_module, "stop", self.stop)

    def route(self) -> None:
        with self.routes.recorded(Route("shop", "blog", "shop-network", ("blog.com",))):
            pass

    def record(self, **spec: float) -> None:
        Releases(str(self.folder), APP).add(Release("r1", "a", "i", "c", "2026-01-01T00:00:00", "me", spec))

    def remove(self, **timeouts: float) -> None:
        removal = Removal(self.engine, self.proxy, APP, str(self.folder), timeouts)
        found = removal.find()
        assert found.any
        removal.remove(found)
        assert not removal.find().any

    def forget(self, backends: list[str]) -> None:
        self.events.append("unroute")
        for backend in backends:
            self.routes.remove(backend)

    def drain(self, _proxy: Any, _app: Any, _addresses: Any, timeouts: DrainTimeouts) -> Retired:
        self.events.append(f"drain {timeouts.requests:g} {timeouts.streams:g}")
        return Retired()

    def stop(self, _engine: Any, container: Container, timeout: float) -> Stopped:
        self.events.append(f"stop {timeout:g}")
        return Stopped(container.name, True, False, 0.0)


def test_nobody_new_is_let_to_it_before_it_is_drained_and_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, monkeypatch)
    site.route()
    site.record(drain_timeout=60, stop_timeout=5)
    site.remove(stop_timeout=7)
    # What luma.yml says counts, then what the newest release had.
    assert site.events == ["unroute", "drain 60 60", "stop 7"]


def test_a_run_after_one_that_died_waits_for_what_is_still_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, monkeypatch)
    site.remove()
    assert site.events == ["drain 30 30", "stop 30"]


def test_a_record_that_is_damaged_goes_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, monkeypatch)
    site.record()
    Releases(str(tmp_path), APP).file.write_text("{")
    site.remove()


def test_its_files_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, monkeypatch)
    for name in ("blog", "other"):
        (tmp_path / "files" / "shop" / name / "d1" / "tls").mkdir(parents=True)
    site.record()
    site.remove()
    assert [path.name for path in (tmp_path / "files").glob("*/*/*")] == ["d1"]
    assert (tmp_path / "files" / "shop" / "other" / "d1" / "tls").exists()
