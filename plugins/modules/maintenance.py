#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: begins or ends the maintenance of an app."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Begin or end the maintenance of an app
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - In maintenance luma-proxy answers every request for the app with 503 and a page that says so. The containers run on,
    health checks go on, and deployments, too.
  - It lasts until it is ended, over deployments, rollbacks, updates of the proxy and reboots.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  project:
    description: The project's name.
    type: str
    required: true
  app:
    description: The app's name.
    type: str
    required: true
  state:
    description: Whether the app is in maintenance.
    type: str
    choices: ["on", "off"]
    required: true
  allow:
    description: The addresses and networks of those who are served all the same.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Says what would be changed; changes nothing.
  diff_mode:
    support: full
    description: Shows whether it was in maintenance.
  idempotent:
    support: full
    description: If it is so already, nothing is done.
"""

EXAMPLES = r"""
- name: Tell visitors of the blog to come back later, but let the office in
  luma.deploy.maintenance:
    project: shop
    app: blog
    state: "on"
    allow: [203.0.113.0/24]
"""

RETURN = r"""
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import ipaddress
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, proxy_folder, run
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import publish
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import backend_name
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings


def set_state(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    backend, on = backend_name(params["project"], params["app"]), params["state"] == "on"
    proxy = Proxy(engine, ProxySettings(), proxy_folder(params))
    before = proxy.routes.of(backend)
    changed = proxy.set_maintenance(backend, on, networks(params["allow"]), module.check_mode)
    if changed and not module.check_mode:
        publish(module)
    after = {"maintenance": on, "allow": params["allow"]}
    return {
        "changed": changed,
        "report": [in_words(params["app"], on, params["allow"], changed)],
        "diff": {
            "before": {"maintenance": before.maintenance, "allow": list(before.maintenance_allow)} if before else {},
            "after": after,
        },
    }


def networks(given: t.Iterable[str]) -> list[str]:
    """The addresses and networks, as HAProxy takes them. Raises `LumaError` where one is none."""
    try:
        return [str(ipaddress.ip_network(each)) for each in given]
    except ValueError as exc:
        raise LumaError(f"{exc}. Nothing was changed. Give addresses such as 203.0.113.7 or 10.0.0.0/8.") from exc


def in_words(app: str, on: bool, allow: t.Sequence[str], changed: bool) -> str:
    if not on:
        return f"{app} serves everybody{' again' if changed else ''}"
    others = f", but for {', '.join(allow)}" if allow else ""
    return f"{app} is in maintenance: visitors get 503 and a page that says so{others}"


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
            state={"type": "str", "choices": ["on", "off"], "required": True},
            allow={"type": "list", "elements": "str", "default": []},
        ),
        supports_check_mode=True,
    )
    run(module, set_state)


if __name__ == "__main__":
    main()
