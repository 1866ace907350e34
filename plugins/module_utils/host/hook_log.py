# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hooks of apps have written, which is nowhere else once they have ended.

It is ``hook.log`` in luma's folder on the host that the hook was run on, or for which it was run on the controller; and
what was written before the last megabyte ``hook.log.1``. A line is a hook that has ended.
"""

from __future__ import annotations

import datetime
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.rotated_log import MAX_BYTES, RotatedLog

#: Of a hook that writes more, the last lines are kept, and of a line its beginning.
MOST_LINES = 1000
MOST_CHARACTERS = 1000

#: A time, as in `host.logs`, and a text.
Written = t.Tuple[str, str]


class HookLog(RotatedLog):
    """``state_dir`` is luma's folder, by default ``/var/lib/luma``; ``max_bytes`` as in `RotatedLog`."""

    def __init__(self, state_dir: str, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(Path(state_dir, "hook.log"), max_bytes)

    def add(self, project: str, app: str, hook: str, written: t.Sequence[Written]) -> None:
        """Writes down what a hook has written, in which values of secrets have to be hidden already. Raises
        `OSError`."""
        lines = [(at, text[:MOST_CHARACTERS]) for at, text in written[-MOST_LINES:]]
        self.append({"project": project, "app": app, "hook": hook, "lines": lines})

    def lines(self, project: str, apps: t.Collection[str]) -> list[dict[str, str]]:
        """What hooks of these apps have written, in the form of a container's log lines, oldest first."""
        return [
            {"at": at, "container": f"{entry['app']} {entry['hook']}", "name": entry["app"], "text": text}
            for entry in self.entries()
            if entry["project"] == project and entry["app"] in apps
            for at, text in entry["lines"]
        ]


def in_nanoseconds(seconds: float) -> str:
    """A time, given in seconds since 1970, as Docker writes that of a log line: so it sorts as text."""
    time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
