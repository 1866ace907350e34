# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gets and renews the certificates of a host's apps. Started with ``python3 -m`` and this module's name.

It runs on each host in a container of its own, without privileges, and needs no controller. What is wanted of each app
lies in a folder that the modules write; what the agent has got goes to the folder from which HAProxy loads it, and to
HAProxy itself. Who orders when is told in `acme.decision`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.acme.app import WANTED, App
from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands
from ansible_collections.luma.deploy.plugins.module_utils.acme.journal import say
from ansible_collections.luma.deploy.plugins.module_utils.acme.tools import Tools, tools_from
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

TICK = 1.0
#: After a tick that did not come to its end, such as one that did not find HAProxy.
AFTER_TROUBLE = 5.0


class Worker(threading.Thread):
    """Looks after one app, so that one that hangs does not keep others waiting."""

    def __init__(self, app: App) -> None:
        super().__init__(name=app.folder.name, daemon=True)
        self.app = app
        self.ended = threading.Event()

    def run(self) -> None:
        pause = 0.0
        while not self.ended.wait(pause):
            pause = self._tick()

    def _tick(self) -> float:
        """Returns how long to wait until the next one."""
        try:
            self.app.tick()
        except (LumaError, OSError, ValueError) as exc:
            self._tell(_words(exc))
        except Exception as exc:
            # A mistake of this program must not end the renewals of an app for good, and nobody would see it.
            self._tell(f"The agent has a mistake ({type(exc).__name__}: {exc}). Please report it.")
        else:
            return TICK
        return AFTER_TROUBLE

    def _tell(self, words: str) -> None:
        # An app that is gone has no trouble.
        if not self.ended.is_set() and (self.app.folder / WANTED).exists():
            self.app.journal.trouble(words)


class Agent:
    """All apps, each in a folder of ``folder``."""

    def __init__(self, folder: Path, tools: Tools) -> None:
        self.folder = folder
        self.tools = tools
        self.workers: dict[str, Worker] = {}

    def look(self) -> None:
        """Takes up apps that are new, and forgets those that are gone."""
        there = {file.parent.name: file.parent for file in self.folder.glob(f"*/{WANTED}")}
        for name, worker in list(self.workers.items()):
            if name not in there:
                worker.ended.set()
            # A folder that comes back waits until the work on the earlier one has ended.
            if not worker.is_alive():
                del self.workers[name]
        for name in there.keys() - self.workers.keys():
            self.workers[name] = Worker(App(self.tools, there[name]))
            self.workers[name].start()


def _words(exc: Exception) -> str:
    if isinstance(exc, OSError):
        return f"{exc.filename or 'The system'} cannot be used: {exc.strerror or exc}. It is tried again."
    return str(exc)


def main() -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    commands = Commands()
    agent = Agent(Path(os.environ.get("LUMA_ACME_FOLDER", "/acme")), tools_from(os.environ, commands))
    say("The agent looks after the certificates of this host's apps.")
    while not ended.is_set():
        agent.look()
        ended.wait(TICK)
    commands.end()
    sys.stdout.flush()
    # Threads that wait for an answer would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
