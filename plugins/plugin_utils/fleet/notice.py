# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others are told of a deployment that has ended: a document, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import INTERRUPTED
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import (
    DEPLOYED,
    FAILED,
    UNFINISHED,
    host_outcome,
    served,
    serves,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.run import seconds_of
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Transaction

SCHEMA = 1
WORDS = {
    DEPLOYED: "was deployed",
    UNFINISHED: "was deployed, but the old color is left over",
    FAILED: "was not deployed",
    INTERRUPTED: "was interrupted",
}
FLAWED = "is deployed, but the probe or a hook failed"


def notice(run: Transaction, ledger: Mapping[str, Any], identity: Mapping[str, Any], failed: bool) -> dict[str, Any]:
    """The document. ``ledger``: what the last barrier returned; ``identity``: whose run it is; ``failed``: whether luma
    ends with an error, as it also does if only the last hook failed.

    Error messages are not in it: they may have lines of an app's log, which are not for others."""
    came_to, app = ledger["outcome"], run.app
    release, before = ledger["release"], ledger["before"]
    title = f"{app['project']}: {app['name']} {FLAWED if failed and came_to == DEPLOYED else WORDS[came_to]}"
    move = f"{before or 'nothing'} → {release}. " if release else ""
    text = f"{move}{served(run)} {identity['by']}: {identity['command']}"
    return {
        "schema": SCHEMA,
        "project": app["project"],
        "app": app["name"],
        "outcome": came_to,
        "failed": failed,
        "release": release or None,
        "previous_release": before or None,
        "hosts": [
            {"host": host, "process": fleet.app["name"], "outcome": host_outcome(part), "serves": serves(part)}
            for fleet, host, part in run.parts
        ],
        "by": identity["by"],
        "command": identity["command"],
        "seconds": seconds_of(identity),
        "title": title,
        "text": text,
    }
