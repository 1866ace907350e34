# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON document of a run, see docs/commands.md."""

from __future__ import annotations

from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils._outcome import Outcome, exit_code_of
from ansible_collections.luma.deploy.plugins.plugin_utils._plan import Plan


class ResultDocument:
    """Collects outcomes; `as_dict` is what `luma --json` prints, less the command's name."""

    def __init__(self, is_plan: bool) -> None:
        self._outcomes: list[Outcome] = []
        self._plan = Plan() if is_plan else None

    def add(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        if self._plan:
            self._plan.add(outcome)

    def as_dict(self) -> dict[str, Any]:
        outcomes = self._outcomes
        hosts: dict[str, list[dict[str, Any]]] = {}
        for outcome in outcomes:
            # Other modules are steps on the way; what they return is Ansible's affair.
            if outcome.is_own or outcome.changed or outcome.failed:
                hosts.setdefault(outcome.host, []).append(self._task(outcome))
        lines = self._plan.lines() if self._plan else [line for outcome in outcomes for line in outcome.lines]
        return {
            "exit_code": self._exit_code(),
            "changed": any(outcome.changed for outcome in outcomes),
            "hosts": hosts,
            "report": lines,
            "errors": [line for outcome in outcomes for line in outcome.errors],
            "warnings": [line for outcome in outcomes for line in outcome.warnings],
        }

    def _exit_code(self) -> int:
        """A command that ran on a host, and ended as it did, is no failure of luma's."""
        code = exit_code_of(outcome.exit_code for outcome in self._outcomes)
        return code or max((outcome.values.get("luma_exit_code", 0) for outcome in self._outcomes), default=0)

    def _task(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "task": outcome.task,
            "module": outcome.module,
            **({"app": outcome.app} if outcome.app else {}),
            "changed": outcome.changed,
            **({"failed": True} if outcome.failed else {}),
            **({"diff": outcome.values["diff"]} if self._plan and outcome.values.get("diff") else {}),
            **(outcome.documented if outcome.is_own else {}),
        }
