# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment came to, in words: a line for each host, then what users are served, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils._fleet import (
    INTERRUPTED,
    LOCKED,
    NEW,
    UNKNOWN,
    UNREACHABLE,
    Fleet,
    Host,
    Results,
    has_failed,
    message,
)

# What a run came to; in the audit log, and told to hooks.
DEPLOYED = "deployed"
UNCHANGED = "unchanged"
UNFINISHED = "unfinished"
FAILED = "failed"


def outcome(fleet: Fleet, undone_for: Mapping[str, Any] | None = None) -> str:
    """One word. ``undone_for``: what the barrier returned that failed, where the run went back."""
    if undone_for is not None:
        return next((marker for marker in (INTERRUPTED, LOCKED) if undone_for.get(marker)), FAILED)
    if left_over(fleet):
        return UNFINISHED
    return DEPLOYED if fleet.those(lambda host: host.asked) else UNCHANGED


def left_over(fleet: Fleet) -> list[str]:
    """The hosts on which the color that served before is still there."""
    return fleet.those(lambda host: host.asked and not host.retired and not host.skipped)


def conclusion(fleet: Fleet, came_to: str, command: str, probed: Results, hooked: Results) -> dict[str, Any]:
    """The end of the run, as a task returns it: a report, and a failure where it is one. ``probed``: what the probe of
    each host saw; ``hooked``: how the last hook ended, if there is one."""
    also = {f"[{host}] ❌ {message(result)}" for host, result in probed.items() if has_failed(result)}
    also |= {f"❌ {message(result)}" for result in hooked.values() if has_failed(result)}
    skipped = fleet.those(lambda host: host.skipped)
    if came_to == UNCHANGED and not skipped and not also:
        return {}
    text = sentence(fleet, came_to, command, flawed=bool(also))
    if came_to in (DEPLOYED, UNCHANGED) and not also:
        return {"report": [*lines(fleet), text]}
    lost = fleet.those(lambda host: host.lost and not host.skipped)
    marker = {UNREACHABLE: True} if lost else {}
    return {"failed": True, "report": lines(fleet), "msg": "\n".join([*sorted(also), f"❌ {text}"])} | marker


def lines(fleet: Fleet) -> list[str]:
    """What happened on each host."""
    name = fleet.app["name"]
    return [f"[{host}] {name}: {_story(part)}" for host, part in fleet.hosts.items()]


def _story(host: Host) -> str:
    before = host.before or "nothing"
    if host.skipped:
        return f"⚠️ skipped, {host.problem}"
    if host.serves == UNKNOWN:
        left = f"{before} or {host.release}" if host.asked else "as before"
        failed = f"{left}, or nobody is served: it failed" if host.asked else f"{left}, failed"
        return f"{left}, cannot be reached" if host.lost else failed if host.problem else "not touched"
    if host.settled:
        return f"{host.release}, nothing changed"
    if host.serves == NEW:
        move = f"{before} → {host.release} ({host.color})"
        return f"{move}, but the old color is left over: {host.problem}" if host.problem else move
    if host.asked:
        return f"{before}, back from {host.release}"
    return f"{before}, failed" if host.problem else f"{before}, as before"


def sentence(fleet: Fleet, came_to: str, command: str, flawed: bool = False) -> str:
    """What users are served, and what to do. ``command``: what the user has typed; ``flawed``: whether the probe or a
    hook failed."""
    name, again = fleet.app["name"], f"run it again ({command})"
    if came_to == LOCKED:
        return f"{name} was not deployed: another run is at it. Wait for it to end; luma lock status {name} shows it."
    if came_to == UNFINISHED:
        left = joined(left_over(fleet))
        done = f"{name} was deployed, but the color that served before is left over on {left}: to clean up, {again}."
    elif came_to == INTERRUPTED:
        done = f"{name} was interrupted."
    elif came_to == FAILED:
        done = f"{name} was not deployed: {_advice(fleet, again)}"
    elif flawed:
        done = f"{name} is deployed, but not all went well, see above."
    else:
        done = "Blue-green deployment completed successfully ✅"
    skipped = fleet.those(lambda host: host.skipped)
    level = f" ⚠️ Once {joined(skipped)} can be reached, {again}: that brings it level." if skipped else ""
    return f"{done} {served(fleet)}{level}"


def _advice(fleet: Fleet, again: str) -> str:
    lost = fleet.those(lambda host: host.lost and not host.skipped)
    if not lost:
        return f"mend what is said above, and {again}."
    allowed = len(fleet.those(lambda host: host.lost))
    return (
        f"once {joined(lost)} can be reached, {again}, or go on without: deploy.max_unavailable_hosts: {allowed} in "
        "luma.yml."
    )


def served(fleet: Fleet) -> str:
    """What users are served, on which hosts."""
    users, silent = f"Users of {fleet.app['name']}", fleet.those(lambda host: host.lost)
    hosts: dict[str, list[str]] = {}
    for name in fleet.those(lambda host: not host.lost):
        hosts.setdefault(_serves(fleet.hosts[name]), []).append(name)
    if not hosts:
        return f"{users} are served what they were before, if {joined(silent)} can be reached by them."
    everywhere = f"all {len(fleet.hosts)} hosts" if len(fleet.hosts) > 1 else joined(fleet.hosts)
    all_agree = len(hosts) == 1 and not silent
    parts = [f"{what} on {everywhere if all_agree else joined(names)}" for what, names in hosts.items()]
    unknown = f"; {joined(silent)} cannot be reached" if silent else ""
    return f"{users} are served {', '.join(parts)}{unknown}."


def _serves(host: Host) -> str:
    if host.serves == UNKNOWN:
        return f"{host.before or 'nothing'} or {host.release}" if host.asked else "as before"
    release = host.release if host.serves == NEW else host.before
    return release or "nothing yet"


def joined(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
