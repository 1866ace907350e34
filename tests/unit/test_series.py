# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma's own numbers of a host: what is published of locks, runs and apps, and what is forgotten with an app."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Lock
from ansible_collections.luma.deploy.plugins.module_utils.run.series import OUTCOMES, Series, render

from tests.series import BLOG, published


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(str(tmp_path))


def deploy(series: Series, app: str = "blog", project: str = "shop") -> None:
    with series.changed(project, app) as facts:
        facts.color, facts.release, facts.replicas = "green", "3f2a9c8", 2


def test_what_serves(series: Series) -> None:
    deploy(series)
    found = published(series.state_dir)
    assert found[f'luma_app_info{{{BLOG},release="3f2a9c8",color="green"}}'] == 1
    assert found[f"luma_replicas_wanted{{{BLOG}}}"] == 2


def test_a_host_says_nothing_of_what_an_app_without_a_color_serves(series: Series) -> None:
    series.count("shop", "blog", "failed", since=time.time())
    assert not any(name.startswith(("luma_app_info", "luma_replicas_wanted")) for name in published(series.state_dir))


def test_runs_are_counted_by_their_outcome_from_0(series: Series) -> None:
    began = time.time()
    series.count("shop", "blog", "deployed", since=began - 60)
    first = {name: value for name, value in published(series.state_dir).items() if name.startswith("luma_runs_total")}
    assert first == {
        f'luma_runs_total{{{BLOG},outcome="{outcome}"}}': float(outcome == "deployed") for outcome in OUTCOMES
    }
    assert f'luma_last_run_timestamp_seconds{{{BLOG},outcome="failed"}}' not in published(series.state_dir)
    series.count("shop", "blog", "deployed", since=began - 30)
    series.count("shop", "blog", "failed", since=began)
    found = published(series.state_dir)
    deployed = f'{{{BLOG},outcome="deployed"}}'
    assert found["luma_runs_total" + deployed] == 2
    assert 30 <= found["luma_last_run_duration_seconds" + deployed] < 60
    assert began - 1 <= found["luma_last_run_timestamp_seconds" + deployed] <= time.time()
    assert found[f'luma_runs_total{{{BLOG},outcome="failed"}}'] == 1


def test_who_holds_a_lock_and_which_app_is_in_maintenance(series: Series, tmp_path: Path) -> None:
    folder, route = (
        tmp_path / "proxy" / "routes",
        Route("shop", "blog", "shop-network", ("blog.com",), maintenance=True),
    )
    folder.mkdir(parents=True)
    with Routes(folder).written(route):
        pass
    # Of an app that is deployed for the first time: nothing else is known of it.
    lock = Lock(str(tmp_path), "shop", "new")
    lock.take({"id": "mine"})
    series.publish()
    taken = 'luma_lock_taken_timestamp_seconds{project="shop",app="new"}'
    assert time.time() - 60 < published(series.state_dir)[taken] <= time.time()
    assert published(series.state_dir)[f"luma_maintenance{{{BLOG}}}"] == 1
    lock.release("mine")
    series.publish()
    assert taken not in published(series.state_dir)


def test_names_that_are_to_have_a_certificate(series: Series, tmp_path: Path) -> None:
    order = tmp_path / "proxy" / "acme" / "shop:blog" / "wanted.json"
    order.parent.mkdir(parents=True)
    order.write_text('{"names": ["blog.com", "www.blog.com"]}')
    series.publish()
    assert published(series.state_dir)[f"luma_certificate_wanted_names{{{BLOG}}}"] == 2


def test_a_prune_is_of_a_project(series: Series) -> None:
    for project, app in (("shop", "blog"), ("shop", "gone"), ("bank", "blog")):
        deploy(series, app, project)
    series.prune("shop", gone=["gone"])
    deploy(series, "new")
    names = [name for name in published(series.state_dir) if name.startswith("luma_last_prune_timestamp_seconds")]
    assert names == ['luma_last_prune_timestamp_seconds{project="shop"}']
    assert not any("gone" in name for name in published(series.state_dir))


def test_an_app_is_forgotten_and_those_of_its_name_are_not(series: Series) -> None:
    for project in ("shop", "bank"):
        deploy(series, "blog", project)
    series.forget("shop", "blog")
    # The run that has removed it ends now.
    series.count("shop", "blog", "removed", since=time.time())
    assert {name.split(",")[0].partition("{")[2] for name in published(series.state_dir)} == {'project="bank"'}
    assert not series.knows("shop", "blog")


def test_what_cannot_be_read_begins_anew(series: Series) -> None:
    series.count("shop", "blog", "deployed", since=time.time())
    (series.facts / "shop" / "blog.json").write_text('{"runs": 1')
    series.count("shop", "blog", "deployed", since=time.time())
    assert published(series.state_dir)[f'luma_runs_total{{{BLOG},outcome="deployed"}}'] == 1


def test_everybody_may_read_the_numbers_and_nobody_may_lock_what_luma_locks(series: Series) -> None:
    before = os.umask(0o077)
    try:
        deploy(series)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (series.folder, series.folder / "luma.prom", series.facts)]
    assert modes == [0o755, 0o644, 0o700]


def test_the_text_format() -> None:
    labels = {"project": "shop", "app": "blog", "outcome": 'a "b"\\\n'}
    text = render(
        [
            ("luma_runs_total", labels, 3),
            ("luma_maintenance", {"app": "blog"}, True),
            ("luma_last_prune_timestamp_seconds", {"app": "blog"}, 1796083806.99416),
            ("luma_runs_total", {"app": "b"}, 0),
        ]
    )
    assert text.splitlines() == [
        "# HELP luma_maintenance Whether visitors of an app are told to come back later.",
        "# TYPE luma_maintenance gauge",
        'luma_maintenance{app="blog"} 1',
        "# HELP luma_runs_total The runs of luma that held an app's lock, by what came of them.",
        "# TYPE luma_runs_total counter",
        'luma_runs_total{project="shop",app="blog",outcome="a \\"b\\"\\\\\\n"} 3',
        'luma_runs_total{app="b"} 0',
        "# HELP luma_last_prune_timestamp_seconds When a project was last pruned.",
        "# TYPE luma_last_prune_timestamp_seconds gauge",
        'luma_last_prune_timestamp_seconds{app="blog"} 1796083806.994',
    ]
