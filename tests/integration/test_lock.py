# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a run on a real engine: none works without the lock, and one that loses it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.host import PREFIX
from tests.integration.conftest import Failed, Site, run_module
from tests.zero_loss.project import wait_for

# It would be waited for, with long pauses, for longer than a test may take.
NEVER_HEALTHY = {"path": "/missing", "port": 3000, "interval": 60, "retries": 1000, "timeout": 2}


class LockedSite(Site):
    """A site whose steps are those of a run, and the lock of its app, in a folder of the test's own."""

    folder: Path

    def lock(self, run: str, state: str, **options: Any) -> dict[str, Any]:
        return self.on_host("deploy_lock", **self.names, state=state, run={"id": run, "by": run}, **options)

    def on_host(self, module: str, **options: Any) -> dict[str, Any]:
        return run_module(module, state_dir=str(self.folder), **options)

    def of(self, run: str) -> dict[str, Any]:
        """The options of a step of this run."""
        return {"state_dir": str(self.folder), "run": run}

    def endless_step(self, pool: ThreadPoolExecutor, run: str) -> Future[dict[str, Any]]:
        """The preparation of a green that does not become healthy, once it is waited for."""
        options = {"environment": {"A": "2"}, "health_check": NEVER_HEALTHY, **self.of(run)}
        step = pool.submit(self.prepare, **options)
        wait_for(lambda: step.done() or "lockapp-green" in self.containers(), "there is no green")
        assert not step.done()
        return step


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LockedSite]:
    made = LockedSite(f"{PREFIX}lock", app="lockapp")
    made.folder = tmp_path
    yield made
    made.remove()


def result_of(failing: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(Failed) as caught:
        failing()
    return caught.value.result


def test_only_the_run_that_holds_the_lock_changes_an_app(site: LockedSite) -> None:
    assert site.lock("one", "taken")["holder"]["id"] == "one"
    assert site.prepare(**site.of("two"), check=True)["changed"]
    assert result_of(lambda: site.prepare(**site.of("two")))["holder"]["id"] == "one"
    assert site.containers() == []

    site.prepare(**site.of("one"))
    assert result_of(lambda: site.switch("blue", **site.of("two")))["locked"]
    assert result_of(lambda: site.retire("blue", **site.of("two")))["locked"]
    assert result_of(lambda: site.on_host("prune", project=site.project, apps=[]))["locked"]
    assert "lockapp" not in site.aliases("lockapp-blue")

    site.switch("blue", **site.of("one"))
    site.retire("green", **site.of("one"))
    assert "lockapp" in site.aliases("lockapp-blue")
    assert site.prepare(**site.of("one"), environment={"A": "2"}, check=True)["previous_release"]

    # A step that waits, and loses the lock, undoes itself.
    with ThreadPoolExecutor() as pool:
        step = site.endless_step(pool, "one")
        site.lock("one", "interrupted")
        result = result_of(step.result)
        assert result["interrupted"]
        assert "The preparation of lockapp was stopped: the run was interrupted." in result["msg"]
        assert site.containers() == ["lockapp-blue"]
        site.lock("one", "released")

        site.lock("two", "taken")
        step = site.endless_step(pool, "two")
        taken = site.lock("three", "taken", take_over=["two"])
        # Not before nothing of the dead run is at work any more.
        assert site.containers() == ["lockapp-blue"]
        assert taken["previous"]["id"] == "two"
        assert "from a run that died: two" in taken["report"][0]
        assert result_of(step.result)["holder"]["id"] == "three"
    (died,) = site.on_host("audit_info", project=site.project)["lines"]
    assert (died["id"], died["outcome"]) == ("two", "died")


def test_a_preparation_takes_the_lock_and_the_retirement_gives_it_back(site: LockedSite) -> None:
    def prepare(run: str, *, check: bool = False, keep: bool = False, **options: Any) -> dict[str, Any]:
        lock = {"run": {"id": run, "by": run}, "keep": keep}
        return site.prepare(lock=lock, check=check, **site.of(run), **options)

    def holder() -> str:
        (app,) = site.on_host("deploy_lock_info", project=site.project, apps=[site.app])["apps"]
        return str(app["holder"]["id"]) if app["holder"] else ""

    assert not prepare("one", check=True)["lock_taken"]
    assert holder() == ""
    prepared = prepare("one")
    assert (prepared["lock_taken"], prepared["lock_released"], holder()) == (True, False, "one")
    refused = result_of(lambda: prepare("two", environment={"A": "2"}))
    assert (refused["holder"]["id"], "lock_taken" in refused) == ("one", False)
    assert site.containers() == ["lockapp-blue"]

    site.switch("blue", **site.of("one"))
    outcome = {"outcome": "deployed", "release": prepared["release"]}
    retired = site.retire("green", release_lock={"run": {"id": "one"}, "audit": outcome}, **site.of("one"))
    assert (retired["lock_released"], holder()) == (True, "")

    # Where nothing is to be done, it is given back at once, unless later tasks of the run need it.
    settled = prepare("three")
    assert (settled["settled"], settled["lock_released"], holder()) == (True, True, "")
    kept = prepare("four", keep=True)
    assert (kept["settled"], kept["lock_released"], holder()) == (True, False, "four")
    lines = site.on_host("audit_info", project=site.project)["lines"]
    assert [(line["id"], line["outcome"]) for line in lines] == [("one", "deployed"), ("three", "unchanged")]

    # One that fails keeps it: the run has still to undo the others.
    failed = result_of(lambda: prepare("four", image="luma-test/none", pull="never"))
    assert (failed["lock_taken"], holder()) == (True, "four")
