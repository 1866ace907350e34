# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task came to on a host: the lines for the user, and the exit code of the luma command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import LOOP_VARIABLE

# From the most important to the least: what a run comes to whose tasks came to several.
INTERRUPTED = 130
INVALID_INPUT = 2
LOCKED = 4
UNREACHABLE = 3
FAILED = 1
PRECEDENCE = (INTERRUPTED, INVALID_INPUT, LOCKED, UNREACHABLE, FAILED)

OWN = "luma.deploy."
BARRIER = "luma.deploy.barrier"
HOOK = "luma.deploy.hook"
REMOVAL = "luma.deploy.removal"
# What these report is about the whole run, not about the host that they ran on.
OF_THE_RUN = (
    BARRIER,
    HOOK,
    REMOVAL,
    "luma.deploy.config",
    "luma.deploy.notify",
    "luma.deploy.overview",
    "luma.deploy.probe",
)


class State(Enum):
    OK = "ok"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    # It failed, or was unreachable, and the playbook goes on with that.
    IGNORED = "ignored"


@dataclass(frozen=True)
class Outcome:
    """One task on one host. ``values`` is all that its module returned; ``began`` and ``ended`` are seconds of
    `time.monotonic()` on the controller."""

    host: str
    task: str
    module: str
    values: dict[str, Any]
    state: State = State.OK
    began: float = 0.0
    ended: float = 0.0

    @property
    def is_own(self) -> bool:
        """Whether the module is one of luma's, whose return values and messages are written for users."""
        return self.module.startswith(OWN)

    @property
    def changed(self) -> bool:
        return bool(self.values.get("changed"))

    @property
    def failed(self) -> bool:
        return self.state is not State.OK

    @property
    def app(self) -> str | None:
        """The app, or the service, that a module of luma's was about."""
        arguments = self.values.get("invocation", {}).get("module_args", {})
        name = arguments.get("app") or arguments.get("service") or self.values.get("app") or self._process.get("name")
        return str(name) if name and self.is_own else None

    @property
    def lines(self) -> list[str]:
        """What was done, as the user reads it."""
        report = self.values.get("report", ())
        if self.module in ("ansible.builtin.debug", "debug"):
            report = [self.values["msg"]] if "msg" in self.values else []
        return [f"{self._where}{line}" for line in report]

    @property
    def _where(self) -> str:
        """What stands before a line: the host, and the process of an app that has several."""
        if self.module in OF_THE_RUN:
            return ""
        name = self._process.get("name")
        return f"[{self.host}] {name}: " if self._process.get("app", name) != name else f"[{self.host}] "

    @property
    def _process(self) -> Mapping[str, Any]:
        """The app, or the process of one, that it was this task's turn for; empty if it is done once on each host."""
        return self.values.get(LOOP_VARIABLE) or {}

    @property
    def warnings(self) -> list[str]:
        where = self._where
        return [f"{where}⚠️ {warning}" for warning in self.values.get("warnings", ())]

    @property
    def errors(self) -> list[str]:
        """Why it failed: empty where it did not."""
        message = self.values.get("msg", "failed without a message")
        if self.state is State.UNREACHABLE:
            return [f"[{self.host}] ❌ cannot be reached: {message}"]
        if self.state is not State.FAILED:
            return []
        if self.module in (BARRIER, REMOVAL):
            # It speaks of several hosts, and names them itself.
            return message.splitlines()
        if self.values.get("invalid_input") or self.module == HOOK:
            # It is about no host; what is wrong may be many lines.
            return [f"❌ {message}"]
        # luma's own messages say what happened; those of other modules need to be told by their task.
        task = "" if self.is_own else f"{self.task}: "
        details = [str(self.values[name]) for name in ("stderr", "module_stderr") if self.values.get(name)]
        return [f"[{self.host}] ❌ {task}{message}", *details]

    @property
    def exit_code(self) -> int:
        values = self.values
        if self.state in (State.OK, State.IGNORED):
            return 0
        if values.get("interrupted"):
            return INTERRUPTED
        if values.get("invalid_input"):
            return INVALID_INPUT
        if values.get("locked"):
            return LOCKED
        if self.state is State.UNREACHABLE or values.get("unreachable_engine"):
            return UNREACHABLE
        return FAILED


def exit_code_of(codes: Iterable[int]) -> int:
    found = set(codes)
    return next((code for code in PRECEDENCE if code in found), 0)
