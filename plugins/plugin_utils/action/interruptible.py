# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a module that takes long, and works on its host, that the user wants the transaction to end."""

from __future__ import annotations

import contextvars
import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.action.interruption import requested
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.quick_module import QuickModule

#: The pause between two looks whether it is wanted, in seconds.
INTERVAL = 0.2
#: What of the module's options says where the lock is.
OPTIONS = ("project", "app", "state_dir")


class Interruptible(QuickModule):
    """An action whose module works under the lock of the transaction that its option ``run`` names."""

    @contextmanager
    def interruptible(self, task_vars: dict[str, Any]) -> Iterator[None]:
        """Meanwhile, a wish to end is noted in the lock on the host, by a second connection; the module looks there.
        Where that is not possible, the module ends in its own time."""
        ended = threading.Event()
        # Ansible keeps what a task is about in context variables, which a thread does not have by itself.
        arguments = (self._interrupt_where_requested, ended, task_vars)
        watcher = threading.Thread(target=contextvars.copy_context().run, args=arguments, daemon=True)
        if self._task.args.get("run"):
            watcher.start()
        try:
            yield
        finally:
            ended.set()
            if watcher.is_alive():
                watcher.join()

    def _interrupt_where_requested(self, ended: threading.Event, task_vars: dict[str, Any]) -> None:
        while not requested():
            if ended.wait(INTERVAL):
                return
        given = self._task.args
        lock = {option: given[option] for option in OPTIONS if option in given}
        messenger = copy.copy(self)
        messenger._connection = second(self._connection)
        with suppress(AnsibleError):
            messenger._execute_module(
                "luma.deploy.deploy_lock",
                {**lock, "state": "interrupted", "run": {"id": given["run"]}},
                task_vars=task_vars,
            )


def second(connection: ConnectionBase) -> ConnectionBase:
    """Another connection to the same host, with a temporary folder of its own."""
    other = copy.copy(connection)
    other._shell = copy.copy(connection._shell)
    other._shell.tmpdir = None
    return other
