#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: brings a host's luma-proxy to another image or other ports."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_update
short_description: Bring a host's luma-proxy to another image or other ports
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Replaces the container C(luma-proxy) where its image or its ports are not those of O(proxy). The routes stay. A host
    without one, which has no app with a route, is left as it is.
  - The new image has to accept the configuration first. Then a second proxy of it is started, to which new connections
    are led by rules of iptables, in front of Docker's own. Meanwhile the running proxy finishes its requests, for at
    most O(drain_timeout), and the new one is started on its ports with the servers' states. Where that fails, the
    earlier one runs again.
  - Docker gives a published port to one container at a time. Where it does not lead connections by iptables, they are
    refused from the moment in which the running proxy stops accepting them until the new one answers, about a second
    where no request takes long. What it was is measured, and returned.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  proxy:
    description: What the proxy is to be. What is left out stays as it is.
    type: dict
    default: {}
    suboptions:
      image:
        description: HAProxy's image, 3.0 or newer. It is pulled where the host does not have it.
        type: str
      http_port:
        description: The host's port for HTTP.
        type: int
      https_port:
        description: The host's port for HTTPS.
        type: int
      bind:
        description: The host's address for both.
        type: str
      proxy_protocol:
        description: Whether connections begin with the header of the PROXY protocol, as a TCP load balancer sends it.
        type: bool
      http3:
        description: Whether HTTP/3 is offered, if the image can do it.
        type: bool
      metrics:
        description:
          - The host's address and port, such as V(127.0.0.1:8404), at which Prometheus gets HAProxy's own numbers from
            C(/metrics), and luma's from C(/metrics/luma). Empty for none.
        type: str
      access_log:
        description:
          - Whether the proxy writes a line about each request, and how, beside those that fail or take long.
            V(text), which is HAProxy's HTTP log format, V(json) or V(none). V(none) if the proxy is made without it.
        type: str
  drain_timeout:
    description:
      - How long requests in flight may take, in seconds. Where no connection is accepted meanwhile, it is at most 5.
    type: float
    default: 30
attributes:
  check_mode:
    support: full
    description: Says what would be changed; changes nothing.
  diff_mode:
    support: full
    description: Shows the proxy's settings, before and after.
  idempotent:
    support: full
    description: Where the proxy is what is asked for, nothing is done.
"""

EXAMPLES = r"""
- name: Bring the proxy to a newer HAProxy
  luma.deploy.proxy_update:
    proxy:
      image: haproxy:3.2.5
"""

RETURN = r"""
before:
  description: The settings before; empty where the host has no luma-proxy.
  type: dict
  returned: success
  sample: {image: "haproxy:3.2", http_port: 80, https_port: 443, bind: "::"}
after:
  description: The settings after.
  type: dict
  returned: success
gap_seconds:
  description: How long no connection was answered.
  type: float
  returned: success
cut:
  description: How many requests and tunnels had not ended in time, and were cut.
  type: int
  returned: success
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, proxy_folder, run
from ansible_collections.luma.deploy.plugins.module_utils.module.route_options import PROXY_OPTIONS
from ansible_collections.luma.deploy.plugins.module_utils.proxy.gap import gap_in_words
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings, shown
from ansible_collections.luma.deploy.plugins.module_utils.proxy.update import Updated, update_proxy


def update(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    proxy = Proxy(engine, ProxySettings(**params["proxy"]), proxy_folder(params))
    done = update_proxy(proxy, module.check_mode, params["drain_timeout"])
    return dict(
        asdict(done),
        report=report(done, module.check_mode),
        diff={"before": dict(done.before), "after": dict(done.after)},
    )


def report(done: Updated, check_mode: bool) -> list[str]:
    if not done.after:
        return ["luma-proxy is not on this host"]
    what = "{image} on {address}:{http_port} and :{https_port}".format(address=shown(done.after["bind"]), **done.after)
    if not done.changed:
        return [f"luma-proxy is {what} already"]
    if check_mode:
        return [f"luma-proxy would be replaced by {what}"]
    lines = [f"luma-proxy is {what} now; {gap_in_words(done.gap_seconds)}"]
    if done.cut:
        lines.append(f"⚠️ {done.cut} request(s) or tunnel(s) did not end in time and were cut")
    return lines


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            proxy=PROXY_OPTIONS["proxy"],
            drain_timeout={"type": "float", "default": 30},
        ),
        supports_check_mode=True,
    )
    run(module, update)


if __name__ == "__main__":
    main()
