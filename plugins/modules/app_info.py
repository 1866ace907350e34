#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tells what runs of a project on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_info
short_description: Tell what runs of a project on a host, and whether it is healthy
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Finds the containers of apps and services by their labels, probes every replica once, and asks the proxy for its
    view.
  - It changes nothing and takes no lock.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.query
  - luma.deploy.engine.orphans
options:
  project:
    description: The project's name.
    type: str
    required: true
  apps:
    description:
      - The apps, each as M(luma.deploy.project) returns it. Of its keys C(name), C(proxied), C(health_check)
        and C(secrets) are used.
    type: list
    elements: dict
    required: true
  details:
    description: Whether to measure CPU and memory, which takes about two seconds.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at the blog
  luma.deploy.app_info:
    project: shop
    apps:
      - name: blog
        proxied: true
        health_check:
          path: /up
          port: 3000
          host: blog.com
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
    active:
      description: The color that holds the alias, null if none does.
      type: str
      sample: green
    last_release:
      description: The newest release on record, null if none is, empty if the record cannot be read.
      type: str
      sample: 3f2a9c81d0b7
    containers:
      description: Its containers, of both colors.
      type: list
      elements: dict
      contains:
        name:
          description: The container's name.
          type: str
          sample: blog-green-1
        color:
          description: Its color.
          type: str
        status:
          description: Its status, as the engine tells it.
          type: str
          sample: running
        running:
          description: Whether it runs.
          type: bool
        healthy:
          description: Whether it has just passed its health check.
          type: bool
        saw:
          description: What the health check saw.
          type: str
          sample: GET http://10.201.0.3:3000/up with Host blog.com answered 200 OK
        release:
          description: Its release.
          type: str
        image_id:
          description: Its image's id.
          type: str
        config_hash:
          description: The hash of its configuration.
          type: str
        since:
          description: When it was made (RFC 3339).
          type: str
        schedule:
          description: When cron starts it; null for what runs always.
          type: str
        finished:
          description: When it ended last, in UTC; null if it never ran.
          type: str
        exit_code:
          description: How it ended last; null if it never ran.
          type: int
        restarts:
          description: How often Docker has started it again.
          type: int
        sessions:
          description: The requests and tunnels in flight on it, null if the proxy has no slot for it.
          type: int
        cpu_percent:
          description: CPU over the last second, in percent of one core. Only with O(details=true).
          type: float
        memory_bytes:
          description: Memory in bytes, without the page cache. Only with O(details=true).
          type: int
    proxy:
      description:
        - The proxy's view, null if it does not route the app or does not answer.
        - Its counts start again from 0 after a reload.
      type: dict
      contains:
        backend:
          description: The backend's name.
          type: str
          sample: shop:blog
        slots:
          description: How many replicas fit.
          type: int
        serving:
          description: How many slots get requests.
          type: int
        held:
          description: How many slots get none, for a switch or a drain.
          type: int
        sessions:
          description: The requests and tunnels in flight.
          type: int
        requests:
          description: How many there were.
          type: int
        errors:
          description: How many were answered 5xx, found no connection, or broke off.
          type: int
    maintenance:
      description: Whether it is in maintenance, see M(luma.deploy.maintenance).
      type: bool
    paused:
      description: Whether it has a schedule, and cron does not start it, see M(luma.deploy.app_state).
      type: bool
    certificate:
      description: See RV(luma.deploy.certificate_info#module:apps[].certificate).
      type: dict
    proxy_problem:
      description: Why the proxy could not be asked; empty if it could.
      type: str
orphans:
  description: Apps of the project that have containers on the host, though luma.yml does not name them for it.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The app's name.
      type: str
    containers:
      description: The names of its containers.
      type: list
      elements: str
    running:
      description: How many of them run.
      type: int
    hosts:
      description: The host names that luma-proxy routes to it.
      type: list
      elements: str
    elsewhere:
      description: Whether luma.yml names the app, for other hosts.
      type: bool
services:
  description: The project's services.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The service's name.
      type: str
    container:
      description: Its container's name.
      type: str
    image:
      description: Its image.
      type: str
    running:
      description: Whether it runs.
      type: bool
    status:
      description: Its status in the engine's words.
      type: str
      sample: Up 3 hours
"""

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.acme.info import certificate_info
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    ENGINE_OPTIONS,
    health_check_of,
    proxy_folder,
    run,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.status import app_info, is_paused, services_info
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck
from ansible_collections.luma.deploy.plugins.module_utils.release.orphans import ORPHAN_OPTIONS, orphans_for
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Releases
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule


def look(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    haproxy = Haproxy(proxy_folder(params) / "run")

    def look_at(spec: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        def check_of(image: t.Mapping[str, t.Any] | None) -> HealthCheck:
            return health_check_of({"health_check": spec.get("health_check")}, image)

        proxy = haproxy if spec.get("proxied") else None
        app, secrets = App(params["project"], spec["name"]), spec.get("secrets") or ()
        found = app_info(engine, proxy, app, check_of, params["details"], secrets)
        certificate = None
        with contextlib.suppress(LumaError):
            # That the proxy does not answer is told already.
            certificate = certificate_info(haproxy.folder.parent, app.backend)
        route = Routes(proxy_folder(params) / "routes").of(app.backend)
        return dict(
            found,
            last_release=Releases(params["state_dir"], app).last(),
            certificate=certificate,
            maintenance=bool(route and route.maintenance),
            paused=is_paused(found, Schedule(engine, app, params["state_dir"])),
        )

    return {
        "changed": False,
        "apps": in_parallel(look_at, params["apps"]),
        "orphans": orphans_for(engine, Routes(proxy_folder(params) / "routes"), params),
        "services": services_info(engine, params["project"]),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            apps={"type": "list", "elements": "dict", "required": True},
            details={"type": "bool", "default": False},
            **ORPHAN_OPTIONS,
        ),
        supports_check_mode=True,
    )
    run(module, look)


if __name__ == "__main__":
    main()
