# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON document of a run, see docs/json.md. Its keys are in `output.document_shapes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.output.deployment_document import deployment, last
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document_shapes import SCHEMA, SHAPES, shaped
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome, exit_code_of
from ansible_collections.luma.deploy.plugins.plugin_utils.output.plan import Plan

Outcomes = Sequence[Outcome]
REMOVE = "luma.deploy.app_remove"


class ResultDocument:
    """Collects outcomes; `as_dict` is what `luma --json` prints. ``command``: as in "lock status"; None for a playbook
    that is not a command's, which has the common keys only."""

    def __init__(self, command: str | None, is_plan: bool) -> None:
        self._command = command
        self._is_plan = is_plan
        self.outcomes: list[Outcome] = []
        self._plan = Plan() if is_plan else None

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self._plan:
            self._plan.add(outcome)

    def as_dict(self, ended: bool = True) -> dict[str, Any]:
        """The document; the exit code is null until the run has ``ended``."""
        outcomes = self.outcomes
        lines = self._plan.lines() if self._plan else [line for outcome in outcomes for line in outcome.lines]
        return {
            "schema": SCHEMA,
            "command": self._command,
            "exit_code": self._exit_code() if ended else None,
            "changed": any(outcome.changed for outcome in outcomes),
            **self._content(),
            "report": lines if ended else [],
            "errors": [line for outcome in outcomes for line in outcome.errors],
            "warnings": [line for outcome in outcomes for line in outcome.warnings],
        }

    def _content(self) -> dict[str, Any]:
        """The command's own keys."""
        shape = SHAPES.get(self._command or "")
        if shape is None:
            return {}
        content = CONTENT.get(self._command or "", overview)(self.outcomes, self._is_plan)
        made: dict[str, Any] = shaped(shape, content)
        return made

    def _exit_code(self) -> int:
        """A command that ran on a host, and ended as it did, is no failure of luma's."""
        code = exit_code_of(outcome.exit_code for outcome in self.outcomes)
        return code or max((outcome.values.get("luma_exit_code", 0) for outcome in self.outcomes), default=0)


def overview(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    """What was put together of what the hosts said."""
    return dict(last(outcomes, "luma.deploy.overview"))


def on_each_host(module: str) -> Callable[[Outcomes, bool], dict[str, Any]]:
    """What one module returned on each host on which it did not fail."""

    def hosts(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
        # A host that was looked at first has done it later.
        done = {each.host: each for each in outcomes if each.module == module and not each.failed}
        return {"hosts": [{**each.values, "host": host} for host, each in done.items()]}

    return hosts


def removed(outcomes: Outcomes, is_plan: bool) -> dict[str, Any]:
    app = next((each.app for each in outcomes if each.module == REMOVE), None)
    return {"plan": is_plan, "app": app, **on_each_host(REMOVE)(outcomes, is_plan)}


def states(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    apps: dict[str, list[dict[str, Any]]] = {}
    for each in outcomes:
        if each.module == "luma.deploy.app_state" and each.app and not each.failed:
            apps.setdefault(each.app, []).append({**each.values, "host": each.host})
    return {"apps": [{"name": name, "hosts": hosts} for name, hosts in apps.items()]}


def released_locks(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    apps: dict[str, list[dict[str, Any]]] = {}
    for each in outcomes:
        if each.module == "luma.deploy.deploy_lock" and each.app and not each.failed:
            held = each.values["previous"]
            apps.setdefault(each.app, []).append({"host": each.host, "released": bool(held), "holder": held})
    return {"apps": [{"name": name, "hosts": hosts} for name, hosts in apps.items()]}


def executed(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    done = next((each for each in outcomes if "luma_exit_code" in each.values), None)
    return {**done.values, "host": done.host, "command_exit_code": done.values["luma_exit_code"]} if done else {}


def backups(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    made = [each for each in outcomes if each.module == "luma.deploy.service_backup" and "service" in each.values]
    return {
        "backups": [
            {**each.values, "host": each.host, "outcome": "failed", "problem": each.values.get("msg")}
            if each.failed
            else {**each.values, "host": each.host, "outcome": "made"}
            for each in made
        ]
    }


def built(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    done = [each for each in outcomes if each.module == "luma.deploy.image_build" and not each.failed]
    return {"apps": [{**each.values, "name": each.app, "changed": each.changed} for each in done]}


def files(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    """The files of a new project. A .gitignore that was there has got a line."""
    written = {
        each.values["item"]["name"]: each.changed
        for each in outcomes
        if each.module == "ansible.builtin.copy" and not each.failed
    }
    if last(outcomes, "ansible.builtin.lineinfile").get("changed"):
        written[".gitignore"] = True
    return {"files": [{"name": name, "written": done} for name, done in written.items()]}


def engines(outcomes: Outcomes, _is_plan: bool) -> dict[str, Any]:
    """The engine that answers on each host, as the role luma.deploy.engine has asked for the last time."""
    said = {each.host: str(each.values.get("stdout")) for each in outcomes if "stdout" in each.values}
    answers = {host: yaml.safe_load(text)["answers"] for host, text in said.items() if text.startswith("answers: ")}
    changed = {each.host for each in outcomes if each.changed}
    return {"hosts": [{"host": host, "docker": answers[host] or None, "changed": host in changed} for host in answers]}


#: What the others have is put together by the overview.
CONTENT: dict[str, Callable[[Outcomes, bool], dict[str, Any]]] = {
    "init": files,
    "config": lambda outcomes, _is_plan: dict(last(outcomes, "luma.deploy.config")),
    "setup": engines,
    "build": built,
    "deploy": deployment,
    "rollback": deployment,
    "services restart": deployment,
    "services backup": backups,
    "restart": deployment,
    "stop": states,
    "start": states,
    "exec": executed,
    "run": executed,
    "lock release": released_locks,
    "maintenance on": on_each_host("luma.deploy.maintenance"),
    "maintenance off": on_each_host("luma.deploy.maintenance"),
    "cert renew": on_each_host("luma.deploy.certificate_renew"),
    "proxy update": on_each_host("luma.deploy.proxy_update"),
    "remove": removed,
    "prune": on_each_host("luma.deploy.prune"),
    "takeover": on_each_host("luma.deploy.takeover"),
}
