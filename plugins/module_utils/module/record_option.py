# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``record`` of modules after which a release may serve that is not on record."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.records import KEPT, record

RECORD_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "spec": {"type": "dict", "required": True},
        "by": {"type": "str", "required": True},
        "keep": {"type": "int", "default": KEPT},
    },
}


def record_active(module: AnsibleModule, engine: Engine, color: str) -> list[str]:
    """Writes down what the active color is, where the module's option ``record`` asks for it. Returns warnings."""
    params, app = module.params, App(module.params["project"], module.params["app"])
    if not params["record"] or module.check_mode:
        return []
    active = [c for c in engine.containers(app.project, app.name, app.network) if c.color == color]
    if not active:
        return []
    return record(engine, params["state_dir"], app, active, **params["record"], run=params["run"] or "")
