#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: removal
short_description: Ask before an app is removed
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Says on the terminal what the hosts have of an app, and asks whether it is to be removed.
  - Fails if the answer is no, if there is no terminal, and if a host did not tell what it has.
  - If no host has anything of the app, and in check mode, nothing is asked.
  - Runs on the controller and contacts nothing.
extends_documentation_fragment:
  - luma.deploy.engine.query
options:
  app:
    description: The app, as M(luma.deploy.project) returns it in C(whole_apps) with C(removal=true).
    type: dict
    required: true
  found:
    description:
      - What M(luma.deploy.app_remove) returned in check mode, by the host's name. If the app has processes, that task
        repeats itself over them, with C(app_process) as C(loop_var).
    type: dict
    required: true
  "yes":
    description: Whether the answer is known to be yes, so that nobody is asked.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at what each host has of the blog
  luma.deploy.app_remove:
    project: shop
    app: blog
  check_mode: true
  register: found

- name: Ask whether to remove it
  luma.deploy.removal:
    app: "{{ luma_project.whole_apps[0] }}"
    found: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'found'))) }}"
  run_once: true
  register: removal
"""

RETURN = r"""
wanted:
  description: Whether there is something to remove, and it is to be removed.
  type: bool
  returned: always
report:
  description: What should be known, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""
