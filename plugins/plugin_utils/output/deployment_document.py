# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment, or a rollback, came to, for the JSON document: from what the modules and the barriers returned.

It may be that only some of them have run: what is not known then is absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import Host
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import UNCHANGED, host_outcome, serves
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import BARRIER, HOOK, Outcome

PREPARE = "luma.deploy.bluegreen_container"
SWITCH = "luma.deploy.network_alias_switch"
RETIRE = "luma.deploy.graceful_shutdown"
BAKE = "luma.deploy.bake"
RELEASE_HOOK = "luma.deploy.release_hook"
SERVICES = "luma.deploy.service_container"

# In a plan: what would be deployed.
PLANNED = "planned"
Values = Mapping[str, Any]


def deployment(outcomes: Sequence[Outcome], is_plan: bool) -> dict[str, Any]:
    return {
        "plan": is_plan,
        "apps": [app(spec, about(spec, outcomes), is_plan) for spec in specs(outcomes)],
        "services": [entry for each in outcomes if each.module == SERVICES for entry in services(each, outcomes)],
    }


def specs(outcomes: Iterable[Outcome]) -> list[Values]:
    """The apps that are deployed, or their processes. A rollback names them anew."""
    found: list[Values] = []
    for each in outcomes:
        if each.module == "luma.deploy.project":
            found = each.values.get("apps", [])
        if each.module == "luma.deploy.rollback" and "app_spec" in each.values:
            found = each.values["app_spec"]["processes"] or [each.values["app_spec"]]
    return found


def about(spec: Values, outcomes: Iterable[Outcome]) -> list[Outcome]:
    """What was done for an app, or for one process and for the whole app that it belongs to."""
    return [each for each in outcomes if each.app in (spec["name"], spec["app"])]


def app(spec: Values, own: Sequence[Outcome], is_plan: bool) -> dict[str, Any]:
    barrier = last(own, BARRIER)
    written = barrier.get("processes", {}).get(spec["name"], {})
    parts = {name: Host(**fields) for name, fields in written.items()}
    probes = barrier.get("probes", {}) if spec["proxied"] else {}
    of_host: dict[str, list[Outcome]] = {name: [] for name in spec["hosts"]}
    for each in own:
        of_host.setdefault(each.host, []).append(each)
    entries = [host(name, parts.get(name, Host()), of_host[name], probes.get(name)) for name in spec["hosts"]]
    outcome = barrier.get("outcome") or None
    if is_plan and outcome == UNCHANGED:
        entries = [planned(entry, spec, of_host[entry["host"]]) for entry in entries]
        outcome = PLANNED if any(entry["outcome"] == PLANNED for entry in entries) else outcome
    return {
        "name": spec["name"],
        "image": spec["image"],
        "outcome": outcome,
        **{name: shared(entries, name) for name in ("release", "previous_release", "color")},
        "hosts": entries,
        "hooks": [] if is_plan else hooks(own),
    }


def planned(entry: Values, spec: Values, own: Iterable[Outcome]) -> dict[str, Any]:
    """A host's entry in a plan: nothing was touched, but something may be changed."""
    changes = any(each.changed for each in own if each.module == PREPARE)
    return {**entry, **({"outcome": PLANNED, "replicas": spec["replicas"]} if changes else {})}


def host(name: str, part: Host, own: Sequence[Outcome], probed: Values | None) -> dict[str, Any]:
    # Not what has removed the new color again.
    prepared = last([each for each in own if {"color", "failures"} & each.values.keys()], PREPARE)
    # Not what has gone back.
    switched: Values = next((each.values for each in own if each.module == SWITCH), {})
    return {
        "host": name,
        "outcome": host_outcome(part),
        "serves": serves(part),
        "release": part.release or None,
        "previous_release": part.before,
        "color": part.color or None,
        "replicas": len(prepared["containers"]) if "containers" in prepared else None,
        "problem": part.problem or None,
        "failures": prepared.get("failures", []),
        "timings": timings(prepared, switched),
        "drain": drain(last(own, RETIRE)),
        "bake": baked if "requests" in (baked := last(own, BAKE)) else None,
        "probe": probed and {**probed, "failed": probed.get("failed_requests")},
    }


def last(outcomes: Iterable[Outcome], module: str) -> Values:
    """What the module returned at its last run; nothing where it has not run."""
    return next((each.values for each in reversed(list(outcomes)) if each.module == module), {})


def shared(entries: Iterable[Values], name: str) -> Any:
    """The value that all hosts agree on, less those that have none; None where they differ."""
    found = {entry[name] for entry in entries if entry[name] is not None}
    return found.pop() if len(found) == 1 else None


def timings(prepared: Values, switched: Values) -> dict[str, float | None]:
    """All in seconds."""
    steps, commit = switched.get("steps"), switched.get("commit_milliseconds")
    return {
        **prepared.get("timings", {}),
        "switch": round(sum(steps.values()) / 1000, 3) if steps else None,
        "commit": commit / 1000 if commit is not None else None,
    }


def drain(retired: Values) -> dict[str, Any] | None:
    if "drain_seconds" not in retired:
        return None
    return {**retired, "seconds": retired["drain_seconds"]}


def hooks(own: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The hooks that were run, in their order."""
    done = []
    for each in own:
        if each.module == HOOK:
            done.append({**each.values, "exit_code": each.values.get("rc")})
        if each.module == RELEASE_HOOK:
            done.append({**each.values, "name": "release"})
    return done


def services(outcome: Outcome, outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The services of one host; where one failed, those that are missing in what its module returned."""
    done = [
        {**each, "host": outcome.host, "outcome": each["action"], "away_seconds": each["away"]}
        for each in outcome.values.get("services", [])
    ]
    if not outcome.failed:
        return done
    asked = last(outcomes, "luma.deploy.project").get("services", [])
    names = {each["name"] for each in done}
    missing = [each["name"] for each in asked if outcome.host in each["hosts"] and each["name"] not in names]
    return [*done, *({"name": name, "host": outcome.host, "outcome": "failed"} for name in missing)]
