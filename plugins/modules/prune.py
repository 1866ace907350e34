#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: removes what a project left on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Remove what a project left on a host and nothing needs
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Removes the project's stopped containers of colors that are not active; the routes and the records of apps that
    luma.yml no longer names and that have no container; and the images and the sent files that no container and none of
    the releases on record needs.
  - Nothing is removed while a run of luma holds the lock of one of the project's apps, see
    M(luma.deploy.deploy_lock), and gives signs of life. A run that begins meanwhile waits.
  - Only what luma made is removed, containers by the label C(luma.project), and images by the names that luma gave.
    Those are C(luma/PROJECT/APP:ID) and, if the image has the label C(luma.project), C(luma/sent:ID) and the names
    in the repository that it was built under, the label C(luma.repository). Under a name that somebody else gave, an
    image stays.
  - An image with the label and without any name is removed, too, and so is one that was pulled for a release and whose
    tag means another image by now, so that it has no name but a digest.
  - A container that a deployment starts meanwhile stays, with its image.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  project:
    description: The project's name.
    type: str
    required: true
  apps:
    description: The names of all apps that luma.yml has.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Lists what would be removed; changes nothing.
  diff_mode:
    support: full
    description: Shows what is there, before and after.
  idempotent:
    support: full
    description: If nothing is left over, nothing is done.
"""

EXAMPLES = r"""
- name: Remove what the shop left
  luma.deploy.prune:
    project: shop
    apps: [blog, api]
"""

RETURN = r"""
containers:
  description: The containers that were removed.
  type: list
  elements: str
  returned: success
routes:
  description: The proxy's backends that were removed.
  type: list
  elements: str
  returned: success
records:
  description: The apps whose record of releases was removed.
  type: list
  elements: str
  returned: success
files:
  description: The folders of files that were sent (C(files) in luma.yml) and that were removed.
  type: list
  elements: str
  returned: success
  sample: [/var/lib/luma/files/shop/blog/9c04e7b1a2f53d61]
images:
  description: The names of images that were removed, or the ids of those without a name.
  type: list
  elements: str
  returned: success
freed_mb:
  description: By how many megabytes the free space grew meanwhile; null in check mode.
  type: float
  returned: success
locked:
  description: True if a run of luma holds the lock of one of the project's apps.
  type: bool
  returned: failure
holder:
  description: That run, as M(luma.deploy.deploy_lock) returns it.
  type: dict
  returned: when an app is locked
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
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import series_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.release.orphans import orphans
from ansible_collections.luma.deploy.plugins.module_utils.release.prune import Leftovers, Prune, free_bytes
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import no_deployment


def prune(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    if module.check_mode:
        return pruned(module, engine)
    # What a deployment has made, and does not use yet, is no leftover.
    with no_deployment(module.params["state_dir"], module.params["project"]):
        return pruned(module, engine)


def pruned(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    proxy = Proxy(engine, ProxySettings(), proxy_folder(params))
    for orphan in orphans(engine, proxy.routes, params["project"], params["apps"]):
        name = orphan["name"]
        module.warn(f"{name} has containers here, but luma.yml has no such app. To remove it: luma remove {name}")
    work = Prune(engine, proxy, params["state_dir"], params["project"], set(params["apps"]))
    leftovers, freed = work.find(), None
    if leftovers.any and not module.check_mode:
        before = free_bytes(engine)
        leftovers = work.remove(leftovers)
        # Others write to the disk, too.
        freed = max(0.0, round((free_bytes(engine) - before) / 1e6, 1))
    if not module.check_mode:
        with series_of(module) as series:
            series.prune(params["project"], leftovers.records)
    found = {name: list(names) for name, names in asdict(leftovers).items()}
    return dict(
        found,
        changed=leftovers.any,
        freed_mb=freed,
        report=report(leftovers, freed, module.check_mode),
        diff={"before": found, "after": {name: [] for name in found}},
    )


def report(leftovers: Leftovers, freed: float | None, check_mode: bool) -> list[str]:
    if not leftovers.any:
        return ["Nothing to remove"]
    verb = "Would remove" if check_mode else "Removed"
    kinds = {
        "container": "containers",
        "route": "routes",
        "record of releases of": "records",
        "files in": "files",
        "image": "images",
    }
    lines = [f"{verb} {kind} {name}" for kind, names in kinds.items() for name in getattr(leftovers, names)]
    return lines if freed is None else [*lines, f"{freed:.1f} MB more are free"]


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            apps={"type": "list", "elements": "str", "required": True},
        ),
        supports_check_mode=True,
    )
    run(module, prune)


if __name__ == "__main__":
    main()
