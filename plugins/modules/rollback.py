#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Choose what a rollback brings back
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Chooses a release among those that the hosts have on record, and returns the app as it is to be deployed again, by
    the role P(luma.deploy.app#role). It has the release's own configuration, its route, and the image that luma kept.
  - Without a name it is the previous release, the newest on record that does not serve. A release that serves again
    becomes the newest, so that a second rollback returns to where the first one began.
  - Of an app with processes, each is brought back that the last run has changed, or that has the named release on
    record. The others are deployed as they are, so that nothing of them changes.
  - The hosts that know a previous release have to mean the same, and all have to have it.
  - Runs on the controller and contacts nothing.
extends_documentation_fragment:
  - luma.deploy.engine.query
options:
  apps:
    description:
      - The app, as M(luma.deploy.project) returns it in C(whole_apps). Several are an error, which says so.
    type: list
    elements: dict
    required: true
  release:
    description:
      - The release's name, or the first digits of its configuration's hash. If several have it, the newest that does
        not serve is meant.
    type: str
    default: ""
  found:
    description:
      - What M(luma.deploy.release_info) returned, by the host's name. Without it nothing is chosen, and only O(apps) is
        checked.
    type: dict
    default: {}
  restart:
    description: Whether what serves is to be deployed once more, instead of an earlier release.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Choose the release
  luma.deploy.rollback:
    apps: "{{ luma_project.whole_apps }}"
    found: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'luma_found'))) }}"
  run_once: true
  register: luma_target

- name: Deploy it
  ansible.builtin.include_role:
    name: luma.deploy.app
  vars:
    app_spec: "{{ luma_target.app_spec }}"
"""

RETURN = r"""
app_spec:
  description: The app as it is to be deployed, as the role P(luma.deploy.app#role) takes it.
  type: dict
  returned: if O(found) is given
report:
  description: What was chosen, as the luma command prints it.
  type: list
  elements: str
  returned: if O(found) is given
"""
