# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C within a transaction: the first one is a wish that the steps ask for, the second one is Ansible's.

Ansible detaches its workers from the terminal (WorkerProcess._detach, ansible-core 2.19 to 2.21), so that the signal
reaches its main process alone. The wish is a file in Ansible's own temporary folder, which workers share and which
goes away with the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from ansible import constants

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MESSAGE = "Ctrl-C: luma finishes or undoes this step, then releases the lock. Press it again to stop at once.\n"
#: On a terminal: takes back the ^C that it has drawn at the start of an empty line, and the live lines below it.
START_OF_LINE = "\r\x1b[J"
#: Signals within so many seconds are one: a process group gets it, and bin/luma, which is in it, passes it on.
TOGETHER = 0.5
#: What ansible-playbook exits with after Ctrl-C.
ANSIBLE_INTERRUPTED = 99


def requested() -> bool:
    """Whether the user wants the transaction to end."""
    return _wish().exists()


def catch() -> None:
    """From now on the first signal of the main process is a wish. To be called there, as often as one likes."""
    if _Catcher.current is None:
        _Catcher.current = _Catcher()


def is_the_end() -> None:
    """From now on Ctrl-C is how the run is meant to end. To be called in the main process, once.

    Ansible's own end would tell of an error, and may never come: a worker that is ended while it displays a line keeps
    the lock of the queue (StrategyBase.cleanup of ansible-core 2.19 to 2.21 waits for it)."""
    earlier = signal.getsignal(signal.SIGINT)

    def end(number: int, frame: FrameType | None) -> None:
        try:
            if callable(earlier):
                earlier(number, frame)
        except KeyboardInterrupt:
            shutil.rmtree(constants.DEFAULT_LOCAL_TMP, ignore_errors=True)
            os._exit(ANSIBLE_INTERRUPTED)

    signal.signal(signal.SIGINT, end)


def _wish() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP, "interrupted")


class _Catcher:
    """Has the signals until the second one."""

    current: _Catcher | None = None

    def __init__(self) -> None:
        self.process = os.getpid()
        self.noted_at = 0.0
        self.earlier = {number: signal.signal(number, self.catch) for number in SIGNALS}

    def catch(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self.process:
            # A worker that is just being forked: it has no handler of its own yet.
            return
        if not self.noted_at:
            self.noted_at = time.monotonic()
            self.note()
        elif time.monotonic() - self.noted_at > TOGETHER:
            for each, handler in self.earlier.items():
                signal.signal(each, handler)
            os.kill(self.process, number)

    def note(self) -> None:
        _wish().touch()
        start = START_OF_LINE if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else ""
        # Past Python's own buffer, which the signal may have interrupted; and whoever read it may be gone.
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), (start + MESSAGE).encode())
