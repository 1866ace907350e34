# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who deploys: the identity of one run of ansible-playbook, which holds the locks of the apps that it deploys."""

from __future__ import annotations

import getpass
import os
import secrets
import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.run.lock import boot_id, uptime
from ansible_collections.luma.deploy.plugins.plugin_utils.processes import is_alive


def identity(pid: int) -> dict[str, Any]:
    """The run whose main process has this id.

    ``id`` is random; ``by`` is user@host; ``host``, ``pid``, ``pid_started`` (clock ticks since boot) and ``boot`` tell
    the process from any other, where the system has a /proc; ``command`` is what the user has typed.
    """
    host = socket.gethostname()
    return {
        "id": secrets.token_hex(8),
        "by": f"{user()}@{host}",
        "host": host,
        "pid": pid,
        "pid_started": started(pid) or "",
        "boot": boot(),
        "command": os.environ.get("LUMA_COMMAND") or shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def has_ended(run: Mapping[str, Any]) -> bool:
    """Whether a run is known to have ended: it was one of this machine, and its process is gone. Another machine's run
    is judged by the sign of life in its lock."""
    here = run["boot"] and (run["host"], run["boot"]) == (socket.gethostname(), boot())
    if not here or not run["pid_started"]:
        return False
    began = started(int(run["pid"]))
    return not is_alive(int(run["pid"])) if began is None else began != run["pid_started"]


def seconds_of(run: Mapping[str, Any]) -> float | None:
    """How long a run of this machine has lasted; None where the system has no /proc."""
    began = run["pid_started"]
    return round(uptime() - int(began) / os.sysconf("SC_CLK_TCK"), 1) if began else None


def user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user without a name, as in a container.
        return str(os.getuid())


def boot() -> str:
    """Within what a process id means one process: the start of the system, and the PID namespace, since containers may
    have both the system's name and its boot id."""
    try:
        return f"{boot_id()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        # A system without a /proc.
        return ""


def started(pid: int) -> str | None:
    """When a process started, proc(5) /proc/PID/stat field 22; None where that cannot be read, empty for a zombie,
    which has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
