# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what is being done meanwhile: on a terminal one line for each host, elsewhere one line on stderr."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from ansible_collections.luma.deploy.plugins.plugin_utils.images.progress import on_their_way
from ansible_collections.luma.deploy.plugins.plugin_utils.output.fleet_view import (
    FRAMES_PER_SECOND,
    FleetView,
    Step,
)

# A log has use for a line only where somebody might think that nothing moves.
PATIENCE_OF_A_LOG = 5.0
# ECMA-48: EL erases the rest of a line, ED that and all below, CPL moves the cursor up to the start of a line.
ERASE_LINE = "\x1b[K"
ERASE_BELOW = "\x1b[J"
UP = "\x1b[{}F"
# Terminals that know synchronized output show what is between these at once, and others take no notice.
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
# What a terminal without a size gets, as under some CI services.
USUAL_SIZE = os.terminal_size((80, 24))


class LiveLines:
    """Draws the fleet.

    The cursor rests on an empty line above what is drawn: whatever else is printed, by Ansible or by the terminal at
    Ctrl-C, is whole, and the rest is drawn anew below it. Where the terminal gets narrower, and one line becomes two,
    both are below the cursor. The thread that draws writes to the file descriptor by itself: Ansible forks meanwhile,
    and a lock of sys.stdout would be inherited locked.
    """

    def __init__(self) -> None:
        self.on_terminal = is_watched()
        self._fleet = FleetView()
        self._announced: set[str] = set()
        self._drawn = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def deploy(self, app: str, colors: Mapping[str, set[str]]) -> None:
        """It is about this app from now on, with the colors of its processes by host."""
        with self._lock:
            self._fleet.deploy(app, colors, time.monotonic())

    def begin(self, host: str, what: str, phase: str) -> None:
        with self._lock:
            self._fleet.steps[host] = Step(what, time.monotonic(), phase)
        if not self._thread:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def end(self, host: str, *, failed: bool = False, skipped: bool = False) -> None:
        with self._lock:
            self._fleet.end(host, time.monotonic(), failed=failed, skipped=skipped)

    def next_task(self) -> None:
        with self._lock:
            self._fleet.steps.clear()
            self._announced.clear()

    @contextmanager
    def lines_above(self) -> Iterator[None]:
        """Make room for lines that stay."""
        with self._lock:
            if not self._drawn:
                yield
                return
            write(BEGIN)
            self._erase()
            try:
                yield
            finally:
                self._draw(time.monotonic())
                write(END)

    def close(self) -> None:
        self._over.set()
        with self._lock:
            self._erase()

    def _run(self) -> None:
        while not self._over.wait(1 / FRAMES_PER_SECOND):
            with self._lock:
                # Asked again, since it may be over since the lock was waited for.
                if not self._over.is_set():
                    self._draw(time.monotonic())

    def _draw(self, now: float) -> None:
        if not self.on_terminal:
            for step in self._fleet.long_steps(now, PATIENCE_OF_A_LOG).values():
                self._announce(step.what)
            return
        lines = self._fleet.lines(now, size_of_terminal(), on_their_way())
        if not lines:
            self._erase()
            return
        # One over the other, and erased behind it, so that nothing flickers.
        below = "".join(f"\n{line}{ERASE_LINE}" for line in lines)
        write(f"\r{ERASE_LINE}{below}{ERASE_BELOW}{UP.format(len(lines))}")
        self._drawn = True

    def _announce(self, what: str) -> None:
        if what not in self._announced:
            self._announced.add(what)
            write(f"{what}...\n", sys.stderr)

    def _erase(self) -> None:
        if self._drawn:
            write(f"\r{ERASE_BELOW}")
            self._drawn = False


def is_watched() -> bool:
    """Whether somebody sees the lines move. ansible-runner, which AWX runs playbooks with, gives them a terminal and
    records what is written to it."""
    recorded = "AWX_ISOLATED_DATA_DIR" in os.environ
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not recorded


def size_of_terminal() -> os.terminal_size:
    """As it is now, whatever the environment says that it was."""
    size = os.get_terminal_size(sys.stdout.fileno())
    return size if size.columns and size.lines else USUAL_SIZE


def write(text: str, stream: TextIO | None = None) -> None:
    os.write((stream or sys.stdout).fileno(), text.encode())
