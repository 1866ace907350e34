# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command of the user's on the controller, and ends it with all that it has started where it has to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from ansible import constants
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import KEY_VARIABLE

#: Seconds between two questions whether the command has ended, or has to.
INTERVAL = 0.1
#: Seconds that a command has after SIGTERM.
GRACE = 10.0
#: What is kept of a command's output: its end, of at most this many bytes.
OUTPUT_BYTES = 100_000


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``code`` is its exit code, negative where a signal killed it; ``stopped`` is why it was
    made to end, empty where it ended by itself."""

    code: int
    seconds: float
    output: tuple[str, ...]
    stopped: str

    @property
    def in_words(self) -> str:
        if self.stopped:
            return f"was stopped after {self.seconds:.1f} s: {self.stopped}"
        how = f"was killed by signal {-self.code}" if self.code < 0 else f"failed with exit code {self.code}"
        return f"{how} after {self.seconds:.1f} s"


def run(
    command: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    reason_to_stop: Callable[[], str],
    stdout: IO[bytes] | None = None,
) -> Ended:
    """Runs a command in a folder, with ``environment`` beside the variables of this process. ``reason_to_stop`` is
    asked all the time: anything but an empty text ends the command. ``stdout``: a file for its standard output, which
    then is no part of what `Ended` has. Raises OSError where it cannot be started."""
    began = time.monotonic()
    # A file: who reads a pipe waits for everything that the command has left running.
    with (
        tempfile.TemporaryFile(dir=constants.DEFAULT_LOCAL_TMP) as output,
        _told_to_end() as told,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**{key: value for key, value in os.environ.items() if key != KEY_VARIABLE}, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout or output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        stopped = ""
        try:
            while not stopped and process.poll() is None:
                time.sleep(INTERVAL)
                stopped = "Ansible ends" if told else reason_to_stop()
        finally:
            if process.returncode is None:
                _end(process)
        return Ended(process.returncode, time.monotonic() - began, _end_of(output), stopped)


@contextlib.contextmanager
def _told_to_end() -> Iterator[list[int]]:
    """The signals that come meanwhile. Ansible's own handler would end this process and its group at once; the command
    is in another group, and would go on."""
    told: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.signal(number, lambda got, _frame: told.append(got)) for number in numbers}
    try:
        yield told
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group: SIGTERM and, where any of it is still there after a while, SIGKILL."""
    deadline = time.monotonic() + GRACE
    # Of a group whose processes have all ended, and that nobody has waited for, macOS says that it is not permitted.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            time.sleep(INTERVAL)
            # What has ended is in its group until it is waited for.
            process.poll()
            os.killpg(process.pid, 0)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_of(output: IO[bytes]) -> tuple[str, ...]:
    """The last lines of a file."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - OUTPUT_BYTES))
    lines = output.read().decode("utf-8", "replace").splitlines()
    return tuple(lines if size <= OUTPUT_BYTES else ["...", *lines[1:]])
