#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tells which certificates a host serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Tell which certificates a host serves for its apps
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Tells what luma-proxy serves for each app that is reached by HTTPS, and what keeps a certificate from being there.
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
  wait:
    description: How long to wait for certificates that are on their way, in seconds.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Ask for the certificate of the blog
  luma.deploy.certificate_info:
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
    certificate:
      description: Its certificate; null if it has no HTTPS on this host.
      type: dict
      contains:
        names:
          description: The names for which browsers accept it, and which are redirected from HTTP.
          type: list
          elements: str
        missing:
          description: The names for which a CA is to give one and has not yet.
          type: list
          elements: str
        expires:
          description: When what luma-proxy serves ends (RFC 3339).
          type: str
        days:
          description: How many days that is from now; null for a self-signed certificate.
          type: int
        issuer:
          description: Who has issued it.
          type: str
        serial:
          description: Its serial number in hexadecimal digits.
          type: str
        source:
          description: Where it is from; V(ca), V(peer ADDRESS) for another host of the app, V(own), or V(self-signed).
          type: str
        problem:
          description: What went wrong the last time, and what to do; empty if nothing did.
          type: str
        problem_at:
          description: When that was (RFC 3339).
          type: str
        next_try:
          description: When it is tried again (RFC 3339); null if that is not set.
          type: str
        pending:
          description: Whether one is on its way, and nothing has gone wrong so far.
          type: bool
report:
  description: The same for people.
  type: list
  elements: str
  returned: with O(wait)
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.acme.info import in_words, wait_for_certificate
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import backend_name


def look(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    folder, project, wait = Path(params["state_dir"], "proxy"), params["project"], params["wait"]
    found = {app: wait_for_certificate(folder, backend_name(project, app), wait) for app in params["apps"]}
    apps = [{"name": app, "certificate": certificate} for app, certificate in found.items()]
    report = [f"HTTPS of {app}: {in_words(certificate)}" for app, certificate in found.items()]
    return {"changed": False, "apps": apps, "report": report if wait else []}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": STATE_OPTION,
            "project": {"type": "str", "required": True},
            "apps": {"type": "list", "elements": "str", "required": True},
            "wait": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: look(module.params))


if __name__ == "__main__":
    main()
