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
import signal
import sys
from pathlib import Path
from types import FrameType

from ansible import constants

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MESSAGE = "Ctrl-C: the step in hand is finished or undone, then the lock is released. Once more to break off at once.\n"
#: On a terminal: takes back the ^C that it has drawn at the start of an empty line.
START_OF_LINE = "\r"


def requested() -> bool:
    """Whether the user wants the transaction to end."""
    return _wish().exists()


def catch() -> None:
    """From now on the first signal of the main process is a wish. To be called there, as often as one likes."""
    if requested() or signal.getsignal(signal.SIGINT) is _note:
        return
    for number in SIGNALS:
        _earlier[number] = signal.signal(number, _note)


#: What Ansible itself does at a signal.
_earlier: dict[int, signal._HANDLER] = {}


def _wish() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP, "interrupted")


def _note(number: int, frame: FrameType | None) -> None:
    _wish().touch()
    for each, handler in _earlier.items():
        signal.signal(each, handler)
    start = START_OF_LINE if sys.stderr.isatty() else ""
    # Past Python's own buffer, which the signal may have interrupted; and whoever read it may be gone.
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), (start + MESSAGE).encode())
