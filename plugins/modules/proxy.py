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
options:
  project:
    description: The project's name. Its network is called RV(ignore:NAME)-network.
    type: str
    required: true
  app:
    description: The app's name, which is its alias on the project's network.
    type: str
    required: true
  image:
    description: HAProxy's image, 3.0 or newer. It is pulled where the host does not have it.
    type: str
    default: haproxy:3.2
  http_port:
    description:
      - The host's port for HTTP, 80 where the proxy is made without it.
      - A proxy that runs is not changed, since other projects use it; where it differs, the result says so. The same
        goes for O(https_port), O(bind) and O(image).
    type: int
  https_port:
    description: The host's port for HTTPS, 443 where the proxy is made without it. It is published, and unused yet.
    type: int
  bind:
    description: The host's address for both, all addresses where the proxy is made without it.
    type: str
  hosts:
    description: The host names whose requests the app gets.
    type: list
    elements: str
    required: true
  app_port:
    description: The port that the app listens on.
    type: int
    default: 80
  replicas:
    description: How many replicas the app has on this host; there are slots for both colors.
    type: int
    default: 1
  check_path:
    description:
      - The path that the proxy checks, every 30 seconds while it answers and every 200 ms while it does not.
      - Empty for a check that only connects.
    type: str
    default: /up
  check_host:
    description: The Host header of the check.
    type: str
    default: localhost
  check_timeout:
    description: How long the check's answer may take, in seconds.
    type: float
    default: 5
  response_timeout:
    description: How long the app may be silent while it owes an answer, in seconds. After that the client gets a 504.
    type: float
    default: 30
  forward_headers:
    description:
      - Whether C(X-Forwarded-For), C(X-Forwarded-Proto) and C(X-Forwarded-Host) of the client are passed on, as behind
        another proxy. Otherwise they are set anew.
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
    description: Where the proxy runs with the route, nothing is done.
"""

EXAMPLES = r"""
- name: Route blog.com to the blog
  luma.deploy.proxy:
    project: shop
    app: blog
    hosts: [blog.com, www.blog.com]
    app_port: 3000
    check_host: blog.com
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
  sample: 0.0.0.0
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
from ansible_collections.luma.deploy.plugins.module_utils._colors import App
from ansible_collections.luma.deploy.plugins.module_utils._engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils._module import ENGINE_OPTIONS, proxy_folder, run
from ansible_collections.luma.deploy.plugins.module_utils._proxy import Proxy, ProxySettings, Reconciled
from ansible_collections.luma.deploy.plugins.module_utils._proxy_config import Route, slots_for


def ensure(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    settings = ProxySettings(params["image"], params["http_port"], params["https_port"], params["bind"])
    route = Route(
        project=params["project"],
        app=params["app"],
        network=App(params["project"], params["app"]).network,
        hosts=tuple(params["hosts"]),
        app_port=params["app_port"],
        check_path=params["check_path"],
        check_host=params["check_host"],
        check_timeout=params["check_timeout"],
        response_timeout=params["response_timeout"],
        forward_headers=params["forward_headers"],
        slots=slots_for(params["replicas"]),
    )
    done = Proxy(engine, settings, proxy_folder(params)).ensure(route, module.check_mode)
    return {
        "changed": done.changed,
        "http_port": done.http_port,
        "bind": done.bind,
        "created": done.created,
        "reloaded": done.reloaded,
        "report": report(done),
        "diff": {
            "before_header": "haproxy.cfg",
            "before": done.before,
            "after_header": "haproxy.cfg",
            "after": done.after,
        },
    }


def report(done: Reconciled) -> list[str]:
    lines = list(done.notes)
    if done.created:
        lines.append(f"Started luma-proxy on {done.bind}:{done.http_port}")
    elif done.started:
        lines.append("Started luma-proxy, which was stopped")
    if done.reloaded:
        lines.append("luma-proxy loaded its new configuration")
    return lines


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
            image={"type": "str", "default": "haproxy:3.2"},
            http_port={"type": "int"},
            https_port={"type": "int"},
            bind={"type": "str"},
            hosts={"type": "list", "elements": "str", "required": True},
            app_port={"type": "int", "default": 80},
            replicas={"type": "int", "default": 1},
            check_path={"type": "str", "default": "/up"},
            check_host={"type": "str", "default": "localhost"},
            check_timeout={"type": "float", "default": 5},
            response_timeout={"type": "float", "default": 30},
            forward_headers={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
