# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far images have got on their way to hosts.

They are sent by processes of their own, from which Ansible's main process gets nothing but results and lines to print.
So whoever draws there makes a folder, and those who send note in it how far they are; without it they print lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from ansible import constants


class Sent(NamedTuple):
    """Bytes of an image's archive that are on the host, of how many; 0 of 0 while it is made."""

    done: int
    total: int


def watch() -> None:
    """From now on, what is sent is noted."""
    _folder().mkdir(exist_ok=True)


def note(host: str, sent: Sent) -> bool:
    """Note it for whoever watches; returns whether somebody does."""
    if not _folder().exists():
        return False
    file = _file(host)
    # Nobody reads half of it.
    new = file.with_name(f".{file.name}")
    new.write_text(f"{sent.done} {sent.total}")
    new.replace(file)
    return True


@contextmanager
def shown(host: str) -> Iterator[None]:
    """Meanwhile an image is made ready for the host, sent, and loaded there."""
    note(host, Sent(0, 0))
    try:
        yield
    finally:
        _file(host).unlink(missing_ok=True)


def on_their_way() -> dict[str, Sent]:
    """By host, the images that are being sent."""
    found = {}
    for file in _folder().glob("[!.]*"):
        try:
            done, total = file.read_text().split()
        except FileNotFoundError:  # It has arrived meanwhile.
            continue
        found[unquote(file.name)] = Sent(int(done), int(total))
    return found


def _folder() -> Path:
    """In Ansible's folder of this run, which its processes share, and which it removes."""
    return Path(constants.DEFAULT_LOCAL_TMP, "luma-sending")


def _file(host: str) -> Path:
    return _folder() / quote(host, safe="")
