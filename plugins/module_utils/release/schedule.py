# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that runs at given times: a deployment only creates its container, and the host's cron starts it.

Cron has a file for each such process as long as a color of it is active and it is not stopped. The program that cron
runs asks the engine which container has the alias (`release.due`), so that a switch changes nothing but the times.
"""

from __future__ import annotations

import pkgutil
import re
import shlex
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file
from ansible_collections.luma.deploy.plugins.module_utils.release import due
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App

CRON_FOLDER = Path("/etc/cron.d")
#: What cron's process is called: Debian's, and that of Red Hat and Alpine.
CRON = ("cron", "crond")
PROGRAM = "start-due"
POLL_SECONDS = 0.2

FILE = """\
# Written by luma, which removes it with {app} of project {project}. The times are those of this host's clock.
{when} root {command}
"""


@dataclass(frozen=True)
class Schedule:
    """That of one app on one host. ``state_dir`` is luma's folder there."""

    engine: Engine
    app: App
    state_dir: str

    @property
    def file(self) -> Path:
        """Cron reads files of these letters only (cron(8) of Debian); others are written by their codes."""
        name = re.sub(r"[^a-z0-9-]", lambda found: f"_{ord(found[0]):x}", f"{self.app.project}--{self.app.name}")
        return CRON_FOLDER / f"luma-{name}"

    def refuse_missing(self) -> None:
        """Raises `LumaError` where nobody would start the container."""
        if not has_cron():
            raise LumaError(f"{without_cron(self.app.name)} Nothing was changed.")

    def is_set(self, when: str) -> bool:
        """Whether cron starts it at these times, and with no times whether it does not."""
        if not when:
            return not self.file.exists()
        return (_read(self.file), _read(self.program)) == (self._wanted(when), _source())

    def set(self, when: str) -> None:
        """Has cron start it at these times; with none, not any more. Raises `LumaError`."""
        try:
            if not when:
                self.file.unlink(missing_ok=True)
                return
            self.program.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self.program, _source())
            write_file(self.file, self._wanted(when), mode=0o644)
        except OSError as exc:
            raise LumaError(f"Cron could not be told of {self.app.name}'s schedule: {exc}") from exc

    def follow(self, containers: t.Sequence[Container], check_mode: bool = False) -> list[str]:
        """Makes it that of the active color's ``containers``. Returns what was done, nothing where it was so."""
        when = containers[0].schedule if containers else ""
        if self.is_set(when):
            return []
        if not check_mode:
            self.set(when)
        return [f"{self.app.name} is started at {when}" if when else f"{self.app.name} has no schedule any more"]

    @property
    def program(self) -> Path:
        return Path(self.state_dir, PROGRAM)

    def _wanted(self, when: str) -> str:
        words = [sys.executable, str(self.program), self.engine.docker_host, self.app.project, self.app.name]
        # To cron a percent sign is the end of a line.
        command = " ".join(map(shlex.quote, words)).replace("%", "\\%")
        return FILE.format(app=self.app.name, project=self.app.project, when=when, command=command)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def _source() -> str:
    """The program that cron runs."""
    return (pkgutil.get_data(due.__package__ or "", "due.py") or b"").decode("utf-8")


def has_cron() -> bool:
    """Whether somebody starts on this host what is due."""
    return CRON_FOLDER.is_dir() and any(name in CRON for name in _processes())


def without_cron(app: str) -> str:
    return (
        f"{app} has a schedule, and no cron runs on this host that would keep it. On Debian and Ubuntu: apt-get "
        "install cron; on Fedora and Red Hat: dnf install cronie."
    )


def wait_for_jobs(engine: Engine, app: App, containers: t.Sequence[Container], seconds: float) -> None:
    """Gives jobs that run the time to end by themselves."""
    at_work = [c.id for c in containers if c.schedule and c.running]
    deadline = time.monotonic() + seconds
    while at_work and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        found = [engine.container(each, app.network) for each in at_work]
        at_work = [c.id for c in found if c and c.running]


def _processes() -> t.Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/comm"):
        try:
            yield file.read_text(encoding="utf-8").strip()
        except OSError:
            # It has ended meanwhile.
            continue
