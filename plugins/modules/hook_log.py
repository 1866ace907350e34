#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: keeps on a host what a hook has written on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hook_log
short_description: Keep on a host what a hook of an app has written
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Adds lines to the file C(hook.log) in O(state_dir), from which M(luma.deploy.container_logs) returns them. After a
    megabyte a new file is begun, and the one before is kept as C(hook.log.1). Only root can read them.
  - M(luma.deploy.hook) uses it for hooks on the controller, and M(luma.deploy.release_hook) writes there by itself.
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
  hook:
    description: The hook's name.
    type: str
    required: true
  lines:
    description: What it has written; of more than 1000 lines the last ones. They get the time of the host's clock.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: none
    description: Nothing is written.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: none
    description: Lines are added each time.
"""

EXAMPLES = r"""
- name: Keep what a check has said
  luma.deploy.hook_log:
    project: shop
    app: blog
    hook: pre_deploy
    lines: "{{ checked.stdout_lines }}"
"""

RETURN = r""" # """

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.host.hook_log import HookLog, in_nanoseconds
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish


def keep(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    at = in_nanoseconds(time.time())
    written = [(at, line) for line in params["lines"]]
    HookLog(params["state_dir"]).add(params["project"], params["app"], params["hook"], written)
    return {"changed": True}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": STATE_OPTION,
            "project": {"type": "str", "required": True},
            "app": {"type": "str", "required": True},
            "hook": {"type": "str", "required": True},
            # What a hook says is for nobody's system log.
            "lines": {"type": "list", "elements": "str", "required": True, "no_log": True},
        },
    )
    finish(module, lambda: keep(module.params))


if __name__ == "__main__":
    main()
