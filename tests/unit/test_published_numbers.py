# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules publish what they have changed, see `run.series`: what serves, what was cut, locks and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.module.lock_option import give_back, lock_of, take
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import publish_serving

from tests.series import BLOG, published
from tests.unit.fakes import APP, FakeEngine, Host

CUT = {"sessions_cut": 3, "streams_closed": 2}


class Module:
    """As much of an `AnsibleModule` as is asked here."""

    check_mode = False

    def __init__(self, state_dir: Path) -> None:
        self.params = {"state_dir": str(state_dir), "project": APP.project, "app": APP.name}
        self.warnings: list[str] = []

    def warn(self, words: str) -> None:
        self.warnings.append(words)


@pytest.fixture
def module(tmp_path: Path) -> Any:
    return Module(tmp_path)


@pytest.fixture
def host() -> Host:
    made = Host()
    made.add("blue", 2, serving=True)
    return made


def test_a_step_tells_what_serves_and_what_it_has_cut(module: Any, host: Host, tmp_path: Path) -> None:
    host.add("green", 3, serving=False)
    for _step in range(2):
        publish_serving(module, FakeEngine(host, tmp_path), APP, CUT)
    found = published(tmp_path)
    assert found[f"luma_replicas_wanted{{{BLOG}}}"] == 2
    assert found[f"luma_inactive_replicas{{{BLOG}}}"] == 3
    assert found[f"luma_cut_requests_total{{{BLOG}}}"] == 6
    assert found[f"luma_closed_streams_total{{{BLOG}}}"] == 4
    assert any(name.startswith(f"luma_app_info{{{BLOG},") and 'color="blue"' in name for name in found)


@pytest.mark.parametrize(("stopped", "wanted"), [(1, 2), (2, 0)])
def test_a_replica_that_has_crashed_is_wanted_and_an_app_that_is_stopped_is_not(
    stopped: int, wanted: int, module: Any, host: Host, tmp_path: Path
) -> None:
    engine = FakeEngine(host, tmp_path)
    for name in list(host.containers)[:stopped]:
        engine.stop(name, 1)
    publish_serving(module, engine, APP, {})
    assert published(tmp_path)[f"luma_replicas_wanted{{{BLOG}}}"] == wanted


def test_what_was_removed_does_not_come_back(module: Any, tmp_path: Path) -> None:
    publish_serving(module, FakeEngine(Host(), tmp_path), APP, CUT)
    assert not (tmp_path / "metrics").exists()


def test_a_lock_and_what_came_of_its_run(module: Any, tmp_path: Path) -> None:
    lock, taken = lock_of(module.params), f"luma_lock_taken_timestamp_seconds{{{BLOG}}}"
    for run, dead in (("one", ""), ("two", "one")):
        take(module, lock, {"run": {"id": run}, "take_over": [dead], "wait": 0})
        assert taken in published(tmp_path)
    for run in ("two", "one"):
        # Of these only one holds the lock. The other one was counted as dead.
        give_back(module, lock, {"id": run}, {"outcome": "failed"})
    found = published(tmp_path)
    assert taken not in found
    assert found[f'luma_runs_total{{{BLOG},outcome="died"}}'] == 1
    assert found[f'luma_runs_total{{{BLOG},outcome="failed"}}'] == 1


def test_numbers_that_cannot_be_written_are_a_warning(module: Any, host: Host, tmp_path: Path) -> None:
    routes = tmp_path / "proxy" / "routes"
    routes.mkdir(parents=True)
    (routes / "shop:blog.json").write_text("damaged")
    publish_serving(module, FakeEngine(host, tmp_path), APP, {})
    (warning,) = module.warnings
    assert warning.startswith("The numbers for Prometheus were not written: ")
