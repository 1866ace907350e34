#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tells who holds the locks of apps on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock_info
short_description: Tell who holds the locks of apps on a host
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Tells which run of luma holds the lock of each app, see M(luma.deploy.deploy_lock), and its last sign of life.
extends_documentation_fragment:
  - luma.deploy.engine.state
  - luma.deploy.engine.query
options:
  project:
    description: The project's name.
    type: str
    required: true
  apps:
    description: The apps' names.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Ask who deploys the blog
  luma.deploy.deploy_lock_info:
    project: shop
    apps: [blog]
  register: found
"""

RETURN = r"""
apps:
  description: The apps, in the order in which they were asked for.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The app's name.
      type: str
    holder:
      description: The run that holds the lock, as M(luma.deploy.deploy_lock) returns it, null if none does.
      type: dict
    words:
      description: The same for people, empty if no run holds it.
      type: str
      sample: me@laptop (luma deploy blog, process 4711) since 2026-11-23 03:57:15 UTC, last sign of life 2 s ago
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Lock


def look(lock: Lock) -> dict[str, t.Any]:
    holder = lock.read()
    return {
        "name": lock.app,
        "holder": holder.facts() if holder else None,
        "words": str(holder) if holder else "",
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": STATE_OPTION,
            "project": {"type": "str", "required": True},
            "apps": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    locks = [Lock(params["state_dir"], params["project"], app) for app in params["apps"]]
    finish(module, lambda: {"changed": False, "apps": [look(lock) for lock in locks]})


if __name__ == "__main__":
    main()
