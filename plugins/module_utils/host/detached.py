# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of containers that are off their network for a moment."""

from __future__ import annotations

import contextlib
from pathlib import Path


class DetachedAddresses:
    """The addresses of containers that are detached for a moment, one small file each, so that the run after a
    killed one can give them back. Who chooses a new address locks the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remember(self, container: str, address: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / container).write_text(address, encoding="ascii")

    def recall(self, container: str) -> str:
        try:
            return (self.folder / container).read_text(encoding="ascii")
        except OSError:
            return ""

    def all(self) -> dict[str, str]:
        """The address of each container, by its id."""
        return {file.name: self.recall(file.name) for file in self.folder.glob("*")}

    def forget(self, container: str) -> None:
        with contextlib.suppress(OSError):
            (self.folder / container).unlink()
