# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log of JSON objects, one a line, in luma's folder on a host; for root only, and of limited size."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive

MAX_BYTES = 1 << 20


class RotatedLog:
    """``max_bytes``: how long the file may become before it is rotated. What was written before is in a file of the
    same name with ``.1``."""

    def __init__(self, file: Path, max_bytes: int = MAX_BYTES) -> None:
        self.file = file
        self.rotated = file.with_name(f"{file.name}.1")
        self.max_bytes = max_bytes
        self._known: tuple[tuple[t.Any, ...], list[dict[str, t.Any]]] = ((), [])

    def append(self, entry: t.Mapping[str, t.Any]) -> None:
        """Writes a line. Raises `OSError`."""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with exclusive(self.file.parent):
            if self.file.exists() and self.file.stat().st_size + len(line) > self.max_bytes:
                self.file.replace(self.rotated)
            self.file.touch(mode=0o600)
            with self.file.open("ab+") as file:
                file.seek(max(0, file.tell() - 1))
                is_cut = file.read() not in (b"", b"\n")
                file.write(b"\n" * is_cut + line)

    def entries(self) -> list[dict[str, t.Any]]:
        """All that is still there, newest last."""
        if not self.file.parent.exists():
            return []
        with exclusive(self.file.parent):
            files = [file for file in (self.rotated, self.file) if file.exists()]
            # Who follows a log asks for it all the time.
            state = tuple((file.name, file.stat().st_ino, file.stat().st_size) for file in files)
            if state == self._known[0]:
                return self._known[1]
            # A line may be cut within a character.
            texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
        self._known = state, [entry for text in texts for entry in map(_parse, text.split("\n")) if entry]
        return self._known[1]


def _parse(line: str) -> dict[str, t.Any] | None:
    """None for a line that a full disk, or a host that lost its power, has cut."""
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return None
