#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tells which releases of apps a host has on record."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: Tell which releases of apps a host has on record, and which one serves
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - A host keeps a record of the last releases of an app, see M(luma.deploy.graceful_shutdown), and their
    images.
  - Which one serves is told by the containers that hold the app's network alias.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.query
options:
  project:
    description: The project's name.
    type: str
    required: true
  apps:
    description: The apps' names.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Ask for the releases of the blog
  luma.deploy.release_info:
    project: shop
    apps: [blog]
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
    problem:
      description: Why the record could not be read; empty if it could.
      type: str
    releases:
      description: The releases, in the order in which they served; the newest last.
      type: list
      elements: dict
      contains:
        release:
          description: The release's name.
          type: str
          sample: 3f2a9c81d0b7
        image:
          description: The name of the image, as it was deployed.
          type: str
          sample: my-blog
        image_id:
          description: The image's id.
          type: str
        kept_image:
          description: The name under which luma keeps the image.
          type: str
          sample: luma/shop/blog:3f2a9c81d0b7
        config_hash:
          description: The hash of the configuration.
          type: str
        at:
          description: When it began to serve (RFC 3339, UTC).
          type: str
        by:
          description: Who deployed it.
          type: str
          sample: me@laptop
        spec:
          description: The app as it was deployed, as M(luma.deploy.project) returned it; names of secrets only.
          type: dict
        identity:
          description: What its containers are, on any host; that of another release may be the same.
          type: list
          elements: raw
        content:
          description:
            - A hash of what its image is, which is the same where an engine calls the image by another id. Empty if the
              image is not there any more.
          type: str
        serves:
          description: Whether it serves now.
          type: bool
"""

import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.image_content import content_of
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, run
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Releases, kept_image


def look(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    params = module.params
    apps = [App(params["project"], name) for name in params["apps"]]
    return {"changed": False, "apps": [releases_of(engine, params["state_dir"], app) for app in apps]}


def releases_of(engine: Engine, state_dir: str, app: App) -> dict[str, t.Any]:
    view = View.take(engine, None, app)
    active = view.of(view.active) if view.active else []
    try:
        known, problem = Releases(state_dir, app).read(), ""
    except LumaError as exc:
        known, problem = [], str(exc)
    releases = [
        dict(
            asdict(release),
            kept_image=kept_image(app, release.image_id),
            identity=release.identity,
            content=content_of(engine.image(release.image_id)),
            serves=release.runs_as(active),
        )
        for release in known
    ]
    return {"name": app.name, "problem": problem, "releases": releases}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            apps={"type": "list", "elements": "str", "required": True},
        ),
        supports_check_mode=True,
    )
    run(module, look)


if __name__ == "__main__":
    main()
