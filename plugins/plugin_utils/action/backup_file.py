# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of backups on the controller. One that has its name is whole; only its owner can read it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from ansible.errors import AnsibleActionFail

#: A time in UTC whose order is that of the names.
TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Series:
    """The backups of one service in a folder, ``<name>-<time>.<extension>``. ``host``: the service's host, if it has
    several, as in ``<name>@<host>``; a service's name has no @."""

    folder: Path
    name: str
    extension: str
    host: str = ""

    def at(self, time: datetime) -> Path:
        """The file of a backup that begins at this time in UTC."""
        return self.folder / f"{self._begin}{time.strftime(TIME)}.{self.extension}"

    def all(self) -> list[Path]:
        """The files that are there, the oldest first."""
        pattern = re.compile(rf"{re.escape(self._begin)}\d{{8}}T\d{{6}}Z\.{re.escape(self.extension)}")
        return sorted(file for file in self.folder.iterdir() if pattern.fullmatch(file.name) and file.is_file())

    def remove_older(self, keep: int) -> list[Path]:
        """Removes all but the newest ``keep`` files; returns them. Raises `OSError`."""
        older = self.all()[:-keep]
        for file in older:
            file.unlink()
        return older

    @property
    def _begin(self) -> str:
        return f"{self.name}@{self.host}-" if self.host else f"{self.name}-"


def refuse_what_is_no_file(path: Path) -> None:
    """Raises `AnsibleActionFail` where a new file cannot take the place of what is there: a folder, a device."""
    if path.exists() and not path.is_file():
        raise AnsibleActionFail(f"{path} is no file: name another one with --output, or - for the standard output.")


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone that gets its name at the end: an exception leaves nothing of it, and what was there
    before as it was. Its folder is made if it is missing. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".partial", delete=False
    ) as partial:
        try:
            yield partial
            # A backup is for the day on which a machine has failed.
            os.fsync(partial.fileno())
            Path(partial.name).replace(path)
        except BaseException:
            Path(partial.name).unlink()
            raise
