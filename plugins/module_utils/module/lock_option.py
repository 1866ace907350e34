# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules take and give back the lock of an app."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.acme.state import seconds
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import publish, series_of
from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import recorded
from ansible_collections.luma.deploy.plugins.module_utils.run.audit import AuditLog
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import LEASE_SECONDS, Holder, Lock

RUN_FIELDS: dict[str, t.Any] = {
    "id": {"type": "str", "required": True},
    "by": {"type": "str"},
    "host": {"type": "str"},
    "pid": {"type": "int"},
    "pid_started": {"type": "str"},
    "boot": {"type": "str"},
    "command": {"type": "str"},
}

#: The option of a module that takes the lock itself, see the documentation fragment ``luma.deploy.lock``.
LOCK_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "run": {"type": "dict", "required": True},
        "take_over": {"type": "list", "elements": "str", "default": []},
        "wait": {"type": "float", "default": 0},
        "keep": {"type": "bool", "default": False},
    },
}

#: The option of a module that gives the lock back, see the documentation fragment ``luma.deploy.lock.release``.
RELEASE_LOCK_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {"run": {"type": "dict", "required": True}, "audit": {"type": "dict", "default": {}}},
}


def lock_of(params: t.Mapping[str, t.Any]) -> Lock:
    return Lock(params["state_dir"], params["project"], params["app"])


def take(module: AnsibleModule, lock: Lock, asked: t.Mapping[str, t.Any]) -> tuple[Holder | None, list[str]]:
    """Takes the lock for the run that is ``asked`` for, or in check mode looks whether it could. Returns who held it
    before, if that was another run, and lines of the report. Raises `LumaError` where another one holds it."""
    run = asked["run"]
    if module.check_mode:
        before = lock.read()
        if before and before.id not in (run["id"], *asked["take_over"]):
            raise lock.refusal(before)
    else:
        before = lock.take(run, asked["take_over"], asked["wait"], asked.get("lease", LEASE_SECONDS))
        publish(module)
    if not before or before.id == run["id"]:
        return None, []
    write_audit(module, before.run, {"outcome": "died"})
    verb = "Would take over" if module.check_mode else "Took over"
    return before, [f"{verb} the lock of {lock.app} from a run that died: {before}"]


def give_back(
    module: AnsibleModule, lock: Lock, run: t.Mapping[str, t.Any], outcome: t.Mapping[str, t.Any]
) -> Holder | None:
    """Releases the lock if this run holds it, and writes down what came of the run, if there is an ``outcome``. Returns
    the holder that it was."""
    holder = lock.read()
    previous = holder if holder and holder.id == run["id"] else None
    if outcome:
        write_audit(module, run_of(run, previous), outcome)
    if not module.check_mode:
        lock.release(run["id"])
        publish(module)
    return previous


def between_locks(module: AnsibleModule, work: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    """What ``work`` returns, done after the lock is taken and before it is given back, as the module's options say."""
    taking, releasing = module.params.get("lock"), module.params.get("release_lock")
    if taking:
        return _under_new_lock(module, taking, work)
    result = work()
    if releasing:
        give_back(module, lock_of(module.params), releasing["run"], releasing["audit"])
        result["lock_released"] = not module.check_mode
    return result


def _under_new_lock(
    module: AnsibleModule, asked: t.Mapping[str, t.Any], work: t.Callable[[], dict[str, t.Any]]
) -> dict[str, t.Any]:
    """Gives the lock back at once if the work finds that nothing is to be done (``settled``)."""
    lock, taken = lock_of(module.params), {"lock_taken": not module.check_mode, "releases": known_here(module.params)}
    _before, report = take(module, lock, asked)
    try:
        result = work()
    except LumaError as exc:
        exc.facts.update(taken)
        raise
    released = bool(result.get("settled")) and not asked["keep"]
    if released:
        outcome = {"outcome": "unchanged", "before": result["previous_release"], "release": result["release"]}
        give_back(module, lock, asked["run"], {**outcome, "serves": "new", "problem": ""})
    return {**result, **taken, "lock_released": released and not module.check_mode, "report": report + result["report"]}


def run_of(run: t.Mapping[str, t.Any] | None, previous: Holder | None) -> dict[str, t.Any]:
    """What is known of the run that releases a lock: what it says now, and has said when it took it."""
    given = {name: value for name, value in (run or {}).items() if value is not None}
    return dict(previous.run if previous else {}, **given)


def write_audit(module: AnsibleModule, run: t.Mapping[str, t.Any], outcome: t.Mapping[str, t.Any]) -> None:
    """Writes down what came of a run, and counts it if it held the lock: who lost it was counted as dead."""
    params = module.params
    if module.check_mode:
        return
    try:
        AuditLog(params["state_dir"]).add(params["project"], params["app"], run, outcome)
    except OSError as exc:
        module.warn(f"The audit log has no line about this run: {exc}")
    if run.get("at"):
        with series_of(module) as series:
            series.count(params["project"], params["app"], outcome["outcome"], since=seconds(run["at"]))


def known_here(params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The app's releases that the host has on record."""
    return recorded(params["state_dir"], params["project"], params["app"])
