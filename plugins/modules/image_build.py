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
  - The output is shown only where the build fails.
options:
  image:
    description: The name of the image.
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
  prepare:
    description: A command to run before, which makes what the Dockerfile needs, such as its base image.
    type: list
    elements: str
  folder:
    description: The folder in which that command runs.
    type: path
    default: .
requirements:
  - The C(docker) command on the controller
attributes:
  check_mode:
    support: partial
    description: Nothing is built, and the result does not say whether the image would be another one.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: Where nothing changed, the image is the one there was.
"""

EXAMPLES = r"""
- name: Build the blog
  luma.deploy.image_build:
    image: my-blog
    context: ./blog
"""

RETURN = r"""
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
