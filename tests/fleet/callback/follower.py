# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a test of each task before the hosts get it, and waits until the test says that the run may go on.

LUMA_TEST_FOLLOWER is the port on 127.0.0.1 where the test listens (see `Run` in fleet.py). The product knows nothing
of it.
"""

from __future__ import annotations

import os
import socket

from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome_callback import what_runs


class CallbackModule(CallbackBase):
    """Ansible calls it in its main process, which does nothing else meanwhile."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "follower"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        connection = socket.create_connection(("127.0.0.1", int(os.environ["LUMA_TEST_FOLLOWER"])))
        self._test = connection.makefile("rw", buffering=1)

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        module, _arguments = what_runs(task)
        print(module, file=self._test)
        self._test.readline()
