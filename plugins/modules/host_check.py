#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks whether a host is ready for a deployment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Look whether this host is ready for a deployment
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Looks at the engine and its version, the free space for images, the ports that luma-proxy is going to take, and
    whether the images are for this host's processor.
  - What would make a deployment fail is in what it returns, and does not fail the task.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.query
options:
  proxy:
    description: The settings of luma-proxy in luma.yml, of which C(http_port) and C(https_port) are looked at.
    type: dict
    default: {}
  apps:
    description: The apps of this host, as M(luma.deploy.project) returns them.
    type: list
    elements: dict
    default: []
  services:
    description: The services of this host, as M(luma.deploy.project) returns them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: See whether the hosts are ready
  luma.deploy.host_check:
    apps: "{{ luma_project.apps }}"
"""

RETURN = r"""
docker:
  description: The engine's version.
  type: str
  returned: success
architecture:
  description: The host's architecture, as Docker calls it.
  type: str
  returned: success
  sample: amd64
free_bytes:
  description: How much room there is for images.
  type: int
  returned: success
findings:
  description: What is not as it has to be; each has a C(level), V(error) or V(warning), and a C(text).
  type: list
  elements: dict
  returned: success
"""

import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.readiness import ERROR, readiness
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, proxy_folder, run
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import has_cron, without_cron


def look(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    found = asdict(readiness(engine, ports_to_take(params, engine), images(params)))
    scheduled = [app["name"] for app in params["apps"] if app.get("schedule")]
    found["findings"] += [(ERROR, without_cron(name)) for name in scheduled if not has_cron()]
    found["findings"] = [{"level": level, "text": text} for level, text in found["findings"]]
    return dict(found, changed=False)


def images(params: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The images that are going to run here."""
    built = [(entry["image"], entry.get("build")) for entry in [*params["apps"], *params["services"]]]
    return [{"name": name, "built": bool(build), "platforms": (build or {}).get("platform")} for name, build in built]


def ports_to_take(params: t.Mapping[str, t.Any], engine: Engine) -> dict[str, int]:
    """The ports of a proxy that does not run yet, by their keys in luma.yml."""
    settings = ProxySettings(**params["proxy"])
    proxy = Proxy(engine, settings, proxy_folder(params)).container()
    if not any(app["proxied"] for app in params["apps"]) or (proxy is not None and proxy.running):
        return {}
    return {key: settings.of_a_new_one[key] for key in ("http_port", "https_port")}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            proxy={"type": "dict", "default": {}},
            apps={"type": "list", "elements": "dict", "default": []},
            services={"type": "list", "elements": "dict", "default": []},
        ),
        supports_check_mode=True,
    )
    run(module, look)


if __name__ == "__main__":
    main()
