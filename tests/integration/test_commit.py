# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commit of a switch on a real proxy: the traffic goes from one color to the other as one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import docker
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting
from ansible_collections.luma.deploy.plugins.module_utils.release.slot_check import SlotCheck
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import QUICK_KINDS, Record, failures_in_words

from tests.host import PROXY_FOLDER
from tests.integration.conftest import Site
from tests.zero_loss.project import Traffic, wait_for

COMMITS = 100


class Commit(NamedTuple):
    """One commit, in seconds of `time.monotonic()`."""

    color: str
    began: float
    ended: float


def both_in_the_proxy(proxied: Site) -> tuple[Haproxy, dict[str, Slot]]:
    """Two colors that both have the alias, of which blue serves: as in the middle of a switch. Returns their slots."""
    proxied.deploy(environment={"VERSION": "blue"})
    proxied.prepare(environment={"VERSION": "green"})
    engine, proxy = Engine(docker.APIClient()), Haproxy(PROXY_FOLDER / "run")
    app = App(proxied.project, proxied.app)
    containers = {c.color: c for c in engine.containers(app.project, app.name, app.network)}
    engine.reattach(containers["green"], app.network, [app.alias])

    def slot(color: str) -> Slot | None:
        return next((s for s in proxy.slots(app.backend) if s.address == containers[color].address), None)

    wait_for(lambda: bool(slot("blue") and slot("green")), "the proxy does not see both colors")
    slots = {color: found for color in containers if (found := slot(color))}
    proxy.commit(app.backend, [slots["blue"].name], [slots["green"].name])
    return proxy, slots


def test_no_color_answers_once_the_other_one_has(proxied: Site, tmp_path: Path) -> None:
    """A hundred commits under traffic, back and forth between two colors that both have the alias."""
    proxy, slots = both_in_the_proxy(proxied)
    backend = f"{proxied.project}:{proxied.app}"
    port = proxied.route()["http_port"]
    commits: list[Commit] = []
    with Traffic(f"http://127.0.0.1:{port}", proxied.host, tmp_path, "--rate", "600") as traffic:
        for number in range(COMMITS):
            new, old = ("green", "blue") if number % 2 == 0 else ("blue", "green")
            began = time.monotonic()
            proxy.commit(backend, [slots[new].name], [slots[old].name])
            SlotCheck(proxy, App(proxied.project, proxied.app), None, Rerouting()).answer_waiting([slots[new]])
            commits.append(Commit(new, began, time.monotonic()))
            time.sleep(0.03)
        records = [record for record in traffic.stop().records if record.kind in QUICK_KINDS]
    assert failures_in_words(records) == []
    assert {record.release for record in records} == {"blue", "green"}
    assert [
        record for commit in zip(commits, commits[1:], commits[2:], strict=False) for record in stale(records, *commit)
    ] == []


def stale(records: list[Record], before: Commit, commit: Commit, after: Commit) -> list[Record]:
    """What the old color answered although it was sent when an answer of the new one had been read. What the commits
    before and after may have moved does not count."""
    alone = [r for r in records if r.sent and before.ended < r.sent and r.answered < after.began]
    first = min((record.answered for record in alone if record.release == commit.color), default=after.began)
    return [record for record in alone if record.release != commit.color and record.sent and record.sent > first]
