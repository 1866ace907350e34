# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Continuous traffic from the controller through the proxy; documented in the module of the same name."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils.action.login_arguments import logins_in
from ..plugin_utils.traffic.http import LOGIN_VARIABLE
from ..plugin_utils.traffic.report import (
    ASKED_TO,
    Handover,
    Numbers,
    Record,
    Report,
    failures_in_words,
    handovers,
    without_first_start,
)

ARGUMENTS = {
    "state": {"type": "str", "required": True, "choices": ["started", "stopped"]},
    "url": {"type": "str"},
    "host": {"type": "str"},
    "path": {"type": "str", "default": "/up"},
    "proxy_protocol": {"type": "bool", "default": False},
    "basic_auth": {"type": "list", "elements": "str", "default": []},
    "luma_file": {"type": "path"},
    "max_seconds": {"type": "float", "default": 900},
    "report_file": {"type": "path"},
    "min_seconds": {"type": "float", "default": 2},
    "slots": {"type": "dict", "default": {}},
}
REQUIRED_IF = [("state", "started", ("url",)), ("state", "stopped", ("report_file",))]

PLUGINS = Path(__file__).resolve().parents[1]
# A client that was told to stop waits for the answers that are due, each at most 10 s.
SECONDS_TO_END = 30


class ActionModule(ActionBase):
    """Starts the traffic client as a process of its own, or ends it and adds up what it saw."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS, required_if=REQUIRED_IF)
        if self._task.check_mode:
            return {**result, "skipped": True, "report_file": "", "msg": "no traffic in check mode"}
        if arguments["state"] == "started":
            return result | start(arguments)
        report = stop(Path(arguments["report_file"]), arguments["min_seconds"])
        return result | results(report, arguments["slots"]) | {"records_file": arguments["report_file"]}


def start(arguments: dict[str, Any]) -> dict[str, Any]:
    """Start the client. It holds a lock on its report file, by which `stop` knows that it lives.

    The file lies in Ansible's own temporary folder, which goes away with Ansible's run; so does the client.
    """
    url = urlsplit(arguments["url"])
    if url.scheme not in ("http", "https") or not url.hostname:
        raise AnsibleActionFail(f"url is {arguments['url']!r}: an address such as http://127.0.0.1:8080 is needed")
    # Not on its command line, which others can see.
    logins = logins_in(arguments["basic_auth"], arguments["luma_file"])
    login = {LOGIN_VARIABLE: logins[0]} if logins else {}
    report_file = Path(tempfile.mkdtemp(prefix="probe-", dir=constants.DEFAULT_LOCAL_TMP)) / "report"
    command = [sys.executable, "-m", "plugin_utils.traffic.client", "--url", arguments["url"]]
    command += ["--host", arguments["host"] or url.netloc, "--path", arguments["path"]]
    command += ["--proxy-protocol"] if arguments["proxy_protocol"] else []
    command += ["--seconds", str(arguments["max_seconds"]), "--parent", str(os.getppid())]
    with report_file.open("w") as report, _errors_file(report_file).open("w") as errors:
        fcntl.flock(report, fcntl.LOCK_EX)
        client = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=report,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(PLUGINS), **login},
            start_new_session=True,
        )
    return {"pid": client.pid, "report_file": str(report_file)}


def stop(report_file: Path, min_seconds: float) -> Report:
    """End the client, after at least `min_seconds` of traffic. Returns its complete report."""
    try:
        with report_file.open() as file:
            _wait(lambda: report_file.stat().st_size > 0 or not _is_locked(file))
            begun = Report.read(report_file)
            time.sleep(max(0.0, begun.started + min_seconds - time.monotonic()))
            if _is_locked(file):
                os.kill(begun.pid, signal.SIGTERM)
            _wait(lambda: not _is_locked(file))
        report = Report.read(report_file)
    except (OSError, ValueError) as error:
        raise AnsibleActionFail(f"The probe has left no report: {_last_error(report_file) or error}") from error
    if not report.ended_because:
        reason = _last_error(report_file) or "it was killed, or does not end"
        raise AnsibleActionFail(f"The probe did not end as it should: {reason}")
    return report


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_TO_END
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_locked(file: IO[str]) -> bool:
    """Whether the client that writes this file is alive."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _errors_file(report_file: Path) -> Path:
    return report_file.with_name("errors")


def _last_error(report_file: Path) -> str:
    try:
        return _errors_file(report_file).read_text().strip().rpartition("\n")[2]
    except OSError:
        return ""


def results(report: Report, slots: dict[str, str]) -> dict[str, Any]:
    """What the task returns: the numbers, the line for users, and a failure if a request was lost."""
    records, not_counted = without_first_start(report.records)
    numbers = Numbers.of(records)
    switches = handovers(records, answered_by=lambda record: slots.get(record.server, ""))
    result = {
        "changed": False,
        **asdict(numbers),
        "not_counted": not_counted,
        "handovers": [asdict(switch) for switch in switches],
        "report": [_line(numbers, not_counted, switches)],
    }
    if report.ended_because != ASKED_TO:
        result["report"].append(f"⚠️ The probe ended before the deployment: {report.ended_because}")
    if numbers.failed_requests:
        result.update(failed=True, msg=_loss_in_words(records, numbers))
    return result


def _line(numbers: Numbers, not_counted: int, switches: list[Handover]) -> str:
    parts = [
        f"{numbers.requests:,} requests",
        f"{numbers.failed_requests:,} failed",
        f"longest {numbers.longest_ms:.0f} ms",
        *(f"last {switch.before} → first {switch.after} {switch.gap_ms:.1f} ms" for switch in switches),
    ]
    if not_counted:
        parts.append(f"not served before: {not_counted:,} earlier requests not counted")
    return "Probe: " + ", ".join(parts)


def _loss_in_words(records: list[Record], numbers: Numbers) -> str:
    kinds = Counter(record.kind for record in records if record.failure)
    each = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    first = "; ".join(failures_in_words(records))
    return f"{numbers.failed_requests:,} of {numbers.requests:,} requests were lost ({each}). The first: {first}"
