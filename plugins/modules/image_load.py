#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: loads an image from an archive on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_load
short_description: Load an image from an archive on the host
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Gives an archive that C(docker save) made to the host's engine, as C(docker load) does.
  - The archive may be compressed, be split into several files, and lack layers that the engine has already.
  - M(luma.deploy.bluegreen_container) and M(luma.deploy.proxy) send an image that the host lacks from the controller
    and load it with this module.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  image:
    description: The name of the image that is in the archive.
    type: str
    required: true
  image_id:
    description: The id that the image has where it was saved, by which other modules find it here.
    type: str
    default: ""
  files:
    description: The files on the host which, one after the other, are the archive.
    type: list
    elements: path
    required: true
attributes:
  check_mode:
    support: full
    description: Loads nothing, and does not look at the archive.
  diff_mode:
    support: none
    description: It does not look at what the image was before.
  idempotent:
    support: none
    description: What the archive holds is loaded again.
"""

EXAMPLES = r"""
- name: Load an image that was copied before
  luma.deploy.image_load:
    image: my-blog:42
    files: [/srv/my-blog.tar.gz]
"""

RETURN = r"""
image_id:
  description: The id that the engine gives to the image; empty in check mode.
  type: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import ENGINE_OPTIONS, run


def load(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    if module.check_mode:
        return {"changed": True, "image_id": ""}
    params = module.params
    image = engine.load_image(params["image"], params["files"], params["image_id"])
    return {"changed": True, "image_id": image["Id"]}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            image={"type": "str", "required": True},
            image_id={"type": "str", "default": ""},
            files={"type": "list", "elements": "path", "required": True},
        ),
        supports_check_mode=True,
    )
    run(module, load)


if __name__ == "__main__":
    main()
