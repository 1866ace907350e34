#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: removes an app from a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_remove
short_description: Remove an app from a host
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Takes the app's route out of luma-proxy, which from then on answers its host names as it does unknown ones. Waits
    until the requests in flight have ended, for O(drain_timeout) at the most. Then stops and removes the containers of
    both colors, and removes the record of the app's releases and the images that were kept for it.
  - Volumes, the project's network, its services and its other apps stay.
  - Only what luma made is removed, containers by their labels, and images by the names that luma gave, as
    M(luma.deploy.prune) does. An image that another container or another release on record needs stays.
  - A run that died is finished by the next one.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.run
options:
  project:
    description: The project's name.
    type: str
    required: true
  app:
    description: The app's name.
    type: str
    required: true
  drain_timeout:
    description:
      - How long requests in flight may take, in seconds.
      - Without it, what the newest release on record had, or else 30.
    type: float
  stream_drain_timeout:
    description:
      - How long answers that have begun may go on, in seconds.
      - Without it, what the newest release on record had, or else as long as O(drain_timeout).
    type: float
  stop_timeout:
    description:
      - How long containers have between their stop signal and SIGKILL, in seconds.
      - Without it, what the newest release on record had, or else 30.
    type: float
attributes:
  check_mode:
    support: full
    description: Says what would be removed; changes nothing.
  diff_mode:
    support: full
    description: Shows what the host has of the app, before and after.
  idempotent:
    support: full
    description: If the host has nothing of the app, nothing is done.
"""

EXAMPLES = r"""
- name: Remove the blog
  luma.deploy.app_remove:
    project: shop
    app: blog
    drain_timeout: 60
"""

RETURN = r"""
present:
  description: Whether the host had anything of the app.
  type: bool
  returned: success
containers:
  description: The containers that were removed, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: [blog-green-1, blog-green-2]
running:
  description: How many of them ran.
  type: int
  returned: success
hosts:
  description: The host names that luma-proxy routed to the app.
  type: list
  elements: str
  returned: success
  sample: [blog.com]
releases:
  description: The releases that were on record.
  type: list
  elements: str
  returned: success
images:
  description: The names of images that were removed, or the ids of those without a name.
  type: list
  elements: str
  returned: success
sessions:
  description: The requests and tunnels that were in flight.
  type: int
  returned: success
sessions_cut:
  description: How many of them were still in flight after O(drain_timeout), and were cut.
  type: int
  returned: success
streams_closed:
  description: How many of them were closed before, since O(stream_drain_timeout) was over.
  type: int
  returned: success
killed:
  description: The containers that were still running after O(stop_timeout).
  type: list
  elements: str
  returned: success
locked:
  description: True if the run does not hold the app's lock.
  type: bool
  returned: failure
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import typing as t
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    ENGINE_OPTIONS,
    app_of,
    proxy_folder,
    run_held,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import series_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import report as drain_report
from ansible_collections.luma.deploy.plugins.module_utils.release.removal import TIMEOUTS, Remains, Removal, Removed
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held


def remove(module: AnsibleModule, engine: Engine, _held: Held) -> dict[str, t.Any]:
    params = module.params
    removal = Removal(
        engine,
        Proxy(engine, ProxySettings(), proxy_folder(params)),
        app_of(params),
        params["state_dir"],
        {name: params[name] for name in TIMEOUTS},
    )
    found = removal.find()
    done = Removed(images=found.images)
    if found.any and not module.check_mode:
        done = removal.remove(found)
    if not module.check_mode:
        with series_of(module) as series:
            series.forget(params["project"], params["app"])
    for warning in done.warnings:
        module.warn(warning)
    before = {
        "containers": found.container_names,
        "hosts": list(found.hosts),
        "releases": [release.release for release in found.releases],
        "images": list(done.images),
    }
    return dict(
        before,
        changed=found.any,
        present=found.any,
        running=sum(c.running for c in found.containers),
        sessions=done.drained.sessions,
        sessions_cut=done.drained.cut,
        streams_closed=done.drained.streams,
        killed=[container.name for container in done.stopped if container.killed],
        diff={"before": before, "after": {kind: [] for kind in before}},
        report=[] if module.check_mode else report(params["app"], found, done),
    )


def report(app: str, found: Remains, done: Removed) -> list[str]:
    if not found.any:
        return [f"Nothing to remove: there is nothing of {app}"]
    lines = []
    if found.hosts:
        lines.append(f"luma-proxy no longer routes {', '.join(found.hosts)}")
    lines += drain_report(app, replace(done.drained, containers=done.stopped))
    what = ", ".join([*found.container_names, *in_words(found, done)])
    return [*lines, f"Removed {what}"] if what else lines


def in_words(found: Remains, done: Removed) -> list[str]:
    """What is removed beside containers."""
    counts = {"release(s) on record": len(found.releases), "image name(s)": len(done.images)}
    return [f"{number} {what}" for what, number in counts.items() if number]


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            run=RUN_OPTION,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
            **{name: {"type": "float"} for name in TIMEOUTS},
        ),
        supports_check_mode=True,
    )
    run_held(module, remove)


if __name__ == "__main__":
    main()
