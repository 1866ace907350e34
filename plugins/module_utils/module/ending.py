# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the work of a module ends its task, for modules with and without an engine."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError


def finish(module: AnsibleModule, work: t.Callable[[], dict[str, t.Any]]) -> None:
    """Calls ``work`` and exits with what it returns; a `LumaError` fails the task with its message and facts."""
    try:
        result = work()
    except LumaError as exc:
        module.fail_json(msg=str(exc), **exc.facts)
    except PermissionError as exc:
        module.fail_json(
            msg=f"{exc.filename} cannot be used: luma works as root on its hosts. Set ansible_become: true."
        )
    module.exit_json(**result)
