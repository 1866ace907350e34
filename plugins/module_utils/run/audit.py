# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log of a host: who deployed what, from where, and what came of it; one JSON object a line.

It is ``audit.log`` in luma's folder, and what was written before the last megabyte ``audit.log.1``.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive, now

MAX_BYTES = 1 << 20


class AuditLog:
    """``state_dir`` is luma's folder, by default ``/var/lib/luma``; ``max_bytes``: how long the file may become before
    it is rotated."""

    def __init__(self, state_dir: str, max_bytes: int = MAX_BYTES) -> None:
        self.file = Path(state_dir, "audit.log")
        self.rotated = self.file.with_name("audit.log.1")
        self.max_bytes = max_bytes

    def add(self, project: str, app: str, run: t.Mapping[str, t.Any], outcome: t.Mapping[str, t.Any]) -> None:
        """Writes a line about a run of luma, as the controller described it, and what came of it. Raises `OSError`."""
        who = {"at": now(), "by": run.get("by"), "from": run.get("host"), "command": run.get("command")}
        facts = dict(who, id=run.get("id"), project=project, app=app, **outcome)
        line = json.dumps(facts, ensure_ascii=False).encode() + b"\n"
        with exclusive(self.file.parent):
            if self.file.exists() and self.file.stat().st_size + len(line) > self.max_bytes:
                self.file.replace(self.rotated)
            self.file.touch(mode=0o600)
            with self.file.open("ab+") as file:
                file.seek(max(0, file.tell() - 1))
                is_cut = file.read() not in (b"", b"\n")
                file.write(b"\n" * is_cut + line)

    def read(self, project: str, apps: t.Collection[str], lines: int) -> list[dict[str, t.Any]]:
        """The last lines about a project, or about these apps of it, newest last."""
        if not self.file.parent.exists():
            return []
        with exclusive(self.file.parent):
            files = [file for file in (self.rotated, self.file) if file.exists()]
            # A line may be cut within a character.
            texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
        known = [line for text in texts for line in map(_parse, text.split("\n")) if line]
        return [line for line in known if line["project"] == project and (not apps or line["app"] in apps)][-lines:]


def _parse(line: str) -> dict[str, t.Any] | None:
    """None for a line that a full disk, or a host that lost its power, has cut."""
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return None
