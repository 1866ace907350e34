# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment to several hosts, and what a phase may have come to on each."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import Fleet
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import Contest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import conclusion
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Transaction

COMMAND = "luma deploy blog"
OK: dict[str, Any] = {"changed": True}
GONE = {"unreachable": True, "msg": "Task failed: connection refused"}
NO_ENGINE = {"failed": True, "unreachable_engine": True, "msg": "No Docker engine answers"}
BROKEN = {"failed": True, "msg": "blog-green did not become healthy."}


def fleet_of(*hosts: str, **deploy: Any) -> Fleet:
    settings = {"batch": None, "canary": 0, "bake": 0.0, "max_unavailable_hosts": 0, **deploy}
    app = {"name": "blog", "image": "me/blog", "build": None, "pull": "always", "deploy": settings}
    return Fleet.read({**app, "hosts": list(hosts or ("web1", "web2", "web3"))}, {})


def on_all(fleet: Fleet, result: dict[str, Any] | None = None, **others: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {host: others.get(host, result or OK) for host in fleet.hosts}


def prepared(**facts: Any) -> dict[str, Any]:
    return {
        "active": "blue", "color": "green", "back": "blue", "release": "r2", "previous_release": "r1",
        "settled": False, "containers": [{"name": "blog-green"}], "other": "blue", **facts,
    }  # fmt: skip


SETTLED = prepared(active="green", back=None, previous_release="r2", settled=True)
FIRST = prepared(active=None, back=None, previous_release=None)


SERVES = prepared(active="green")
"""What a run has left that died between its switch and its retirement, or whose retirement failed."""


def held_by(run: str = "other", **facts: Any) -> dict[str, Any]:
    holder = {"id": run, "host": "laptop", "boot": "", "pid": 1, "pid_started": "", "stale": False, **facts}
    return {"failed": True, "locked": True, "msg": f"blog is being deployed by {run}", "holder": holder}


def switching(fleet: Fleet, results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """The waves after a preparation that none has to do again."""
    assert fleet.prepare(results) == Contest()
    return alone(fleet).waves()


def reread(fleet: Fleet) -> Fleet:
    """As it is between two barriers."""
    return Fleet.read(fleet.app, fleet.as_dict())


def alone(fleet: Fleet) -> Transaction:
    """The deployment of an app without processes."""
    return Transaction(fleet.app, {fleet.app["name"]: fleet})


def end(fleet: Fleet, came_to: str) -> str:
    """What the user reads at the end."""
    result = conclusion(alone(fleet), came_to, COMMAND, {}, {})
    return "\n".join([*result.get("report", ()), result.get("msg", "")])
