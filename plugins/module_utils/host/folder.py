# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma's folder on a host, for modules that need no engine."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import typing as t
from pathlib import Path

#: The option that names the folder, see the documentation fragment ``luma.deploy.engine.state``.
STATE_OPTION: dict[str, t.Any] = {"type": "path", "default": "/var/lib/luma"}


@contextlib.contextmanager
def exclusive(folder: Path) -> t.Iterator[None]:
    """Keeps other processes from changing what is in a folder, which is made where it is missing. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_file(file: Path, text: str, mode: int = 0o600, owner: int | None = None) -> None:
    """Replaces a file at once, so that a run that dies leaves a whole one. ``owner``: the user that it then belongs to,
    where root writes it. Raises `OSError`."""
    new = file.with_name(file.name + ".tmp")
    # A run that died may have left one, of another user.
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    if owner is not None and os.geteuid() == 0:
        os.chown(new, owner, owner)
    new.replace(file)


def now() -> str:
    """The time in UTC (RFC 3339)."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
