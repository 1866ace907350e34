#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action of the same name, which is all there is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config
short_description: Show luma.yml as it is read
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Returns what luma.yml says, with the file of an environment laid over it, and where each value comes from.
  - Variables and vault strings stay as they are written, so that no secret is in it.
  - M(luma.deploy.project) says whether it is valid.
  - Runs on the controller and contacts nothing.
extends_documentation_fragment:
  - luma.deploy.engine.query
options:
  file:
    description: The file.
    type: str
    default: luma.yml
"""

EXAMPLES = r"""
- name: Show what luma.yml says
  luma.deploy.config:
    file: luma.yml
"""

RETURN = r"""
settings:
  description: Every value that is set, in the order of the file.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: Its keys.
      type: str
      sample: apps.blog.image
    value:
      description: The value, as YAML.
      type: str
    file:
      description: The file that says it.
      type: str
    line:
      description: The line in it.
      type: int
    depth:
      description: How far its key is indented.
      type: int
    key:
      description: The key, with its colon.
      type: str
report:
  description: The same as one YAML file.
  type: list
  elements: str
  returned: success
"""
