# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a deployment: what was done when, on which host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.luma.deploy.plugins.plugin_utils.output.deployment_document import (
    BAKE,
    PREPARE,
    RELEASE_HOOK,
    RETIRE,
    SWITCH,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import HOOK, Outcome

#: The kinds of steps, in the order in which a deployment has them; the last one undoes the others.
PREPARED, HOOKED, SWITCHED, BAKED, RETIRED, UNDONE = KINDS = ("prepare", "hook", "switch", "bake", "retire", "undo")
OF_MODULES = {
    PREPARE: PREPARED,
    RELEASE_HOOK: HOOKED,
    HOOK: HOOKED,
    SWITCH: SWITCHED,
    BAKE: BAKED,
    RETIRE: RETIRED,
}


class Step(NamedTuple):
    """One step on one host. Times are seconds of `time.monotonic()`, as those of the probe's requests."""

    host: str
    process: str
    kind: str
    began: float
    ended: float
    failed: bool

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def steps(outcomes: Iterable[Outcome]) -> list[Step]:
    return [
        Step(each.host, each.app or "", kind(each), each.began, each.ended, each.failed)
        for each in outcomes
        if each.module in OF_MODULES
    ]


def kind(outcome: Outcome) -> str:
    arguments: Mapping[str, Any] = outcome.values.get("invocation", {}).get("module_args", {})
    is_undo = arguments.get("state") == "absent" or arguments.get("restore_route")
    return UNDONE if is_undo else OF_MODULES[outcome.module]
