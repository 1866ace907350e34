# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes each Python that has this folder on its PYTHONPATH look like that of macOS, before it imports anything else.

What only Linux has is gone, and what macOS does otherwise is done that way. mypy --platform darwin, which is part of
`make style`, knows all names that are missing there, but nothing of how functions behave.
"""

from __future__ import annotations

import os
import select
import sys
import types

sys.platform = "darwin"

for module, names in (
    (select, ("epoll", *(name for name in dir(select) if name.startswith("EPOLL")))),
    (os, ("sched_getaffinity", "sched_setaffinity", "pidfd_open", "memfd_create", "eventfd", "O_TMPFILE")),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def refuse(*_arguments: object) -> None:
    # There it ends a process that was forked and did not begin a program of its own, as all that Ansible forks.
    raise AssertionError("asks the system for its proxies")


# urllib.request imports it on macOS.
_scproxy = types.ModuleType("_scproxy")
_scproxy.__dict__.update(_get_proxies=refuse, _get_proxy_settings=refuse)
sys.modules["_scproxy"] = _scproxy

_killpg = os.killpg


def killpg(group: int, number: int) -> None:
    """As XNU's `killpg1`: a group of which nothing is left but what nobody has waited for may not be sent a signal."""
    try:
        ended = os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        ended = None
    if ended:
        raise PermissionError(1, "Operation not permitted")
    _killpg(group, number)


os.killpg = killpg
