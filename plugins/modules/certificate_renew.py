#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: has an app's certificate renewed now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_renew
short_description: Renew the certificate of an app now
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Has the agent on the host (C(luma-acme)) order a new certificate, although the one that is there is good for longer,
    or the agent waits after an attempt that failed. Use it on one host of the app, and with O(serial) on the others.
  - Returns when luma-proxy serves the new one.
  - CAs give only a few certificates for the same names, Let's Encrypt five in a week.
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
  serial:
    description:
      - The serial number of the certificate that another host of the app has got. It is taken over, and none is
        ordered. Without this call that happens within an hour.
    type: str
  wait:
    description: How long to wait for it, in seconds.
    type: float
    default: 120
attributes:
  check_mode:
    support: full
    description: Nothing is ordered.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: partial
    description: Each run orders a certificate; with O(serial) none does.
"""

EXAMPLES = r"""
- name: Renew the certificate of the blog
  luma.deploy.certificate_renew:
    project: shop
    app: blog
  run_once: true
"""

RETURN = r"""
report:
  description: The same for people.
  type: list
  elements: str
  returned: success
certificate:
  description: What is served then, see RV(luma.deploy.certificate_info#module:apps[].certificate).
  type: dict
  returned: success
"""

import time
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.acme.info import POLL, ask_agent, certificate_info, in_words
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import backend_name


def work(module: AnsibleModule) -> dict[str, t.Any]:
    params = module.params
    folder, backend = Path(params["state_dir"], "proxy"), backend_name(params["project"], params["app"])
    before = certificate_info(folder, backend)
    if before is None:
        raise LumaError(f"{params['app']} has no HTTPS on this host. Nothing was changed.")
    if module.check_mode or before["serial"] == params["serial"]:
        return {"changed": before["serial"] != params["serial"], "certificate": before, "report": []}
    ask_agent(folder, backend, "look" if params["serial"] else "renew")
    deadline = time.monotonic() + params["wait"]
    while True:
        now = certificate_info(folder, backend)
        if now and (now["serial"] == params["serial"] if params["serial"] else now["serial"] != before["serial"]):
            return {"changed": True, "certificate": now, "report": [f"HTTPS of {params['app']}: {in_words(now)}"]}
        if now and now["problem"] and now["problem_at"] != before["problem_at"]:
            raise LumaError(f"The certificate of {params['app']} was not renewed: {now['problem']}")
        if time.monotonic() >= deadline:
            raise LumaError(
                f"There is no new certificate of {params['app']} after {params['wait']:g} s. See what the agent says "
                "with: docker logs luma-acme"
            )
        time.sleep(POLL)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": STATE_OPTION,
            "project": {"type": "str", "required": True},
            "app": {"type": "str", "required": True},
            "serial": {"type": "str"},
            "wait": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
