# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what the action container_exec does, with the module of the same name."""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.action.container_exec import ActionModule as ContainerExec


class ActionModule(ContainerExec):
    """See there."""
