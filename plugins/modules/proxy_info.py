#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tells what a host's luma-proxy is and does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_info
short_description: Tell what a host's luma-proxy is, and how it serves its apps
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Tells the version, the ports and the routes of the proxy that all projects of a host share.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.query
"""

EXAMPLES = r"""
- name: Look at the proxy
  luma.deploy.proxy_info:
  register: found
"""

RETURN = r"""
running:
  description: Whether the proxy runs. If it does not, RV(status) is the only other value.
  type: bool
  returned: success
status:
  description: What is to be said if it does not run.
  type: str
  returned: success
  sample: is not on this host
version:
  description: HAProxy's version.
  type: str
  returned: success
  sample: 3.2.4
image:
  description: The image that it was made from.
  type: str
  returned: success
http_port:
  description: The host's port for HTTP.
  type: int
  returned: success
https_port:
  description: The host's port for HTTPS.
  type: int
  returned: success
bind:
  description: The host's address for both.
  type: str
  returned: success
since:
  description: When its container was made (RFC 3339).
  type: str
  returned: success
connections:
  description: How many connections are open.
  type: int
  returned: success
routes:
  description: The apps that it routes, of all projects.
  type: list
  elements: dict
  returned: success
  contains:
    project:
      description: The project.
      type: str
    app:
      description: The app.
      type: str
    hosts:
      description: The host names.
      type: list
      elements: str
    path_prefix:
      description: The beginnings of paths that the app has, all without one.
      type: list
      elements: str
    app_port:
      description: The port of the app.
      type: int
    backend:
      description: How it is served, see RV(luma.deploy.app_info#module:apps[].proxy).
      type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, proxy_folder, run
from ansible_collections.luma.deploy.plugins.module_utils.module.status import backend_info
from ansible_collections.luma.deploy.plugins.module_utils.proxy.container import settings_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings


def look(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    proxy = Proxy(engine, ProxySettings(), proxy_folder(module.params))
    container = proxy.container()
    if container is None or not container.running:
        status = f"is {container.status}" if container else "is not on this host"
        return {"changed": False, "running": False, "status": status}
    routes = [
        {
            "project": route.project,
            "app": route.app,
            "hosts": list(route.hosts),
            "path_prefix": list(route.paths),
            "app_port": route.app_port,
            "backend": backend_info(proxy.haproxy, route.backend),
        }
        for route in proxy.routes.all()
    ]
    return dict(
        settings_of(container),
        changed=False,
        running=True,
        status="runs",
        version=proxy.haproxy.version(),
        since=container.created,
        connections=proxy.haproxy.connections(),
        routes=routes,
    )


def main() -> None:
    run(AnsibleModule(argument_spec=ENGINE_OPTIONS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
