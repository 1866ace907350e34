#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build an app's image where Ansible runs
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Runs C(docker build) on the controller, with its cache, so that a build without changes takes a moment.
  - The output is shown only if the build fails.
  - For O(secrets), O(ssh), O(cache_from), O(cache_to), O(builder) and several platforms C(docker buildx build) is run.
  - If O(registry) is given, the image is pushed, unless the registry has it under this name. The login is used for
    this push only and stored nowhere.
  - The image gets the labels C(luma.project), C(luma.app) and C(luma.repository), its name without the tag.
extends_documentation_fragment:
  - luma.deploy.engine.registry
options:
  project:
    description: The project's name.
    type: str
    required: true
  app:
    description: The app's name.
    type: str
    required: true
  image:
    description: The name of the image with its tag, and with the registry if it is pushed to one.
    type: str
    required: true
  context:
    description: The build's context, a folder.
    type: path
    required: true
  dockerfile:
    description: The Dockerfile, relative to the context.
    type: str
    default: Dockerfile
  args:
    description: Build arguments. They are on the command line and in the image's history. Put no secrets there.
    type: dict
    default: {}
  target:
    description: The stage to build, the last one without it.
    type: str
  platform:
    description:
      - The platforms to build for, such as V(linux/arm64), the engine's own without one.
      - An image for several platforms needs O(registry), to which the build pushes it.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - The secrets that the build may mount, by their ids, with what their values are called in C(.luma/secrets) beside
        O(luma_file). The values are in the environment of the build, and nowhere else.
    type: dict
    default: {}
  ssh:
    description:
      - The keys of ssh that the build may use, as C(docker build --ssh) takes them; V(default) for those of the agent.
    type: list
    elements: str
    default: []
  cache_from:
    description: Where the build gets its cache from, as C(docker buildx build --cache-from) takes it.
    type: list
    elements: str
    default: []
  cache_to:
    description: Where it leaves its cache, as C(docker buildx build --cache-to) takes it. Not in check mode.
    type: list
    elements: str
    default: []
  builder:
    description:
      - The builder of buildx that builds, the one that is in use without it. With O(registry) it pushes the image.
    type: str
  prepare:
    description: A command to run before, which makes what the Dockerfile needs, such as its base image.
    type: list
    elements: str
  folder:
    description: The folder in which that command runs.
    type: path
    default: .
  existing:
    description:
      - Whether the image was built before. Nothing is built or pushed; RV(image_id) is empty if O(registry) is given,
        which says what the image is, and if this engine does not have it.
    type: bool
    default: false
  announce:
    description: Whether to say what was built, and how to deploy it.
    type: bool
    default: false
requirements:
  - The C(docker) command on the controller, and its plugin buildx for what needs it
  - Docker SDK for Python on the controller, if O(registry) is given
attributes:
  check_mode:
    support: full
    description:
      - The image is built without a name, so that its id is known, and not pushed. O(prepare) is run, since the build
        needs it.
  diff_mode:
    support: none
    description: There is nothing to compare but the image's id.
  idempotent:
    support: full
    description: A build of the same files gives the same image.
"""

EXAMPLES = r"""
- name: Build the blog
  luma.deploy.image_build:
    project: shop
    app: blog
    image: shop-blog:3f2a9c8
    context: /srv/shop/blog
    args:
      NODE_ENV: production

- name: Build it and push it
  luma.deploy.image_build:
    project: shop
    app: blog
    image: registry.example.com/shop-blog:3f2a9c8
    context: /srv/shop/blog
    registry:
      server: registry.example.com
      username: deploy
      password: "{{ vault_registry_password }}"
"""

RETURN = r"""
app:
  description: The app's name.
  type: str
  returned: success
image:
  description: The image's name, with the release as its tag.
  type: str
  returned: success
release:
  description: The release, which is that tag.
  type: str
  returned: success
pushed:
  description: Whether the image is in its registry now.
  type: bool
  returned: success
image_id:
  description: The image's id.
  type: str
  returned: success
stdout_lines:
  description: What the build wrote.
  type: list
  elements: str
  returned: success
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""
