# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of what people read: tables, times, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path


def table(rows: Sequence[Sequence[str]], indent: str) -> list[str]:
    """Rows with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return [(indent + line).rstrip() for line in lines]


def minute(time: str) -> str:
    """An RFC 3339 time as people read it."""
    # Docker writes nanoseconds, and more digits than six are too many here.
    head, _point, _fraction = time.removesuffix("Z").partition(".")
    return datetime.fromisoformat(head).strftime("%Y-%m-%d %H:%M UTC")


def size_in_words(size: int) -> str:
    """A number of bytes in kB or MB (powers of ten)."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def shown_path(file: str) -> str:
    """A file as messages name it: relative to the current folder where it is in there."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
