# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are deployed as one: all go forward, or all go back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import UNREACHABLE, Undo
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import (
    DEPLOYED,
    FAILED,
    UNCHANGED,
    conclusion,
    lines,
    outcome,
    served,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.rollback import NoSuchRelease, choices, whole_spec
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Asked, Transaction

from tests.unit.fleet import BROKEN, COMMAND, GONE, OK, SETTLED, held_by, prepared

PLACES = {"shop-web": ["web1", "web2"], "shop-worker": ["web2", "jobs1"]}


def transaction(**deploy: Any) -> Transaction:
    settings = {"batch": None, "canary": 0, "bake": 0.0, "max_unavailable_hosts": 0, **deploy}
    common = {"image": "me/shop", "build": None, "pull": "always", "deploy": settings, "app": "shop"}
    processes = [
        {**common, "name": name, "hosts": hosts, "proxied": name == "shop-web"} for name, hosts in PLACES.items()
    ]
    return Transaction.read({**common, "name": "shop", "hosts": ["web1", "web2", "jobs1"], "processes": processes}, {})


def everywhere(result: dict[str, Any], **others: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The result of each process on each host, and another one of some, as in ``worker_jobs1``."""
    return {
        name: {host: others.get(f"{name.removeprefix('shop-')}_{host}", result) for host in hosts}
        for name, hosts in PLACES.items()
    }


def reread(run: Transaction) -> Transaction:
    return Transaction.read(run.app, run.as_dict())


def test_all_processes_are_deployed() -> None:
    run = transaction()
    assert run.lock(everywhere(OK)) == Asked()
    run = reread(run)
    assert run.prepare(everywhere(prepared()), {}) == Asked()
    assert run.waves() == [["web1", "web2", "jobs1"]]
    assert run.first_to_switch[:2] == ("shop-web", "web1")
    run = reread(run)
    run.switch(everywhere(OK))
    run.retire(everywhere(OK))
    assert outcome(run) == DEPLOYED
    assert lines(run) == [
        "[web1] shop-web: r1 → r2 (green)",
        "[web2] shop-web: r1 → r2 (green)",
        "[web2] shop-worker: r1 → r2 (green)",
        "[jobs1] shop-worker: r1 → r2 (green)",
    ]
    assert served(run) == "Users of shop are served r2 on all 3 hosts."


def test_one_that_fails_takes_the_others_back() -> None:
    run = transaction()
    run.prepare(everywhere(prepared()), {})
    with pytest.raises(Undo, match=r"^\[jobs1\] ❌ blog-green did not become healthy\.$"):
        run.switch(everywhere(OK, worker_jobs1=BROKEN))
    run = reread(run)
    run.undo(everywhere(OK), everywhere(OK))
    assert outcome(run, undone_for=[]) == FAILED
    assert lines(run)[0] == "[web1] shop-web: r1, back from r2"
    assert served(run) == "Users of shop are served r1 on all 3 hosts."


def test_processes_that_serve_different_releases_are_told_one_by_one() -> None:
    run = transaction()
    run.prepare(everywhere(SETTLED, worker_web2=prepared(), worker_jobs1=prepared()), {})
    assert served(run) == "Users of shop-web are served r2 on all 2 hosts. shop-worker runs r1 on all 2 hosts."
    assert (run.first_to_switch[0], run.waves()) == ("shop-worker", [["web2", "jobs1"]])


def test_nothing_to_do_says_nothing_more() -> None:
    run = transaction()
    run.prepare(everywhere(SETTLED), {})
    assert (run.waves(), outcome(run), conclusion(run, UNCHANGED, COMMAND, {}, {})) == ([], UNCHANGED, {})


def test_the_first_process_decides_between_two_runs_that_came_at_once() -> None:
    other = held_by()
    # This run has the first lock: it waits for the others until that run has given way.
    asked = transaction().lock(everywhere(OK, worker_web2=other, worker_jobs1=other))
    assert (asked.hosts, asked.wait > 0) == ({"shop-worker": ["web2", "jobs1"]}, True)
    with pytest.raises(Undo):
        transaction().lock(everywhere(OK, web_web1=other))


def test_a_host_that_is_left_out_goes_without_all_processes() -> None:
    run = transaction(max_unavailable_hosts=1)
    run.lock(everywhere(OK, web_web2=GONE))
    assert {name: fleet.up for name, fleet in run.fleets.items()} == {"shop-web": ["web1"], "shop-worker": ["jobs1"]}
    # Each process may do without one, but they are two hosts.
    with pytest.raises(Undo) as caught:
        transaction(max_unavailable_hosts=1).lock(everywhere(OK, web_web1=GONE, worker_jobs1=GONE))
    assert caught.value.marker == UNREACHABLE


def test_results_of_a_task_that_is_repeated_for_each_process() -> None:
    run = transaction()
    processes = {each["name"]: each for each in run.app["processes"]}
    found = run.by_process(
        {
            "web1": {"skipped": True},
            "web2": {"results": [{"app_process": processes["shop-worker"]}, {"skipped": True}]},
            "jobs1": {"msg": "of the whole"},
        }
    )
    assert found == {
        "shop-worker": {"web2": {"app_process": processes["shop-worker"]}, "jobs1": {"msg": "of the whole"}}
    }


# --- rollback --------------------------------------------------------------------------------------------------------


def release(name: str, run: str, at: str, serves: bool = False) -> dict[str, Any]:
    return {
        "release": name, "run": run, "at": at, "serves": serves, "by": "me", "config_hash": name, "kept_image": name,
        "identity": [name], "spec": {"command": [name], "route": None},
    }  # fmt: skip


def on_record(**releases: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The answer of every host; the newest release last."""
    return {
        host: {
            "apps": [
                {"name": f"shop-{name}", "problem": "", "releases": known}
                for name, known in releases.items()
                if host in PLACES[f"shop-{name}"]
            ]
        }
        for host in ("web1", "web2", "jobs1")
    }


def rolled_back(found: dict[str, dict[str, Any]], wanted: str = "") -> dict[str, str]:
    """The release of each process, which is the first word of its command."""
    app = {**transaction().app, "hooks": {"release": ["migrate"]}}
    processes = [each | {"hooks": app["hooks"], "releases": {}} for each in app["processes"]]
    app["processes"] = processes
    spec = whole_spec(app, choices(app, wanted, found))
    assert spec["hooks"]["release"] is None
    return {each["name"].removeprefix("shop-"): each["command"][0] for each in spec["processes"]}


OLD, BEFORE = release("r1", "1", "2026-01-01"), release("r2", "2", "2026-01-02")


def test_what_the_last_run_has_changed_is_taken_back() -> None:
    both = release("r3", "3", "2026-01-03", serves=True)
    assert rolled_back(on_record(web=[BEFORE, both], worker=[OLD, both])) == {"web": "r2", "worker": "r1"}
    alone = release("r2~2", "3", "2026-01-03", serves=True)
    stays = BEFORE | {"serves": True}
    assert rolled_back(on_record(web=[OLD, stays], worker=[BEFORE, alone])) == {"web": "r2", "worker": "r2"}


def test_a_process_that_has_no_earlier_release_stays() -> None:
    now = release("r3", "3", "2026-01-03", serves=True)
    assert rolled_back(on_record(web=[BEFORE, now], worker=[now])) == {"web": "r2", "worker": "r3"}
    assert rolled_back(on_record(web=[OLD, BEFORE, now], worker=[now]), "r1") == {"web": "r1", "worker": "r3"}
    with pytest.raises(NoSuchRelease):
        rolled_back(on_record(web=[now], worker=[now]))
