#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: overview
short_description: Put together what several hosts said
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Turns what a task returned on each host into the lines that the luma command prints.
  - A host that did not answer is named, and the task fails once it has shown the others.
  - Runs on the controller and contacts nothing.
extends_documentation_fragment:
  - luma.deploy.engine.query
options:
  of:
    description:
      - What was asked for. V(apps) takes what M(luma.deploy.app_info) returned, V(releases) what
        M(luma.deploy.release_info), V(locks) what M(luma.deploy.deploy_lock_info), V(certificates) what
        M(luma.deploy.certificate_info), V(audit) what M(luma.deploy.audit_info), V(proxies) what
        M(luma.deploy.proxy_info), V(logs) what M(luma.deploy.container_logs), and V(readiness) what
        M(luma.deploy.host_check) did.
    type: str
    choices: [apps, releases, locks, certificates, audit, proxies, logs, readiness]
    required: true
  found:
    description: What the task returned, by the host's name.
    type: dict
    required: true
  apps:
    description: The apps, as M(luma.deploy.project) returns them. Not for V(audit) and V(proxies).
    type: list
    elements: dict
    default: []
  services:
    description: The services, as M(luma.deploy.project) returns them. For V(apps) and V(logs).
    type: list
    elements: dict
    default: []
  lines:
    description: How many of the last lines to show. For V(audit).
    type: int
    default: 20
  reached_at:
    description: The address or name by which each host is reached, by the host's name. For V(readiness).
    type: dict
    default: {}
  details:
    description: Whether to show each host's containers and the proxy's view. For V(apps).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the status
  luma.deploy.overview:
    of: apps
    apps: "{{ luma_project.apps }}"
    found: "{{ dict(luma_project.hosts | zip(luma_project.hosts | map('extract', hostvars, 'luma_found'))) }}"
"""

RETURN = r"""
apps:
  description: The apps, with what each of their hosts said.
  type: list
  elements: dict
  returned: for O(of=apps), O(of=releases), O(of=locks), and O(of=certificates)
  contains:
    name:
      description: The app's name.
      type: str
    hosts:
      description:
        - Each C(host) with what its module returned of the app. C(answered) tells whether it did, C(problem) why not.
      type: list
      elements: dict
    status:
      description:
        - V(RUNNING), V(MIXED), V(STOPPED), or V(UNKNOWN) if a host did not answer. This and what follows is there
          for O(of=apps).
      type: str
    hint:
      description: What is wrong; empty if nothing is.
      type: str
    active:
      description: The active color of each host that answered.
      type: dict
    replicas:
      description: How many replicas of the active color are healthy, on all hosts.
      type: int
    wanted:
      description: How many there should be.
      type: int
    blue:
      description: How many blue containers run.
      type: int
    green:
      description: How many green containers run.
      type: int
orphans:
  description: What M(luma.deploy.app_info) returned under this name, each with its C(host).
  type: list
  elements: dict
  returned: for O(of=apps)
services:
  description:
    - The services, each with its C(host), its C(status) (V(RUNNING), V(STOPPED) or V(UNKNOWN)), a C(hint), and if it
      is there, what M(luma.deploy.app_info) returned.
  type: list
  elements: dict
  returned: for O(of=apps)
hosts:
  description: Each C(host) with what M(luma.deploy.proxy_info) returned. C(answered) tells whether it did.
  type: list
  elements: dict
  returned: for O(of=proxies)
runs:
  description: The last runs, each with the C(hosts) on which it came to the same, the newest last.
  type: list
  elements: dict
  returned: for O(of=audit)
lines:
  description: The log lines of all hosts in the order of time, as M(luma.deploy.container_logs) returned them.
  type: list
  elements: dict
  returned: for O(of=logs)
report:
  description: The lines that the luma command prints.
  type: list
  elements: str
  returned: always
"""
