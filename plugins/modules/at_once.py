#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: at_once
short_description: Run a module for several items at the same time
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Does what a loop does, but a loop begins with an item once the one before it is done. The processes of an app on a
    host are prepared, watched and retired so.
  - Each item has a process on the controller and a connection to the host.
  - If one of them fails, the others are done nevertheless, and the task fails, as with a loop.
options:
  module:
    description: The module's full name.
    type: str
    required: true
  items:
    description: What the module is run for.
    type: list
    elements: dict
    required: true
  item_var:
    description: The name of the variable that is one of O(items) in the expressions of O(arguments) and O(condition).
    type: str
    required: true
  arguments:
    description:
      - The module's arguments. Strings are Jinja expressions as in C(when), without braces, and are evaluated for each
        item. Text is put in quotes in it, as in V("'stopped'").
      - What C(module_defaults) has for the module's full name is added to them.
    type: dict
    required: true
  condition:
    description: An expression that says whether an item is meant. Without it, all of them are.
    type: str
attributes:
  check_mode:
    support: full
    description: The module runs in check mode.
  diff_mode:
    support: full
    description: Shows the differences that the module returns.
"""

EXAMPLES = r"""
- name: Stop the apps of this host
  luma.deploy.at_once:
    module: luma.deploy.app_state
    items: "{{ luma_project.apps }}"
    item_var: app
    condition: inventory_hostname in app.hosts
    arguments:
      project: luma_project.project
      app: app.name
      state: "'stopped'"
"""

RETURN = r"""
results:
  description:
    - What the module returned for each item, in the order of O(items), with the item by the name in O(item_var).
    - One that is not meant has V(true) in C(skipped), one whose host could not be reached in C(unreachable).
  type: list
  elements: dict
  returned: always
  contains:
    times:
      description: When work on the item began and ended, in seconds of the controller's monotonic clock.
      type: list
      elements: float
"""
