#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notify
short_description: Tell others what a deployment came to
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Sends to the URLs of C(notify) in luma.yml what a deployment came to, by a POST from the controller, to all of them
    at the same time.
  - It never fails because of them. Who could not be told within 10 seconds is named in a warning, by the host of the
    URL only, since the rest may be secret.
options:
  luma_file:
    description: The path of luma.yml on the controller. Values of secrets are looked up beside it.
    type: path
    required: true
  app:
    description: The app, as the action M(luma.deploy.project) returns it in C(whole_apps).
    type: dict
    required: true
  ledger:
    description: What M(luma.deploy.barrier) has returned after the last phase that had one.
    type: dict
    required: true
  run:
    description: This run, as the action M(luma.deploy.project) returns it.
    type: dict
    required: true
  failed:
    description: Whether the run ends with an error.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Nobody is told.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: none
    description: Others are told each time.
"""

EXAMPLES = r"""
- name: Tell others
  luma.deploy.notify:
    luma_file: /srv/shop/luma.yml
    app: "{{ app_spec }}"
    ledger: "{{ app_fleet }}"
    run: "{{ luma_project.run }}"
"""

RETURN = r"""
notice:
  description: What was sent. C(docs/monitoring.md) has its keys.
  type: dict
  returned: always
"""
