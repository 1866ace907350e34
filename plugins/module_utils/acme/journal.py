# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to an app's certificate: in the log, one line an event, and in its state."""

from __future__ import annotations

import contextlib
import sys
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.acme import state
from ansible_collections.luma.deploy.plugins.module_utils.acme.served import Shown


def say(words: str) -> None:
    """Writes a line to the container's log."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


class Journal:
    """Of one app. ``label``: what it is called in the log."""

    def __init__(self, folder: Path, clock: t.Callable[[], float]) -> None:
        self.folder = folder
        self.clock = clock
        self.state = state.read(folder)
        self.label = folder.name
        self._trouble = ""

    def log(self, words: str) -> None:
        say(f"{self.label}: {words}")

    def save(self) -> None:
        """Raises `OSError`."""
        state.write(self.folder, self.state)

    def fail(self, kind: str, words: str, next_try: float) -> None:
        self.state.failed(kind, words, self.clock(), next_try)
        self.log(f"{words} Next try: {self.state.next_try}.")
        self.save()

    def trouble(self, words: str) -> None:
        """Tells, once, what keeps the agent from going on."""
        if self._trouble != words:
            self._trouble = words
            self.log(words)
            self.state.error(words, self.clock())
            with contextlib.suppress(OSError):
                self.save()

    def no_trouble(self) -> None:
        """What kept the agent from going on is over, and not to be seen any more."""
        if self._trouble and self.state.last_error == self._trouble:
            self.state.last_error, self.state.last_error_at = "", None
            self.save()
        self._trouble = ""

    def note_served(self, shown: Shown | None) -> None:
        """What HAProxy serves."""
        self.state.names = shown.names if shown else []
        self.state.expires = state.iso(shown.expires) if shown else None
        self.state.serial = shown.serial if shown else None
        self.state.issuer = shown.issuer if shown else None
        self.save()

    def note_unreachable(self, silent: bool, now: float) -> None:
        """Whether nothing answers at the addresses of a name."""
        self.state.unreachable_since = (self.state.unreachable_since or state.iso(now)) if silent else None
