# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services on an engine in memory: a run may die at each change that it makes, and the next one finishes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.action.project import chosen
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import HostFile, Mounts
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import Answer, Registry
from ansible_collections.luma.deploy.plugins.module_utils.release import health as health_module
from ansible_collections.luma.deploy.plugins.module_utils.services.services import bring_up, left_over
from ansible_collections.luma.deploy.plugins.module_utils.services.specification import (
    Service,
    differences,
    inherited_volumes,
)
from ansible_collections.luma.deploy.plugins.module_utils.services.upkeep import Outcome
from ansible_collections.luma.deploy.plugins.modules.service_container import bring_all_up
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load

from tests.unit.fakes import Killed
from tests.unit.services_engine import DATA, FakeEngine

OLD = Service("shop", "db", "postgres:16", environment={"PASSWORD": "old"})
NEW = Service("shop", "db", "postgres:17", environment={"PASSWORD": "new"})
BROKEN = Service("shop", "db", "postgres:17", environment={"EXIT": "1"})
# More changes than a replacement makes.
CHANGES = range(12)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "SETTLE_SECONDS", 0)


@pytest.fixture
def engine() -> FakeEngine:
    """The old version runs."""
    engine = FakeEngine()
    up(engine, OLD)
    return engine


def up(engine: FakeEngine, service: Service, **options: bool) -> Outcome | LumaError:
    (outcome,) = bring_up(engine, "shop", [service], **options)
    return outcome


def succeeds(engine: FakeEngine, service: Service, **options: bool) -> Outcome:
    outcome = up(engine, service, **options)
    assert isinstance(outcome, Outcome)
    return outcome


def assert_serves(engine: FakeEngine, service: Service) -> None:
    """It has the data of the first version, its address, and nothing beside it."""
    (made,) = engine.made.values()
    container = made.container
    assert (container.name, container.running, container.restart_policy) == ("shop-db", True, "unless-stopped")
    assert (container.config_hash, container.image_id) == (service.config_hash, "id of " + service.image)
    assert (set(container.aliases), container.fixed_address) == ({"db"}, "10.201.0.4")
    assert made.anonymous == DATA + "0" or made.binds == [f"{DATA}0:/data"]
    assert DATA + "0" in engine.volumes


def test_created_then_replaced_then_kept(engine: FakeEngine) -> None:
    assert_serves(engine, OLD)
    assert succeeds(engine, NEW).changes == ("image", "environment.PASSWORD")
    assert_serves(engine, NEW)
    engine.changes_left = 0
    assert not succeeds(engine, NEW).changed


@pytest.fixture
def of_the_earlier_luma(engine: FakeEngine) -> FakeEngine:
    """The old version runs as that tool made it: under the service's name, and without a label."""
    engine.rename("shop-db", "db")
    engine.update("db", labels={}, aliases=frozenset())
    return engine


def test_what_the_earlier_luma_made_is_not_made_a_second_time(of_the_earlier_luma: FakeEngine) -> None:
    outcome = succeeds(of_the_earlier_luma, NEW, replacing=False)
    assert (outcome.container, outcome.changed) == ("db", False)
    assert outcome.notes == ["made by the earlier luma; luma deploy --services replaces it"]
    assert list(of_the_earlier_luma.made) == ["db"]


@pytest.mark.parametrize("changes", CHANGES)
def test_what_the_earlier_luma_made_is_replaced_wherever_a_run_dies(
    of_the_earlier_luma: FakeEngine, changes: int
) -> None:
    of_the_earlier_luma.changes_left = changes
    with contextlib.suppress(Killed):
        up(of_the_earlier_luma, NEW)
    of_the_earlier_luma.changes_left = 1000
    succeeds(of_the_earlier_luma, NEW)
    assert_serves(of_the_earlier_luma, NEW)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("next_time", [NEW, OLD], ids=["again", "taken back"])
def test_a_replacement_that_dies_anywhere_is_finished_by_the_next_run(
    engine: FakeEngine, changes: int, next_time: Service
) -> None:
    engine.changes_left = changes
    with contextlib.suppress(Killed):
        up(engine, NEW)
    engine.changes_left = 1000
    planned = succeeds(engine, next_time, check_mode=True)
    done = succeeds(engine, next_time)
    assert (planned.changed, planned.changes) == (done.changed, done.changes)
    assert_serves(engine, next_time)
    assert not succeeds(engine, next_time).changed


@pytest.mark.parametrize("changes", CHANGES)
def test_after_a_run_that_died_the_service_runs_even_where_nothing_is_replaced(
    engine: FakeEngine, changes: int
) -> None:
    engine.changes_left = changes
    with contextlib.suppress(Killed):
        up(engine, NEW)
    engine.changes_left = 1000
    kept = succeeds(engine, NEW, replacing=False)
    assert_serves(engine, OLD if kept.changes else NEW)


@pytest.mark.parametrize("changes", [4, 5], ids=["both there", "old one removed"])
@pytest.mark.parametrize(
    "now", [{"running": False, "status": "exited"}, {"health": "unhealthy"}, {"restarts": 3}], ids=str
)
def test_one_that_was_accepted_keeps_the_data_whatever_became_of_it(
    engine: FakeEngine, changes: int, now: dict[str, Any]
) -> None:
    engine.changes_left = changes
    with contextlib.suppress(Killed):
        up(engine, NEW)
    engine.changes_left = 1000
    assert ("shop-db" in engine.made, "shop-db-new" in engine.made) == (changes == 4, True)
    engine.update("shop-db-new", **now)
    planned = succeeds(engine, NEW, check_mode=True)
    done = succeeds(engine, NEW)
    assert planned.action == done.action == ("started" if "status" in now else "kept")
    assert_serves(engine, NEW)


@pytest.mark.parametrize("changes", CHANGES)
def test_a_creation_that_dies_anywhere_is_finished_by_the_next_run(changes: int) -> None:
    engine = FakeEngine(changes_left=changes)
    with contextlib.suppress(Killed):
        up(engine, OLD)
    engine.changes_left = 1000
    succeeds(engine, OLD)
    assert_serves(engine, OLD)


@pytest.mark.parametrize("change", range(1, 12))
def test_where_the_engine_refuses_a_change_something_serves(engine: FakeEngine, change: int) -> None:
    engine.refuses_at = change
    with contextlib.suppress(LumaError):
        up(engine, NEW)
    assert sum(made.container.running for made in engine.made.values()) == 1
    succeeds(engine, NEW)
    assert_serves(engine, NEW)


def test_a_version_that_fails_gives_way_to_the_old_one(engine: FakeEngine) -> None:
    error = up(engine, BROKEN)
    assert isinstance(error, LumaError)
    assert "no space left" in str(error)
    assert "the container that served before runs again" in str(error)
    assert error.facts["failures"][0]["container"] == "shop-db-new"
    assert_serves(engine, OLD)


def test_one_whose_healthcheck_fails_gives_way_to_the_old_one(engine: FakeEngine) -> None:
    engine.health = "unhealthy"
    assert "the image's HEALTHCHECK says unhealthy" in str(up(engine, NEW))
    assert_serves(engine, OLD)


def test_one_that_is_given_up_while_it_runs_is_stopped_first(engine: FakeEngine) -> None:
    engine.health = "unhealthy"
    up(engine, replace(NEW, stop_timeout=90))
    assert engine.stopped == [("shop-db", 90), ("shop-db-new", 90)]
    up(engine, Service("shop", "cache", "valkey:8", stop_timeout=5))
    assert engine.stopped[2:] == [("shop-cache", 5)]


def test_one_that_a_dead_run_left_unhealthy_is_stopped_first(engine: FakeEngine) -> None:
    engine.health, engine.changes_left = "unhealthy", 3
    with pytest.raises(Killed):
        up(engine, NEW)
    engine.health, engine.changes_left = "", 1000
    assert engine.of("shop-db-new").container.running
    engine.stopped.clear()
    assert succeeds(engine, replace(OLD, stop_timeout=90), replacing=False).action == "started"
    assert engine.stopped == [("shop-db-new", 90)]
    assert_serves(engine, OLD)


def test_one_that_docker_has_to_restart_has_failed(engine: FakeEngine) -> None:
    engine.restarts = 2
    error = up(engine, NEW)
    assert "Docker restarted it 2 times" in str(error)


def test_a_first_version_that_fails_leaves_nothing() -> None:
    engine = FakeEngine()
    assert "It was removed again" in str(up(engine, BROKEN))
    assert (engine.made, engine.volumes) == ({}, set())


def test_the_failure_of_one_does_not_keep_the_others() -> None:
    engine = FakeEngine()
    failed, done = bring_up(engine, "shop", [BROKEN, Service("shop", "cache", "valkey:8")])
    assert isinstance(failed, LumaError)
    assert isinstance(done, Outcome)
    assert engine.of("shop-cache").container.running


@pytest.mark.parametrize("broken", [{"running": False, "status": "exited"}, {"aliases": frozenset()}], ids=str)
def test_what_keeps_it_from_serving_is_put_right_without_a_replacement(
    engine: FakeEngine, broken: dict[str, Any]
) -> None:
    engine.update("shop-db", **broken)
    assert succeeds(engine, OLD, check_mode=True).changed
    done = succeeds(engine, OLD, replacing=False)
    assert done.changed
    assert done.action != "replaced"
    assert_serves(engine, OLD)


@pytest.mark.parametrize("absent", [set(), {NEW.image}], ids=["image there", "image absent"])
def test_a_difference_is_told_and_left_where_nothing_is_replaced(engine: FakeEngine, absent: set[str]) -> None:
    engine.changes_left, engine.absent_images = 0, absent
    kept = succeeds(engine, NEW, replacing=False)
    assert (kept.changed, kept.action, kept.changes) == (False, "kept", ("image", "environment.PASSWORD"))
    planned = succeeds(engine, NEW, check_mode=True)
    assert (planned.changed, planned.action, planned.changes) == (True, "replaced", kept.changes)
    assert_serves(engine, OLD)


def test_a_registry_is_asked_only_where_services_are_replaced(engine: FakeEngine) -> None:
    engine.asked, engine.answer = [], Answer("sha256:2")
    assert succeeds(engine, OLD, replacing=False).action == "kept"
    assert succeeds(engine, replace(OLD, pull="missing")).action == "kept"
    new = FakeEngine()
    assert succeeds(new, OLD, replacing=False).action == "created"
    assert engine.asked + new.asked == []
    assert succeeds(engine, OLD, check_mode=True).changes == ("image",)
    assert succeeds(engine, OLD).changes == ("image",)
    assert engine.of("shop-db").container.image_id == "id of postgres:16 2"


def test_a_registry_that_is_away_is_told_beside_a_service(engine: FakeEngine) -> None:
    engine.answer = Answer(problem="the registry docker.io cannot be reached")
    kept = succeeds(engine, OLD)
    assert (kept.action, kept.notes) == (
        "kept",
        ["⚠️ postgres:16 is the image that this host has: the registry docker.io cannot be reached"],
    )


@pytest.mark.parametrize(("names", "others"), [(["db", "db-new"], []), (["db"], ["db-new"]), (["db-new"], ["db"])])
def test_the_name_of_a_new_container_is_refused_before_anything_is_changed(names: list[str], others: list[str]) -> None:
    module: Any = SimpleNamespace(
        params={"project": "shop", "other_services": others, "replace": True}, check_mode=False
    )
    services = [replace(OLD, name=name) for name in names]
    with pytest.raises(LumaError, match=r"both a service db and a service db-new.* Nothing was changed\."):
        bring_all_up(module, FakeEngine(changes_left=0), services)


def test_a_service_whose_data_is_not_there_is_refused_before_any_is_changed() -> None:
    """One that runs as it has to be is not asked for it, and neither is one that is not replaced."""
    data = Mounts.of(["./not-there:/data"], user="root")
    cache, db = Service("shop", "cache", "valkey:8"), replace(NEW, mounts=data)
    engine = FakeEngine()
    with pytest.raises(LumaError, match=r"db mounts ./not-there, which on this host is /root/not-there"):
        bring_up(engine, "shop", [cache, db])
    assert engine.made == {}
    bring_up(engine, "shop", [OLD])
    with pytest.raises(LumaError, match=r"db mounts ./not-there"):
        bring_up(engine, "shop", [db])
    bring_up(engine, "shop", [db], replacing=False)
    bring_up(engine, "shop", [replace(db, mounts=replace(data, relative=()))])
    bring_up(engine, "shop", [db])


def test_services_that_are_not_named_are_told() -> None:
    engine = FakeEngine()
    bring_up(engine, "shop", [OLD, Service("shop", "cache", "valkey:8")])
    assert left_over(engine, "shop", {"db"}) == {"cache": ["shop-cache"]}


def test_the_hash_is_that_of_all_that_only_a_new_container_can_change() -> None:
    same = Service("shop", "db", "another image", registry=Registry("r", "u", "p"), environment={"PASSWORD": "old"})
    assert OLD.config_hash == same.config_hash
    others: list[dict[str, Any]] = [
        {"command": ("a",)},
        {"environment": {}},
        {"ports": ("1",)},
        {"mounts": Mounts(("a:/b",))},
        {"stop_timeout": 1},
    ]
    assert len({OLD.config_hash, *(replace(OLD, **other).config_hash for other in others)}) == 6


def test_which_apps_and_services_a_deployment_means() -> None:
    project: dict[str, Any] = {"apps": {"blog": {"a": 1}, "api": {"a": 2}}, "services": {"db": {"s": 1}}}
    project["whole_apps"] = {name: {"processes": []} for name in project["apps"]}
    assert chosen(project, [], "none", whole=False) == ([{"a": 1}, {"a": 2}], [])
    assert chosen(project, ["api"], "with", whole=False) == ([{"a": 2}], [{"s": 1}])
    assert chosen(project, [], "only", whole=False) == ([], [{"s": 1}])
    with pytest.raises(InvalidFile, match=r"There is no service dbs in luma.yml; did you mean db"):
        chosen(project, ["dbs"], "only", whole=False)
    with pytest.raises(InvalidFile, match=r"There is no app db in luma.yml; there are: blog, api"):
        chosen(project, ["db"], "with", whole=False)


def test_the_page_s_example_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "services.md").read_text()
    (tmp_path / "luma.yml").write_text(page.split("```yaml\n")[1].partition("```")[0])
    (tmp_path / ".luma").mkdir()
    (tmp_path / ".luma" / "secrets").write_text("POSTGRES_PASSWORD=x\n")
    assert load(str(tmp_path / "luma.yml"))["services"]["db"]["secrets"] == ["POSTGRES_PASSWORD"]


ANONYMOUS, OTHER = "a" * 64, "b" * 64


def mounts(**volumes: str) -> dict[str, Any]:
    return {"Mounts": [{"Type": "volume", "Name": name, "Destination": f"/{path}"} for path, name in volumes.items()]}


@pytest.mark.parametrize(
    ("before", "configured", "binds", "left"),
    [
        ({"data": ANONYMOUS}, [], [f"{ANONYMOUS}:/data"], []),
        ({"data": ANONYMOUS}, ["/data/"], [f"{ANONYMOUS}:/data"], []),
        (
            {"data": ANONYMOUS, "logs": OTHER},
            ["db:/data:ro"],
            ["db:/data:ro", f"{OTHER}:/logs"],
            [("/data", ANONYMOUS)],
        ),
        ({"data": "db"}, [], [], []),
        ({"data": "db"}, ["db:/data"], ["db:/data"], []),
        ({}, ["/data"], ["/data"], []),
    ],
)
def test_anonymous_volumes_are_carried_over(
    before: dict[str, str], configured: list[str], binds: list[str], left: list[tuple[str, str]]
) -> None:
    assert inherited_volumes(mounts(**before), Mounts(tuple(configured))) == (binds, left)


def test_a_file_takes_the_place_of_an_anonymous_volume() -> None:
    file = HostFile(Path("/var/lib/luma/files/shop/db/d1/my.cnf"), "/data", "ro", "d1")
    assert inherited_volumes(mounts(data=ANONYMOUS), Mounts(files=(file,))) == ([], [("/data", ANONYMOUS)])


def test_differences_are_named_and_of_the_environment_only_the_names() -> None:
    description = {
        "Image": "sha256:1",
        "Config": {"Cmd": ["serve"], "Env": ["PATH=/bin", "A=secret1", "GONE=secret2"], "StopTimeout": 30},
        "HostConfig": {"PortBindings": {"1/tcp": [{"HostIp": "", "HostPort": "1"}]}, "Binds": [f"{ANONYMOUS}:/data"]},
    }
    image = {"Id": "sha256:1", "Config": {"Cmd": ["serve"], "Env": ["PATH=/bin"]}}
    same = Service("shop", "db", "x", environment={"A": "secret1", "GONE": "secret2"}, ports=("1:1",))
    assert differences(description, image, same) == ()
    changed = Mounts(("a:/b",), (HostFile(Path("/d1/my.cnf"), "/etc/my.cnf", "ro", "d1"),))
    other = Service("shop", "db", "x", ("serve", "-v"), {"A": "secret3"}, ("1",), changed, stop_timeout=5)
    assert differences(description, image, other) == (
        "command",
        "ports",
        "volumes",
        "files",
        "stop_timeout",
        "environment.A",
        "environment.GONE",
    )


def test_what_an_image_s_config_lacks_is_empty() -> None:
    description = {
        "Image": "sha256:1",
        "Config": {"Cmd": None, "Env": ["PASSWORD=old"], "StopTimeout": 30},
        "HostConfig": {"PortBindings": None, "Binds": None},
    }
    assert differences(description, {"Id": "sha256:1", "Config": {}}, NEW) == ("environment.PASSWORD",)
