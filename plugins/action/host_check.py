# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name."""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.plugin_utils.payload.quick_module import QuickAction


class ActionModule(QuickAction):
    """See `QuickAction`."""
