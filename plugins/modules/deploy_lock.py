#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: takes and releases the lock of an app on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: Take or release the lock of an app on a host
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - While a run of luma holds the lock of an app on a host, another run changes nothing of the app there. Modules that
    are given the id of their run, such as M(luma.deploy.bluegreen_container), refuse to work without the lock.
  - The lock has the holder's last sign of life. It is given by each step of the run, and by O(state=renewed). The
    host's seconds since its start are counted, so that neither clocks that differ nor a clock that is set matter.
  - A lock is never taken from a run only because it is silent, since the run may be cut off from this host alone. If it
    is known to be dead, its id goes into O(take_over).
  - A run that changes nothing takes the lock and releases it, too. Therefore only O(force=true) is a change.
extends_documentation_fragment:
  - luma.deploy.engine.state
options:
  project:
    description: The project's name.
    type: str
    required: true
  app:
    description: The app's name.
    type: str
    required: true
  state:
    description:
      - With V(taken), the run holds the lock. Steps that a run before it has left at work are waited for, at most 30
        seconds. A lock that the run holds already stays as it is.
      - With V(renewed), the run gives a sign of life. It is an error if it does not hold the lock.
      - With V(interrupted), the steps of the run that wait for something are told to end, if it holds the lock.
      - With V(released), the run does not hold the lock. That of another run stays, unless O(force=true).
    type: str
    choices: [taken, renewed, interrupted, released]
    default: taken
  run:
    description:
      - The run of luma, as M(luma.deploy.project) returns it. All but O(run.id) is for people and for the controller.
      - Required, unless O(force=true) releases the lock of whoever holds it.
    type: dict
    suboptions:
      id:
        description: What no other run has.
        type: str
        required: true
      by:
        description: Who began it, such as V(me@laptop).
        type: str
      host:
        description: The name of the controller.
        type: str
      pid:
        description: The process on the controller.
        type: int
      pid_started:
        description: When that process began, in clock ticks since the start of the controller.
        type: str
      boot:
        description: The boot id and the PID namespace of the controller.
        type: str
      command:
        description: The command.
        type: str
  take_over:
    description: The ids of runs that are dead, whose lock may be taken.
    type: list
    elements: str
    default: []
  wait:
    description: How long to wait for another run to release the lock, in seconds.
    type: float
    default: 0
  lease:
    description:
      - How long after this sign of life the run may be silent before it counts as stale, in seconds.
      - For O(state=taken) and O(state=renewed).
    type: float
    default: 60
  force:
    description: Whether to release the lock of whoever holds it, with O(state=released).
    type: bool
    default: false
  audit:
    description:
      - What came of the run, with O(state=released). It is added to the host's audit log, see
        M(luma.deploy.audit_info), before the lock is released. C(outcome) is what people are shown.
      - With O(force=true), it is added only if a lock is released.
      - A line that cannot be written is a warning.
    type: dict
attributes:
  check_mode:
    support: full
    description: Says what would be done; takes and releases nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: A lock that is taken or released already is left alone.
"""

EXAMPLES = r"""
- name: Take the lock of the blog
  luma.deploy.deploy_lock:
    project: shop
    app: blog
    run: "{{ luma_project.run }}"

- name: Release it
  luma.deploy.deploy_lock:
    project: shop
    app: blog
    state: released
    run: "{{ luma_project.run }}"
    audit:
      outcome: deployed
      release: "{{ prepared.release }}"

- name: Release it, whoever holds it
  luma.deploy.deploy_lock:
    project: shop
    app: blog
    state: released
    force: true
"""

RETURN = r"""
holder:
  description:
    - The run that holds the lock afterwards, null if none does.
    - If the module failed, the run that kept it from its work.
  type: dict
  returned: always
  contains:
    id:
      description: The run's id.
      type: str
    by:
      description: Who began it.
      type: str
      sample: me@laptop
    host:
      description: The name of its controller.
      type: str
    pid:
      description: Its process there.
      type: int
    pid_started:
      description: When that process began, in clock ticks since the start of the controller.
      type: str
    boot:
      description: The boot id and the PID namespace of the controller.
      type: str
    command:
      description: Its command.
      type: str
      sample: luma deploy blog
    at:
      description: When it took the lock (RFC 3339, UTC).
      type: str
    age:
      description: The seconds since its last sign of life; at least that, if the host was started again since.
      type: float
    lease:
      description: How many seconds it may be silent after that sign of life.
      type: float
    stale:
      description: Whether it is silent for longer.
      type: bool
    interrupted:
      description: Whether its steps are told to end.
      type: bool
previous:
  description: The run that lost the lock to this one, or whose lock was released, as RV(holder); null if none did.
  type: dict
  returned: success
releases:
  description: The app's releases that the host has on record, the newest last, see M(luma.deploy.release_info).
  type: list
  elements: dict
  returned: success, with O(state=taken)
  contains:
    release:
      description: The release's name.
      type: str
      sample: 3f2a9c81d0b7~2
    identity:
      description: What its containers are, on any host.
      type: list
      elements: raw
locked:
  description: True if another run holds the lock, or a step of one is still at work.
  type: bool
  returned: failure
report:
  description: Whose lock was taken over, or released by O(force=true), as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish
from ansible_collections.luma.deploy.plugins.module_utils.module.lock_option import (
    RUN_FIELDS,
    give_back,
    known_here,
    lock_of,
    run_of,
    take,
    write_audit,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import publish
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import LEASE_SECONDS, Holder, Lock


def taken(module: AnsibleModule, lock: Lock) -> dict[str, t.Any]:
    before, report = take(module, lock, module.params)
    return dict(result(lock, before, *report), releases=known_here(module.params))


def renewed(module: AnsibleModule, lock: Lock) -> dict[str, t.Any]:
    if not module.check_mode:
        lock.renew(module.params["run"]["id"], module.params["lease"])
    return result(lock)


def interrupted(module: AnsibleModule, lock: Lock) -> dict[str, t.Any]:
    if not module.check_mode:
        lock.interrupt(module.params["run"]["id"])
    return result(lock)


def released(module: AnsibleModule, lock: Lock) -> dict[str, t.Any]:
    params = module.params
    if params["force"]:
        return released_by_force(module, lock)
    return result(lock, give_back(module, lock, params["run"], params["audit"]))


def released_by_force(module: AnsibleModule, lock: Lock) -> dict[str, t.Any]:
    params = module.params
    previous = lock.read() if module.check_mode else lock.release(None)
    if not previous:
        return result(lock, None, f"{lock.app} is not locked")
    if params["audit"]:
        write_audit(module, run_of(params["run"], previous), params["audit"])
    if not module.check_mode:
        publish(module)
    verb = "Would release" if module.check_mode else "Released"
    return dict(result(lock, previous, f"{verb} {lock.app}, locked by {previous}"), changed=True)


def result(lock: Lock, previous: Holder | None = None, *report: str) -> dict[str, t.Any]:
    return {"changed": False, "holder": facts(lock.read()), "previous": facts(previous), "report": list(report)}


def facts(holder: Holder | None) -> dict[str, t.Any] | None:
    return holder.facts() if holder else None


STATES = {"taken": taken, "renewed": renewed, "interrupted": interrupted, "released": released}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": STATE_OPTION,
            "project": {"type": "str", "required": True},
            "app": {"type": "str", "required": True},
            "state": {"type": "str", "choices": list(STATES), "default": "taken"},
            "run": {"type": "dict", "options": RUN_FIELDS},
            "take_over": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "float", "default": 0},
            "lease": {"type": "float", "default": LEASE_SECONDS},
            "force": {"type": "bool", "default": False},
            "audit": {"type": "dict"},
        },
        required_if=[
            ("force", False, ["run"]),
            *(("state", state, ["run"]) for state in ("taken", "renewed", "interrupted")),
        ],
        supports_check_mode=True,
    )
    lock = lock_of(module.params)
    finish(module, lambda: STATES[module.params["state"]](module, lock))


if __name__ == "__main__":
    main()
