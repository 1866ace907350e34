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
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import known_releases
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import INTERRUPTED, Results, Undo
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.removal import still_named
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import SERVED, conclusion, last_hook, outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Asked, OfProcesses, Transaction
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
    "state",
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
NOTED: dict[str, Any] = {"waves": [], "outcome": "", "releases": {}, "certificates": []}
# After these everybody is served one release, and nothing is left to be undone.
FINAL = ("retire", "undo", "end", "remove", "state")


class ActionModule(ActionBase):
    """Reads what the phase's tasks have registered on the hosts. Nothing is contacted."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS)
        ledger, hostvars = arguments["ledger"], (task_vars or {})["hostvars"]
        run = Transaction.read(arguments["app"], ledger.get("processes", {}))
        results = [registered(hostvars, run, name) for name in arguments["results_of"]]
        if arguments["phase"] == "undo":
            # What the run goes back for need not be a barrier, but may be a task that has none, such as a hook.
            results.append(registered(hostvars, run, "ansible_failed_result"))
        interrupted = arguments["phase"] not in FINAL and requested()
        known = {name: ledger.get(name, nothing) for name, nothing in NOTED.items()}
        facts = {"changed": False, "contest": asdict(Asked()), **known}
        if arguments["phase"] != "services":
            facts["app"] = run.app["name"]
        try:
            facts |= after(arguments["phase"], run, ledger, results, arguments["command"])
            if interrupted:
                raise Undo(["❌ Interrupted."])
        except Undo as exc:
            marker = INTERRUPTED if interrupted else exc.marker
            facts |= {"failed": True, "msg": str(exc)} | ({marker: True} if marker else {})
        came_to = facts["outcome"]
        facts["last_hook"] = last_hook(run.app, came_to)
        facts["awaited_certificates"] = facts["certificates"] if came_to in SERVED else []
        return result | facts | found(run) | {"processes": run.as_dict()}


def registered(hostvars: Any, run: Transaction, name: str) -> OfProcesses:
    """What the task came to that registers ``name``, where it ran."""
    return run.by_process({host: hostvars[host].get(name, {"skipped": True}) for host in run.app["hosts"]})


def of_hosts(results: OfProcesses) -> dict[str, Any]:
    """By host, of a task that is done once on each."""
    return {host: result for each in results.values() for host, result in each.items()}


def found(run: Transaction) -> dict[str, Any]:
    """What the tasks behind any phase have to know."""
    (first_process, first), (process, host, part) = run.first, run.first_to_switch
    parts = [each for _fleet, _host, each in run.parts]
    return {
        "first": first,
        "first_process": first_process,
        "first_to_switch": host,
        "switching": {"process": process, "image": part.image.get("name", ""), "release": part.release},
        "release": next((each.release for each in parts if each.release), ""),
        "before": next((each.before for each in parts if each.before), ""),
        "locked_hosts": run.locked,
    }


def after(
    phase: str, run: Transaction, ledger: dict[str, Any], results: list[OfProcesses], command: str
) -> dict[str, Any]:
    """What the tasks behind this phase have to know, beside the hosts' parts."""
    match phase:
        case "lock" | "lock_again":
            known = releases_of(run, ledger, results[0])
            return {"contest": asdict(run.lock(results[0], again=phase == "lock_again")), "releases": known}
        case "prepare" | "prepare_again":
            return after_preparation(run, ledger, results[0], again=phase == "prepare_again")
        case "switch":
            run.switch(*results)
        case "release":
            run.release(*results)
        case "bake" | "services" | "state":
            run.require_all(*results)
        case "retire":
            run.retire(*results)
            return {"outcome": outcome(run)}
        case "undo":
            *undone, failed = results
            run.undo(*undone)
            return {"outcome": outcome(run, undone_for=[ledger, *of_hosts(failed).values()])}
        case "end":
            probed, hooked = map(of_hosts, [*results, {}][:2])
            return {"probes": probed} | conclusion(run, ledger["outcome"], command, probed, hooked)
        case "remove":
            return {"report": [*run.remove(results[0], command), *still_named(run.app)]}
    return {}


def releases_of(run: Transaction, ledger: dict[str, Any], results: OfProcesses) -> dict[str, list[Any]]:
    earlier = ledger.get("releases", {})
    return {name: known_releases(earlier.get(name, ()), results.get(name, {})) for name in run.fleets}


def after_preparation(run: Transaction, ledger: dict[str, Any], results: OfProcesses, again: bool) -> dict[str, Any]:
    known = releases_of(run, ledger, results)
    contest = run.prepare(results, known, again)
    waves = [] if contest.hosts else run.waves()
    # Without waves this is the last phase.
    came_to = {} if contest.hosts or waves else {"outcome": outcome(run)}
    on_their_way, told = list[str](), list[str]()
    for process, of_process in results.items():
        pending, warnings = certificates(process, of_process)
        on_their_way += pending
        told += [*orphan_lines(of_process), *warnings]
    facts = {"contest": asdict(contest), "releases": known, "waves": waves, "certificates": on_their_way}
    return facts | {"warnings": told} | came_to


def certificates(app: str, results: Results) -> tuple[list[str], list[str]]:
    """The hosts on which the app's certificate is on its way, and warnings of those that do not come."""
    known = {host: result["certificate"] for host, result in results.items() if result.get("certificate")}
    told = {host: in_words(info).removeprefix(WARNING) for host, info in known.items() if needs_attention(info)}
    troubled = [f"[{host}] HTTPS of {app}: {words}" for host, words in told.items()]
    return [host for host, info in known.items() if info["pending"]], troubled
