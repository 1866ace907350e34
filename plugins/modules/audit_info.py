#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tells what a host's audit log has about apps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Tell who deployed apps on a host, when, from where, and what came of it
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Each run of luma that changes an app adds a line to the host's audit log, the file C(audit.log) in O(state_dir), see
    M(luma.deploy.deploy_lock). After a megabyte a new file is begun, and the one before is kept as
    C(audit.log.1).
extends_documentation_fragment:
  - luma.deploy.engine.state
  - luma.deploy.engine.query
options:
  project:
    description: The project's name.
    type: str
    required: true
  apps:
    description: The apps' names. Without one, all that the project ever had.
    type: list
    elements: str
    default: []
  lines:
    description: How many of the last lines.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Ask what was done with the blog
  luma.deploy.audit_info:
    project: shop
    apps: [blog]
  register: found
"""

RETURN = r"""
lines:
  description: The lines, the newest last, each with what else M(luma.deploy.deploy_lock) was told to write.
  type: list
  elements: dict
  returned: success
  contains:
    at:
      description: When the run ended (RFC 3339, UTC), as the host's clock says.
      type: str
    id:
      description: The run's id, which is the same on all hosts.
      type: str
    by:
      description: Who began it.
      type: str
      sample: me@laptop
    from:
      description: The name of its controller.
      type: str
      sample: laptop
    command:
      description: Its command.
      type: str
      sample: luma deploy blog
    project:
      description: The project's name.
      type: str
    app:
      description: The app's name.
      type: str
    outcome:
      description: What came of it; V(died) if another run took its lock over.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish
from ansible_collections.luma.deploy.plugins.module_utils.run.audit import AuditLog


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": STATE_OPTION,
            "project": {"type": "str", "required": True},
            "apps": {"type": "list", "elements": "str", "default": []},
            "lines": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    params = module.params
    log = AuditLog(params["state_dir"])
    finish(module, lambda: {"changed": False, "lines": log.read(params["project"], params["apps"], params["lines"])})


if __name__ == "__main__":
    main()
