#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hook
short_description: Run a hook of luma.yml where Ansible runs
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Runs a command on the controller, without a shell. It gets the environment of Ansible itself, E(LUMA_HOOK), and
    O(environment).
  - If the command fails, the message has the last 20 lines of its output.
  - The command, and all that it has started, is ended with SIGTERM, and 10 seconds later with SIGKILL, when the user
    presses Ctrl-C, when Ansible ends, and when O(lock) has been taken over.
options:
  name:
    description: The hook's name, such as V(pre_deploy), for messages and E(LUMA_HOOK).
    type: str
    required: true
  command:
    description: The command and its arguments.
    type: list
    elements: str
    required: true
  folder:
    description: The folder in which it runs, and to which a program such as V(./hooks/check) is relative.
    type: path
    default: .
  environment:
    description: Environment variables for the command. C(docs/hooks.md) has those that luma gives.
    type: dict
    default: {}
  log_of:
    description: The app under whose name its output is kept, if that of O(lock) is a process of one.
    type: str
  lock:
    description:
      - The lock of an app that this run holds on the task's host. It is renewed there every 20 seconds.
      - What the command writes is kept on that host as well, see M(luma.deploy.hook_log).
      - Without it, nothing is contacted.
    type: dict
    suboptions:
      project:
        description: The project's name.
        type: str
        required: true
      app:
        description: The app's name.
        type: str
        required: true
      run:
        description: The id of the run that holds the lock.
        type: str
        required: true
attributes:
  check_mode:
    support: full
    description: Says what would be run. What a hook changes is not known.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: none
    description: The command is run each time.
"""

EXAMPLES = r"""
- name: See that everybody agrees
  luma.deploy.hook:
    name: pre_deploy
    command: [./hooks/check, --strict]
    folder: /srv/shop
    environment:
      LUMA_APP: blog
      LUMA_RELEASE: 3f2a9c8
"""

RETURN = r"""
name:
  description: The hook's name.
  type: str
  returned: always
  sample: post_deploy
app:
  description: The app of O(lock), null without it.
  type: str
  returned: always
rc:
  description: The command's exit code, negative if a signal killed it.
  type: int
  returned: when it was started
  sample: 0
seconds:
  description: How long it ran.
  type: float
  returned: when it was started
  sample: 1.204
stdout_lines:
  description: What it wrote, to both of its outputs; of a long output the last 100 kB.
  type: list
  elements: str
  returned: when it was started
interrupted:
  description: Whether it was ended by Ctrl-C.
  type: bool
  returned: when it was
locked:
  description: Whether it was ended since another run has the lock.
  type: bool
  returned: when it was
report:
  description: What it wrote, and that it has run, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""
