# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that luma's own code raises for what a user can act on."""

from __future__ import annotations

import typing as t


class LumaError(Exception):
    """What happened, to which container, and what to do: a message for the user. ``facts`` are returned by the
    module beside it (documented there under RETURN)."""

    def __init__(self, message: str, **facts: t.Any) -> None:
        super().__init__(message)
        self.facts = facts
