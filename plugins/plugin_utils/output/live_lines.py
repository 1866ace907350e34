# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what is being done meanwhile: on a terminal one line for each host that works, elsewhere one line on stderr."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from typing import TextIO

# After so many seconds a step is long. A log has use for a line only where somebody might think that nothing moves.
PATIENCE = 1.0
PATIENCE_OF_A_LOG = 5.0
INTERVAL = 0.1
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
# ECMA-48: ED erases what is below the cursor, CPL moves it up to the start of a line.
ERASE_BELOW = "\x1b[J"
UP = "\x1b[{}F"


@dataclass(frozen=True)
class Step:
    """What a host is doing, since when."""

    what: str
    began: float


class LiveLines:
    """Draws the steps that take long.

    The cursor rests on an empty line above what is drawn: whatever else is printed, by Ansible or by the terminal at
    Ctrl-C, is whole, and the rest is drawn anew below it. The thread that draws writes to the file descriptor by
    itself: Ansible forks meanwhile, and a lock of sys.stdout would be inherited locked.
    """

    def __init__(self) -> None:
        self.on_terminal = is_watched()
        self._steps: dict[str, Step] = {}
        self._announced: set[str] = set()
        self._drawn = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, host: str, what: str) -> None:
        with self._lock:
            self._steps[host] = Step(what, time.monotonic())
        if not self._thread:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def end(self, host: str) -> None:
        with self._lock:
            self._steps.pop(host, None)

    def next_task(self) -> None:
        with self._lock:
            self._steps.clear()
            self._announced.clear()

    def erase(self) -> None:
        """Make room for a line that stays."""
        with self._lock:
            self._erase()

    def close(self) -> None:
        self._over.set()
        self.erase()

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            with self._lock:
                # Asked again, since it may be over since the lock was waited for.
                if not self._over.is_set():
                    self._draw(time.monotonic())

    def _draw(self, now: float) -> None:
        patience = PATIENCE if self.on_terminal else PATIENCE_OF_A_LOG
        long = {host: step for host, step in self._steps.items() if now - step.began > patience}
        if not self.on_terminal:
            for what in {step.what: None for step in long.values()}:
                self._announce(what)
        elif long:
            lines = drawing(long, now, shutil.get_terminal_size())
            write("\r" + ERASE_BELOW + "\n" + "\n".join(lines) + UP.format(len(lines)))
            self._drawn = True
        else:
            self._erase()

    def _announce(self, what: str) -> None:
        if what not in self._announced:
            self._announced.add(what)
            write(f"{what}...\n", sys.stderr)

    def _erase(self) -> None:
        if self._drawn:
            write("\r" + ERASE_BELOW)
            self._drawn = False


def is_watched() -> bool:
    """Whether somebody sees the lines move. ansible-runner, which AWX runs playbooks with, gives them a terminal and
    records what is written to it."""
    recorded = "AWX_ISOLATED_DATA_DIR" in os.environ
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not recorded


def drawing(steps: dict[str, Step], now: float, size: os.terminal_size) -> list[str]:
    """The lines, each and all of them short enough for a terminal of this size not to move what is above."""
    frame = FRAMES[int(now / INTERVAL) % len(FRAMES)]
    lines = [f"{frame} [{host}] {step.what}... {now - step.began:.0f} s" for host, step in steps.items()]
    return [line[: size.columns - 1] for line in lines[: max(1, size.lines - 2)]]


def write(text: str, stream: TextIO | None = None) -> None:
    os.write((stream or sys.stdout).fileno(), text.encode())
