# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a phase on all hosts of a deployment; documented in the module of the same name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.module_utils.acme.info import WARNING, in_words, needs_attention
from ansible_collections.luma.deploy.plugins.plugin_utils.action.interruption import requested
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import Fleet, known_releases
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import INTERRUPTED, Contest, Results, Undo
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.removal import still_named
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import conclusion, outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.orphans import orphan_lines

PHASES = [
    "begin",
    "services",
    "lock",
    "lock_again",
    "prepare",
    "prepare_again",
    "release",
    "switch",
    "bake",
    "retire",
    "undo",
    "end",
    "remove",
]
ARGUMENTS = {
    "phase": {
        "type": "str",
        "required": True,
        "choices": PHASES,
    },
    "app": {"type": "dict", "required": True},
    "ledger": {"type": "dict", "default": {}},
    "results_of": {"type": "list", "elements": "str", "default": []},
    "command": {"type": "str", "default": ""},
}
# What the ledger has beside the hosts' parts, until the phase that learns it.
NOTED: dict[str, Any] = {"waves": [], "outcome": "", "releases": [], "certificates": []}
# After these everybody is served one release, and nothing is left to be undone.
FINAL = ("retire", "undo", "end", "remove")


class ActionModule(ActionBase):
    """Reads what the phase's tasks have registered on the hosts. Nothing is contacted."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS)
        ledger, hostvars = arguments["ledger"], (task_vars or {})["hostvars"]
        fleet = Fleet.read(arguments["app"], ledger.get("hosts", {}))
        results = [registered(hostvars, fleet, name) for name in arguments["results_of"]]
        if arguments["phase"] == "undo":
            # What the run goes back for need not be a barrier, but may be a task that has none, such as a hook.
            results.append(registered(hostvars, fleet, "ansible_failed_result"))
        interrupted = arguments["phase"] not in FINAL and requested()
        known = {name: ledger.get(name, nothing) for name, nothing in NOTED.items()}
        facts = {"changed": False, "contest": asdict(Contest()), **known}
        if arguments["phase"] != "services":
            facts["app"] = fleet.app["name"]
        try:
            facts |= after(arguments["phase"], fleet, ledger, results, arguments["command"])
            if interrupted:
                raise Undo(["❌ Interrupted."])
        except Undo as exc:
            marker = INTERRUPTED if interrupted else exc.marker
            facts |= {"failed": True, "msg": str(exc)} | ({marker: True} if marker else {})
        found = {"first": fleet.first, "first_to_switch": fleet.first_to_switch, "locked_hosts": fleet.locked}
        return result | facts | found | {"hosts": fleet.as_dict()}


def registered(hostvars: Any, fleet: Fleet, name: str) -> Results:
    """What the task came to that registers ``name``, on the hosts that it ran on."""
    found = {host: hostvars[host].get(name, {"skipped": True}) for host in fleet.hosts}
    return {host: result for host, result in found.items() if not result.get("skipped")}


def after(phase: str, fleet: Fleet, ledger: dict[str, Any], results: list[Results], command: str) -> dict[str, Any]:
    """What the tasks behind this phase have to know, beside the hosts' parts."""
    match phase:
        case "lock" | "lock_again":
            known = known_releases(ledger.get("releases", ()), results[0])
            return {"contest": asdict(fleet.lock(results[0], again=phase == "lock_again")), "releases": known}
        case "prepare" | "prepare_again":
            return after_preparation(fleet, ledger, results[0], again=phase == "prepare_again")
        case "switch":
            fleet.switch(*results)
        case "release":
            fleet.release(*results)
        case "bake" | "services":
            fleet.require_all(*results)
        case "retire":
            fleet.retire(*results)
            return {"outcome": outcome(fleet)}
        case "undo":
            *undone, failed = results
            fleet.undo(*undone)
            return {"outcome": outcome(fleet, undone_for=[ledger, *failed.values()])}
        case "end":
            probed, hooked = [*results, {}][:2]
            return {"probes": dict(probed)} | conclusion(fleet, ledger["outcome"], command, probed, hooked)
        case "remove":
            return {"report": [fleet.remove(results[0], command), *still_named(fleet.app)]}
    return {}


def after_preparation(fleet: Fleet, ledger: dict[str, Any], results: Results, again: bool) -> dict[str, Any]:
    known = known_releases(ledger.get("releases", ()), results)
    contest = fleet.prepare(results, known, again)
    waves = [] if contest.hosts else fleet.waves()
    # Without waves this is the last phase.
    came_to = {} if contest.hosts or waves else {"outcome": outcome(fleet)}
    on_their_way, warnings = certificates(fleet.app["name"], results)
    told = [*orphan_lines(results), *warnings]
    facts = {"contest": asdict(contest), "releases": known, "waves": waves, "certificates": on_their_way}
    return facts | {"warnings": told} | came_to


def certificates(app: str, results: Results) -> tuple[list[str], list[str]]:
    """The hosts on which the app's certificate is on its way, and warnings of those that do not come."""
    known = {host: result["certificate"] for host, result in results.items() if result.get("certificate")}
    told = {host: in_words(info).removeprefix(WARNING) for host, info in known.items() if needs_attention(info)}
    troubled = [f"[{host}] HTTPS of {app}: {words}" for host, words in told.items()]
    return [host for host, info in known.items() if info["pending"]], troubled
