#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: runs the host's HAProxy and routes an app through it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy
short_description: Run the host's luma-proxy and route an app through it
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Makes the container C(luma-proxy) run, an HAProxy that all projects of a host share, on the project's network, and
    routes the app's host names to the containers that hold its alias.
  - The configuration is checked by HAProxy before it is used, and a reload keeps connections and the servers' states.
    What other apps have is not disturbed.
  - The proxy runs as a user without privileges and without capabilities. Its runtime sockets are in a folder of the
    host that only root can enter.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.health
  - luma.deploy.engine.route
  - luma.deploy.engine.https
  - luma.deploy.engine.proxy
options:
  project:
    description: The project's name. Its network is called RV(ignore:NAME)-network.
    type: str
    required: true
  app:
    description: The app's name, which is its alias on the project's network.
    type: str
    required: true
  route:
    required: true
  luma_file:
    description:
      - The absolute path of a luma.yml on the controller, beside which the secrets are that O(https) and
        O(route.basic_auth) need.
    type: path
  until_switch:
    description:
      - Leaves the route of an app that has one as it is, except that both colors get slots. A color that serves is not
        to be asked on another color's port, or for its health check. M(luma.deploy.network_alias_switch) loads the new
        route when it moves the traffic.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says what would be changed; changes nothing.
  diff_mode:
    support: full
    description: Shows HAProxy's configuration, before and after.
  idempotent:
    support: full
    description: If the proxy runs with the route, nothing is done.
"""

EXAMPLES = r"""
- name: Route blog.com to the blog
  luma.deploy.proxy:
    project: shop
    app: blog
    route:
      hosts: [blog.com, www.blog.com]
      app_port: 3000
    health_check:
      path: /up
      host: blog.com
"""

RETURN = r"""
http_port:
  description: The host's port on which the proxy accepts HTTP.
  type: int
  returned: success
  sample: 80
bind:
  description: The host's address on which it does.
  type: str
  returned: success
  sample: "::"
proxy_protocol:
  description: Whether it expects the header of the PROXY protocol there.
  type: bool
  returned: success
host:
  description: A host name that is routed to the app.
  type: str
  returned: success
  sample: blog.com
created:
  description: Whether the proxy's container was made.
  type: bool
  returned: success
reloaded:
  description: Whether the running proxy loaded a new configuration.
  type: bool
  returned: success
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    ENGINE_OPTIONS,
    HEALTH_OPTIONS,
    run,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.route_options import (
    HTTPS_OPTION,
    PROXY_OPTIONS,
    ROUTE_OPTION,
    ensure_route,
    route_difference,
    route_facts,
    route_report,
)


def ensure(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    done = ensure_route(module, engine, module.params["until_switch"])
    return dict(
        route_facts(done),
        changed=done.changed,
        report=route_report(done, module.check_mode),
        diff=route_difference(done),
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **HEALTH_OPTIONS,
            route=dict(ROUTE_OPTION, required=True),
            https=HTTPS_OPTION,
            luma_file={"type": "path"},
            until_switch={"type": "bool", "default": False},
            **PROXY_OPTIONS,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
        ),
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
