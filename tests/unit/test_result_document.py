# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON document: what each command's has, of what modules and barriers returned, and that docs/json.md says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.callback.result import command_of
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import NEW, OLD, Host
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import host_outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document import ResultDocument
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document_shapes import SHAPES, Shape, shaped
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome, State
from ansible_collections.luma.deploy.plugins.plugin_utils.page.story import PAGE
from luma_command.commands import COMMANDS

from tests import json_page

COMMON = ["schema", "command", "exit_code", "changed", "report", "errors", "warnings"]
SPEC = {
    "name": "blog", "app": "blog", "image": "my-blog", "replicas": 2, "hosts": ["one", "two"], "proxied": True,
    "environment": {"A": "plain-value"}, "processes": [],
}  # fmt: skip
PROJECT = {"apps": [SPEC], "services": [{"name": "db", "hosts": ["one"]}]}


def outcome(module: str, host: str = "one", state: State = State.OK, app: str = "blog", **values: Any) -> Outcome:
    invocation = {"invocation": {"module_args": {"app": app, "environment": {"A": "plain-value"}}}}
    return Outcome(host, "A task", f"luma.deploy.{module}", invocation | values, state)


def document(name: str, *outcomes: Outcome, is_plan: bool = False) -> dict[str, Any]:
    made = ResultDocument(name, is_plan)
    for each in outcomes:
        made.add(each)
    return made.as_dict()


def project() -> Outcome:
    return Outcome("localhost", "Read luma.yml", "luma.deploy.project", PROJECT)


def prepared(host: str, **values: Any) -> Outcome:
    facts = {"color": "green", "release": "r2", "containers": [{"name": "blog-green-1"}], "timings": {"start": 0.4}}
    return outcome("bluegreen_container", host, **{"changed": True, **facts, **values})


def barrier(came_to: str, **hosts: Host) -> Outcome:
    parts = {name: asdict(host) for name, host in hosts.items()}
    values = {"app": "blog", "outcome": came_to, "processes": {"blog": parts}, "probes": {}}
    return Outcome("one", "Wait", "luma.deploy.barrier", values)


DEPLOYED = Host(asked=True, retired=True, serves=NEW, before="r1", release="r2", color="green", back="blue")


# --- the shapes ---------------------------------------------------------------------------------------------------


def objects(shape: Shape, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every map of a shape by its path, with its keys."""
    if isinstance(shape, Mapping):
        yield path or json_page.TOP, set(shape)
        for name, inner in shape.items():
            yield from objects(inner, f"{path}.{name}".removeprefix("."))
    elif shape is not None:
        yield from objects(shape[0], f"{path}[]")


def test_the_page_has_each_key_of_each_command_and_no_other() -> None:
    assert json_page.common() == set(COMMON)
    shapes = {**SHAPES, "The numbers of a report": PAGE}
    assert json_page.by_command() == {name: dict(objects(shape)) for name, shape in shapes.items()}


def test_each_command_has_a_shape() -> None:
    assert set(SHAPES) == set(COMMANDS)
    assert {command_of(each.playbook) for each in COMMANDS.values()} == set(SHAPES)


def test_other_playbooks_have_the_common_keys(tmp_path: Path) -> None:
    assert command_of(tmp_path / "deploy.yml") is None
    made = ResultDocument(None, is_plan=False)
    made.add(outcome("bluegreen_container", report=["Deploying"], changed=True, token="secret"))
    assert made.as_dict() == {
        "schema": 1,
        "command": None,
        "exit_code": 0,
        "changed": True,
        "report": ["[one] Deploying"],
        "errors": [],
        "warnings": [],
    }


@pytest.mark.parametrize("name", SHAPES)
def test_all_keys_are_there_where_nothing_is_known(name: str) -> None:
    made = document(name)
    assert list(made) == [*COMMON[:4], *SHAPES[name], *COMMON[4:]]
    assert made["exit_code"] == 0


def test_a_run_that_has_not_ended_has_no_exit_code() -> None:
    assert ResultDocument("status", is_plan=False).as_dict(ended=False)["exit_code"] is None


def test_nothing_but_the_keys_of_a_shape_gets_through() -> None:
    shape = {"name": None, "hosts": [{"host": None, "drain": {"seconds": None}}]}
    value = {"name": {"secret": 1}, "hosts": [{"host": ["a", {"b": 1}], "drain": None, "token": "x"}], "spec": SPEC}
    assert shaped(shape, value) == {"name": None, "hosts": [{"host": ["a"], "drain": None}]}
    assert shaped(shape, {}) == {"name": None, "hosts": []}


def test_what_was_built() -> None:
    values: dict[str, Any] = {
        "app": "blog",
        "release": "r1",
        "image": "shop-blog:r1",
        "image_id": "sha256:1",
        "pushed": True,
    }
    (app,) = document("build", outcome("image_build", changed=True, **values))["apps"]
    assert app == {key: value for key, value in values.items() if key != "app"} | {"name": "blog", "changed": True}


# --- deployments --------------------------------------------------------------------------------------------------


def test_a_deployment() -> None:
    retired: dict[str, Any] = {"drain_seconds": 1.5, "sessions": 3, "streams_closed": 2, "sessions_cut": 1}
    steps: dict[str, Any] = {"steps": {"hold": 4.0, "commit": 6.0}, "commit_milliseconds": 0.6}
    made = document(
        "deploy",
        project(),
        prepared("one"),
        prepared("two"),
        outcome("network_alias_switch", **steps),
        outcome("graceful_shutdown", **retired),
        Outcome("one", "A hook", "luma.deploy.hook", {"name": "post_deploy", "app": "blog", "rc": 0, "seconds": 1.0}),
        barrier("deployed", one=DEPLOYED, two=DEPLOYED),
    )
    (app,) = made["apps"]
    assert {name: app[name] for name in ("name", "outcome", "release", "previous_release", "color")} == {
        "name": "blog",
        "outcome": "deployed",
        "release": "r2",
        "previous_release": "r1",
        "color": "green",
    }
    assert app["hooks"] == [{"name": "post_deploy", "exit_code": 0, "seconds": 1.0}]
    one, two = app["hosts"]
    assert (one["outcome"], one["serves"], one["replicas"]) == ("deployed", "r2", 1)
    assert one["drain"] == {"seconds": 1.5, "sessions": 3, "streams_closed": 2, "sessions_cut": 1}
    assert one["timings"] == {"clear": None, "start": 0.4, "health": None, "switch": 0.01, "commit": 0.0006}
    assert (two["drain"], two["bake"], two["probe"]) == (None, None, None)
    assert "plain-value" not in str(made)


def test_a_deployment_that_went_back() -> None:
    back = Host(asked=True, serves=OLD, before="r1", release="r2", color="green", back="blue")
    failed = Host(serves=OLD, before="r1", problem="blog-green-1 did not become healthy")
    failure = {"container": "blog-green-1", "probe": "503", "exit_code": None, "oom_killed": False, "advice": ["x"]}
    made = document(
        "deploy",
        project(),
        prepared("one"),
        outcome("bluegreen_container", "two", State.IGNORED, failures=[{**failure, "logs": ["A=plain-value"]}]),
        outcome("bluegreen_container", changed=True, active="blue"),
        barrier("failed", one=back, two=failed),
    )
    (app,) = made["apps"]
    one, two = app["hosts"]
    assert (app["outcome"], one["outcome"], two["outcome"]) == ("failed", "returned", "failed")
    assert (one["serves"], one["replicas"], two["serves"]) == ("r1", 1, "r1")
    assert two["failures"] == [failure]
    assert "plain-value" not in str(made)


def test_a_plan() -> None:
    would = Host(serves=OLD, before="r1", release="r2", color="green")
    settled = Host(serves=NEW, before="r2", release="r2", color="blue", settled=True)
    made = document(
        "deploy",
        project(),
        prepared("one", containers=[]),
        prepared("two", changed=False),
        barrier("unchanged", one=would, two=settled),
        is_plan=True,
    )
    (app,) = made["apps"]
    assert (made["plan"], app["outcome"], app["color"]) == (True, "planned", None)
    assert [(host["outcome"], host["replicas"]) for host in app["hosts"]] == [("planned", 2), ("unchanged", 1)]


def test_an_app_that_the_run_did_not_get_to() -> None:
    (app,) = document("deploy", project())["apps"]
    assert (app["outcome"], [host["outcome"] for host in app["hosts"]]) == (None, ["untouched", "untouched"])


def test_a_rollback_is_of_one_app() -> None:
    chosen = Outcome("one", "Choose", "luma.deploy.rollback", {"app_spec": {**SPEC, "image": "luma/shop/blog:r1"}})
    (app,) = document("rollback", project(), chosen)["apps"]
    assert app["image"] == "luma/shop/blog:r1"


def test_services_that_failed_are_named() -> None:
    failed = outcome("service_container", "one", State.IGNORED, services=[], msg="it does not start")
    made = document("deploy", project(), failed)
    assert [(each["name"], each["host"], each["outcome"]) for each in made["services"]] == [("db", "one", "failed")]
    done = {"name": "db", "container": "shop-db", "action": "replaced", "changes": ["environment.A"], "away": 0.6}
    (service,) = document("deploy", project(), outcome("service_container", services=[done]))["services"]
    assert (service["outcome"], service["changes"], service["away_seconds"]) == ("replaced", ["environment.A"], 0.6)


def test_a_backup_that_failed_is_named() -> None:
    made = outcome("service_backup", service="db", file="/b/db-1.dump", bytes=7, seconds=0.5, removed=["/b/db-0.dump"])
    failed = outcome("service_backup", "two", State.FAILED, service="db", msg="it wrote nothing")
    first, second = document("services backup", made, failed)["backups"]
    assert (first["outcome"], first["bytes"], first["removed"]) == ("made", 7, ["/b/db-0.dump"])
    assert (second["host"], second["outcome"], second["file"], second["problem"]) == (
        *("two", "failed", None, "it wrote nothing"),
    )


@pytest.mark.parametrize(
    ("host", "word"),
    [
        (DEPLOYED, "deployed"),
        (Host(asked=True, serves=NEW, before="r1", release="r2", back="blue"), "unfinished"),
        (Host(settled=True, serves=NEW, release="r1"), "unchanged"),
        (Host(asked=True, serves=OLD), "returned"),
        (Host(asked=True), "unknown"),
        (Host(problem="no"), "failed"),
        (Host(problem="no", lost=True), "unreachable"),
        (Host(skipped=True, lost=True), "skipped"),
        (Host(serves=OLD), "untouched"),
    ],
)
def test_a_hosts_outcome(host: Host, word: str) -> None:
    assert host_outcome(host) == word


# --- the others ---------------------------------------------------------------------------------------------------


def test_what_one_module_returned_on_each_host() -> None:
    gone = outcome("prune", "two", State.FAILED, msg="no")
    made = document("prune", outcome("prune", changed=True, images=["a"], freed_mb=1.5, invocation={}), gone)
    assert [(each["host"], each["images"], each["freed_mb"]) for each in made["hosts"]] == [("one", ["a"], 1.5)]


def test_what_was_removed_comes_after_what_was_looked_at() -> None:
    looked_at = outcome("app_remove", present=True, containers=["blog-blue"], changed=False)
    removed = outcome("app_remove", present=True, containers=["blog-blue"], changed=True, sessions_cut=0)
    assert [each["changed"] for each in document("remove", looked_at)["hosts"]] == [False]
    made = document("remove", looked_at, removed)
    assert (made["app"], [each["changed"] for each in made["hosts"]]) == ("blog", [True])


def test_a_released_lock() -> None:
    run = {"id": "3f", "by": "me@here", "boot": "not shown"}
    made = document("lock release", outcome("deploy_lock", previous=run), outcome("deploy_lock", "two", previous=None))
    one, two = made["apps"][0]["hosts"]
    assert (one["released"], one["holder"]["by"], two["released"], two["holder"]) == (True, "me@here", False, None)


def test_a_command_that_was_run() -> None:
    made = document("exec", outcome("container_exec", luma_exit_code=7, stdout="out", stderr="", container="blog-blue"))
    assert (made["exit_code"], made["command_exit_code"], made["host"], made["stdout"]) == (7, 7, "one", "out")


def test_the_files_of_a_new_project() -> None:
    def copied(name: str, changed: bool) -> Outcome:
        return Outcome("localhost", "Write", "ansible.builtin.copy", {"item": {"name": name}, "changed": changed})

    line = Outcome("localhost", "Keep", "ansible.builtin.lineinfile", {"changed": True})
    made = document("init", copied("luma.yml", True), copied(".gitignore", False), line)
    assert made["files"] == [{"name": "luma.yml", "written": True}, {"name": ".gitignore", "written": True}]


def test_the_engine_that_answers() -> None:
    def asked(answers: str) -> Outcome:
        return Outcome("one", "Ask", "ansible.builtin.command", {"stdout": f"answers: '{answers}'\nsdk: '7'"})

    started = Outcome("one", "Start", "ansible.builtin.command", {"stdout": "", "changed": True})
    made = document("setup", project(), asked(""), started, asked("20.10.24"))
    assert made["hosts"] == [{"host": "one", "docker": "20.10.24", "changed": True}]
    assert document("setup", asked(""))["hosts"][0]["docker"] is None
