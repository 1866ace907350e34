# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment came to, in words: a line for each host, then what users are served, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import Fleet
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import (
    INTERRUPTED,
    LOCKED,
    NEW,
    OLD,
    UNKNOWN,
    UNREACHABLE,
    Host,
    Result,
    Results,
    any_has,
    has_failed,
    joined,
    message,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Transaction

# What a run came to; in the audit log, and told to hooks.
DEPLOYED = "deployed"
UNCHANGED = "unchanged"
UNFINISHED = "unfinished"
FAILED = "failed"
# After these users are served the release that was deployed.
SERVED = (DEPLOYED, UNCHANGED, UNFINISHED)
# What else it may have come to on one host.
RETURNED = "returned"
UNTOUCHED = "untouched"
SKIPPED = "skipped"
OUT_OF_REACH = "unreachable"


def outcome(run: Transaction, undone_for: Collection[Result] | None = None) -> str:
    """One word. ``undone_for``: the results that failed, if the run went back."""
    if undone_for is not None:
        markers = (marker for marker in (INTERRUPTED, LOCKED) if any(result.get(marker) for result in undone_for))
        return next(markers, FAILED)
    if left_over(run):
        return UNFINISHED
    return DEPLOYED if run.those(lambda host: host.asked) else UNCHANGED


def last_hook(app: Mapping[str, Any], came_to: str) -> str:
    """The name of the user's hook that a run ends with; empty if there is none, or if another run is at work."""
    name = "post_deploy" if came_to in SERVED else "on_failure"
    return name if came_to != LOCKED and app.get("hooks", {}).get(name) else ""


def left_over(run: Transaction) -> list[str]:
    """The hosts on which the color that served before is still there."""
    return run.those(lambda host: host.asked and not host.retired and not host.skipped)


def host_outcome(host: Host) -> str:
    """What the run came to on one host, in one word."""
    if host.skipped:
        return SKIPPED
    if host.serves == NEW:
        stays = host.back is None and host.before == host.release
        if host.settled or stays:
            return UNCHANGED
        return DEPLOYED if host.retired or not host.asked else UNFINISHED
    if host.asked:
        return RETURNED if host.serves != UNKNOWN else UNKNOWN
    return OUT_OF_REACH if host.lost else FAILED if host.problem else UNTOUCHED


def serves(host: Host) -> str | None:
    """The release that users are served; None if that is none, or not known."""
    return {NEW: host.release, OLD: host.before}.get(host.serves) or None


def conclusion(run: Transaction, came_to: str, command: str, probed: Results, hooked: Results) -> dict[str, Any]:
    """The end of the run, as a task returns it: a report, and a failure if it is one. ``probed``: what the probe of
    each host saw; ``hooked``: how the last hook ended, if there is one."""
    also = {f"[{host}] ❌ {message(result)}" for host, result in probed.items() if has_failed(result)}
    also |= {f"❌ {message(result)}" for result in hooked.values() if has_failed(result)}
    skipped = run.those(lambda host: host.skipped)
    if came_to == UNCHANGED and not skipped and not also:
        return {}
    text = sentence(run, came_to, command, flawed=bool(also))
    if came_to in (DEPLOYED, UNCHANGED) and not also:
        return {"report": [*lines(run), text]}
    lost = run.those(lambda host: host.lost and not host.skipped)
    markers = ({UNREACHABLE: True} if lost else {}) | ({INTERRUPTED: True} if any_has(hooked, INTERRUPTED) else {})
    return {"failed": True, "report": lines(run), "msg": "\n".join([*sorted(also), f"❌ {text}"])} | markers


def lines(run: Transaction) -> list[str]:
    """What happened on each host."""
    return [f"[{host}] {fleet.app['name']}: {_story(part)}" for fleet, host, part in run.parts]


def _story(host: Host) -> str:
    before = host.before or "nothing"
    if host.skipped:
        return f"⚠️ skipped, {host.problem}"
    if host.serves == UNKNOWN:
        if host.lost:
            return f"{_serves(host)}, cannot be reached"
        if host.asked:
            return f"{_serves(host)}, or nobody is served: {host.problem or 'it failed'}"
        return "as before, failed" if host.problem else "not touched"
    if host.settled:
        return f"{host.release}, nothing changed"
    if host.serves == NEW:
        stays = host.back is None and before == host.release
        move = f"{host.release}, as before" if stays else f"{before} → {host.release} ({host.color})"
        return f"{move}, but the old color is left over: {host.problem}" if host.problem else move
    end = f"back from {host.release}" if host.asked else "failed" if host.problem else "as before"
    left = f", but the new color is left over: {host.problem}" if host.prepared and host.problem else ""
    return f"{before}, {end}{left}"


def sentence(run: Transaction, came_to: str, command: str, flawed: bool = False) -> str:
    """What users are served, and what to do. ``command``: what the user has typed; ``flawed``: whether the probe or a
    hook failed."""
    name, advice = run.app["name"], ""
    if came_to == LOCKED:
        return f"{name} was not deployed, since another run is changing it. Wait until it ends: luma lock status {name}"
    skipped = run.those(lambda host: host.skipped)
    if skipped:
        advice = f" ⚠️ Once {joined(skipped)} can be reached, run: {command}"
    if came_to == UNFINISHED:
        done = f"{name} was deployed, but the old color is left over on {joined(left_over(run))}."
        advice = f" To clean up, run: {command}"
    elif came_to == INTERRUPTED:
        done = f"{name} was interrupted."
    elif came_to == FAILED:
        done = f"{name} was not deployed."
        advice = f" {_advice(run, command)}"
    elif flawed:
        done = f"{name} is deployed, but the probe or a hook failed, see above."
    else:
        done = "Blue-green deployment completed successfully ✅"
    return f"{done} {served(run)}{advice}"


def _advice(run: Transaction, command: str) -> str:
    """What to do after a failure."""
    lost = run.those(lambda host: host.lost and not host.skipped)
    if not lost:
        return f"Fix the error above, then run: {command}"
    needed = len(run.those(lambda host: host.lost))
    if needed <= run.app["deploy"]["max_unavailable_hosts"]:
        return f"Now, or once {joined(lost)} can be reached, run: {command}"
    return (
        f"Wait until {joined(lost)} can be reached, or set deploy.max_unavailable_hosts: {needed} in luma.yml to "
        f"leave out hosts that cannot. Then run: {command}"
    )


def served(run: Transaction) -> str:
    """What users are served, and what processes run that have no users, on which hosts."""
    whole = _alike(run)
    if whole:
        return _served(whole, f"Users of {run.app['name']}", "are served")
    return " ".join(_served(fleet, *_words(fleet.app)) for fleet in run.fleets.values())


def _alike(run: Transaction) -> Fleet | None:
    """The whole app on its hosts, if each process is served as the others are."""
    whole: dict[str, Host] = {}
    for _fleet, name, part in run.parts:
        other = whole.setdefault(name, part)
        if (_serves(other), other.lost) != (_serves(part), part.lost):
            return None
    return Fleet(run.app, {name: whole[name] for name in run.app["hosts"]})


def _words(process: Mapping[str, Any]) -> tuple[str, str]:
    """Whose releases are told, and how."""
    name = process["name"]
    return (f"Users of {name}", "are served") if process["proxied"] else (name, "runs")


def _served(fleet: Fleet, who: str, verb: str) -> str:
    silent = fleet.those(lambda host: host.lost)
    hosts: dict[str, list[str]] = {}
    for name in fleet.those(lambda host: not host.lost):
        hosts.setdefault(_serves(fleet.hosts[name]), []).append(name)
    if not hosts:
        return f"{who} {verb} as before, if {joined(silent)} can be reached."
    everywhere = f"all {len(fleet.hosts)} hosts" if len(fleet.hosts) > 1 else joined(fleet.hosts)
    all_agree = len(hosts) == 1 and not silent
    parts = [f"{what} on {everywhere if all_agree else joined(names)}" for what, names in hosts.items()]
    unknown = f"; {joined(silent)} cannot be reached" if silent else ""
    return f"{who} {verb} {', '.join(parts)}{unknown}."


def _serves(host: Host) -> str:
    if host.serves == UNKNOWN:
        may_be = dict.fromkeys((host.before or "nothing", host.release))
        return " or ".join(may_be) if host.asked else "as before"
    release = host.release if host.serves == NEW else host.before
    return release or "nothing yet"
