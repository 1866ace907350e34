#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: barrier
short_description: Judge what a phase of a deployment came to on all hosts
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - A deployment to several hosts is one transaction, whose phases run on all of them in lockstep. Behind each phase
    this reads what its task has registered on every host, and fails if the transaction cannot go on. Since it runs
    once for all hosts, all of them then go on with C(rescue).
  - So the task itself has to go on for what fails or cannot be reached, with C(ignore_errors) and
    C(ignore_unreachable).
  - A host that cannot be reached is left out from then on, if C(deploy.max_unavailable_hosts) in luma.yml allows it.
  - It also fails if the user wants the run to end (Ctrl-C), as long as everything can be undone.
  - Runs on the controller and contacts nothing.
extends_documentation_fragment:
  - luma.deploy.engine.query
options:
  phase:
    description:
      - The phase that has just ended.
      - V(begin) is before the first one.
      - V(services) takes the results of M(luma.deploy.service_container); O(app) then only names the hosts.
      - V(lock) and V(lock_again) take the results of M(luma.deploy.deploy_lock), V(prepare) and V(prepare_again) those
        of M(luma.deploy.bluegreen_container), which may have taken the locks itself, V(release) those of
        M(luma.deploy.release_hook), V(switch) those of M(luma.deploy.network_alias_switch), V(bake) those of
        M(luma.deploy.bake), and V(retire) those of M(luma.deploy.graceful_shutdown), which never fails the transaction.
      - V(undo) takes those of M(luma.deploy.network_alias_switch), which has gone back, and of
        M(luma.deploy.bluegreen_container), which has removed what was prepared. It reads why the run
        goes back from C(ansible_failed_result).
      - V(end) takes those of M(luma.deploy.probe) and of M(luma.deploy.hook), reports, and fails if the run did.
      - V(remove) takes those of M(luma.deploy.app_remove), and V(state) those of M(luma.deploy.app_state). Nothing is
        undone.
    type: str
    choices:
      - begin
      - services
      - lock
      - lock_again
      - prepare
      - prepare_again
      - release
      - switch
      - bake
      - retire
      - undo
      - end
      - remove
      - state
    required: true
  app:
    description: The app, as M(luma.deploy.project) returns it.
    type: dict
    required: true
  ledger:
    description: What the barrier before has returned. Without it the transaction begins.
    type: dict
    default: {}
  results_of:
    description:
      - The variables in which each host's results are registered. A host that skipped the task had no part.
      - A task that is done for each process of the app repeats itself over them with C(app_process) as C(loop_var), or
        as C(item_var) of M(luma.deploy.at_once).
    type: list
    elements: str
    default: []
  command:
    description: What the user has typed, for the report.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Deploy, or go back
  block:
    - name: Switch
      luma.deploy.network_alias_switch:
        project: shop
        app: blog
        color: green
      register: switched
      ignore_errors: true
      ignore_unreachable: true

    - name: Wait for every host to have switched
      luma.deploy.barrier:
        phase: switch
        app: "{{ app_spec }}"
        ledger: "{{ fleet }}"
        results_of: [switched]
      run_once: true
      register: fleet
  rescue:
    - name: Go back
      luma.deploy.network_alias_switch:
        project: shop
        app: blog
        color: blue
      when: fleet.processes.blog[inventory_hostname].asked
"""

RETURN = r"""
app:
  description: The app's name; not after V(services).
  type: str
  returned: if it is about an app
processes:
  description:
    - Each process' part in the transaction so far, by its name, then by the host's. An app without processes is one,
      with the app's name. What follows is what is known of one on one host.
  type: dict
  returned: always
  contains:
    skipped:
      description: Whether it cannot be reached, and is left out.
      type: bool
    locked:
      description: Whether this run has its lock.
      type: bool
    back:
      description: The color that served before, and serves again if the transaction is undone. Null without one.
      type: str
    before:
      description: Its release.
      type: str
    color:
      description: The color that is to serve; empty if it is not known yet.
      type: str
    other:
      description: The other color.
      type: str
    release:
      description: Its release.
      type: str
    image:
      description: Its image, see RV(luma.deploy.bluegreen_container#module:image).
      type: dict
    settled:
      description: Whether it served already and nothing was left to do.
      type: bool
    prepared:
      description: Whether it is complete and healthy, and can be switched to.
      type: bool
    asked:
      description: Whether the host was told to switch.
      type: bool
    retired:
      description: Whether the color that served before is gone.
      type: bool
    serves:
      description: What its users are served, the V(old) release, the V(new) one, or V(unknown).
      type: str
    problem:
      description: Why its part failed.
      type: str
    lost:
      description: Whether it did not answer at the last attempt, or its engine did not.
      type: bool
    unreachable:
      description: Whether it did not answer itself, so that nothing can be done there, such as giving back its lock.
      type: bool
    slots:
      description: See RV(luma.deploy.network_alias_switch#module:slots).
      type: dict
    slot_colors:
      description: See RV(luma.deploy.network_alias_switch#module:slot_colors).
      type: dict
first:
  description: The first host that takes part, and was not out of reach at the last attempt.
  type: str
  returned: always
first_process:
  description: The first process on that host.
  type: str
  returned: always
first_to_switch:
  description:
    - From V(prepare) on, the first host that switches, in check mode the one that would. Empty if none does.
  type: str
  returned: always
switching:
  description: What is about to serve there, to be handed to M(luma.deploy.release_hook).
  type: dict
  returned: always
  contains:
    process:
      description: The process that switches first there, of all of its processes.
      type: str
    image:
      description: Its image.
      type: str
    release:
      description: Its release.
      type: str
release:
  description: The release that the transaction is about; empty until it is known.
  type: str
  returned: always
before:
  description: The release that served before; empty without one.
  type: str
  returned: always
locked_hosts:
  description: The hosts whose lock this run has, and can give back.
  type: list
  elements: str
  returned: always
contest:
  description:
    - The locks to be asked for again. After V(prepare), the hosts that have to prepare again, for a lock of another
      run; since they gave theirs back while others have something to do; or since a record of another host gives the
      release another name.
  type: dict
  returned: always
  contains:
    hosts:
      description: On which hosts, by the name of the process.
      type: dict
    take_over:
      description: The ids of the runs that died.
      type: list
      elements: str
    wait:
      description: How long to wait for a run that is about to give way, in seconds.
      type: int
releases:
  description: From V(lock) or V(prepare) on, the releases that any host has on record, by the name of the process; see
    M(luma.deploy.deploy_lock).
  type: dict
  returned: always
waves:
  description: From V(prepare) on, the hosts that switch together, in their order.
  type: list
  elements: list
  returned: always
  sample: [[web1], [web2, web3]]
outcome:
  description: After V(retire) and V(undo), and after V(prepare) if no host switches, what the run came to.
  type: str
  returned: always
  sample: deployed
awaited_certificates:
  description: The hosts on which a certificate is on its way, if the run has come to what it is for.
  type: list
  elements: str
  returned: always
last_hook:
  description: The user's hook that is to be run at the end of a run that has come to this; empty if there is none.
  type: str
  returned: always
  sample: post_deploy
probes:
  description: After V(end), what the probe of each host saw, as M(luma.deploy.probe) returned it.
  type: dict
  returned: after V(end)
report:
  description: After V(end), a line for each host, and what users are served.
  type: list
  elements: str
  returned: if something changed
"""
