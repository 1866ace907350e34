# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the agent runs (openssl, lego), which end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: What a program needs of the agent's own environment.
PASSED_ON = ("PATH", "HOME", "TMPDIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Done:
    """A program that has ended by itself. ``output``: what it said, on both its ways."""

    status: int
    output: str


class Commands:
    """Runs programs; `end` ends those that run, and none is started after it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    def run(
        self,
        arguments: t.Sequence[str],
        timeout: float,
        given: str = "",
        environment: t.Mapping[str, str] | None = None,
        folder: str = "/",
    ) -> Done:
        """Runs a program in a folder, with ``given`` as its input. Arguments are seen by everybody on the host: what is
        secret goes by the ``environment``, a file or the input. Raises `LumaError` where it does not end in ``timeout``
        seconds."""
        own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = self._start(arguments, {**own, **(environment or {})}, folder)
        try:
            output, _nothing = process.communicate(given, timeout)
        except subprocess.TimeoutExpired as exc:
            raise LumaError(f"{arguments[0]} did not finish within {timeout:g} seconds, and was ended.") from exc
        finally:
            if process.poll() is None:
                _kill(process)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=1)
            with self._lock:
                self._running.discard(process)
        return Done(process.returncode, output)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                _kill(process)

    def _start(
        self, arguments: t.Sequence[str], environment: t.Mapping[str, str], folder: str
    ) -> subprocess.Popen[str]:
        with self._lock:
            if self._ended:
                raise LumaError("The agent ends.")
            try:
                # Not AnsibleModule.run_command: what is here knows no Ansible.
                # pylint: disable-next=ansible-bad-function
                process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=folder,
                    text=True,
                    errors="replace",
                    # A group of its own, so that what it starts ends with it.
                    start_new_session=True,
                )
            except OSError as exc:
                raise LumaError(f"{arguments[0]} cannot be started: {exc.strerror or exc}.") from exc
            self._running.add(process)
            return process


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
