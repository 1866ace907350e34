# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a terminal of its own."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable

import pyte

SECONDS = 60
# Nobody is asked on the way, and no color is forced or forbidden by whoever runs the tests.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "ANSIBLE_FORCE_COLOR")}


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.shown = ""
        # What is read may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**ENVIRONMENT, "TERM": "xterm-256color", **environment})

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until this is shown behind what was waited for before."""
        deadline = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < deadline, f"not shown: {pattern}\n{self.shown}"
            assert self._read(), f"it ended without showing {pattern}\n{self.shown}"
        self.shown = self.shown[found.end() :]

    def end(self) -> int:
        """Wait for its end; returns its exit code."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def _read(self) -> bool:
        """Read what is shown meanwhile; returns whether the program still has the terminal."""
        if not select.select([self._terminal], [], [], 1)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # That is how Linux tells that nobody has the other end any more.
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)


class Screen(Terminal):
    """A terminal of a size, and what is to be seen on it once all escape codes are obeyed."""

    def __init__(self, lines: int, columns: int, *command: str, **environment: str) -> None:
        super().__init__(*command, **environment)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._screen)
        self.resize(lines, columns)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without empty lines at its end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip().split("\n")

    @property
    def shows_cursor(self) -> bool:
        return not self._screen.cursor.hidden

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen.resize(lines, columns)

    def wait_until(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        """Wait until that is so of the lines on the screen, which may be half drawn, and return them."""
        deadline = time.monotonic() + SECONDS
        while not is_so(self.lines):
            assert time.monotonic() < deadline, "\n".join(self.lines)
            assert self._read(), "\n".join(["it ended", *self.lines])
        return self.lines

    def _read(self) -> bool:
        before = len(self.shown)
        goes_on = super()._read()
        self._stream.feed(self.shown[before:])
        return goes_on
