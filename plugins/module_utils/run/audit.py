# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log of a host: who deployed what, from where, and what came of it.

It is ``audit.log`` in luma's folder, and what was written before the last megabyte ``audit.log.1``.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.folder import now
from ansible_collections.luma.deploy.plugins.module_utils.host.rotated_log import MAX_BYTES, RotatedLog


class AuditLog(RotatedLog):
    """``state_dir`` is luma's folder, by default ``/var/lib/luma``; ``max_bytes`` as in `RotatedLog`."""

    def __init__(self, state_dir: str, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(Path(state_dir, "audit.log"), max_bytes)

    def add(self, project: str, app: str, run: t.Mapping[str, t.Any], outcome: t.Mapping[str, t.Any]) -> None:
        """Writes a line about a run of luma, as the controller described it, and what came of it. Raises `OSError`."""
        who = {"at": now(), "by": run.get("by"), "from": run.get("host"), "command": run.get("command")}
        self.append(dict(who, id=run.get("id"), project=project, app=app, **outcome))

    def read(self, project: str, apps: t.Collection[str], lines: int) -> list[dict[str, t.Any]]:
        """The last lines about a project, or about these apps of it, newest last."""
        known = self.entries()
        return [line for line in known if line["project"] == project and (not apps or line["app"] in apps)][-lines:]
