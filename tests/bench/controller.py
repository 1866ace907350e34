# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of luma costs the machine that it is started on."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from tests.fleet.fleet import parents
from tests.host import LUMA

SAMPLE_SECONDS = 5.0
"""Between two looks at the memory, which take some CPU themselves."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """Seconds; CPU seconds and peak memory (MB) of all of its processes; the ssh connections that it has opened."""

    seconds: float
    cpu: float
    memory: float
    connections: int
    output: str


def run_luma(folder: Path, *words: str, **environment: str) -> Run:
    """Run a luma command with the luma.yml and the hosts.yml of that folder. No ssh connection is open before."""
    controls = folder / "ssh"
    command = [str(LUMA), "-c", str(folder / "luma.yml"), "-i", str(folder / "hosts.yml"), *words]
    output = folder / "output"
    began = time.monotonic()
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(controls), **environment},
        )
    with peak_memory(process.pid, controls) as peak:
        _pid, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    opened = connections(controls)
    cpu = usage.ru_utime + usage.ru_stime + sum(cpu_seconds(pid) for pid in opened)
    for pid in opened:
        os.kill(pid, 15)
    assert os.waitstatus_to_exitcode(status) == 0, output.read_text()
    return Run(seconds, cpu, max(peak), len(opened), output.read_text())


def connections(controls: Path) -> list[int]:
    """The ssh processes that hold connections open for later tasks, whose sockets are in that folder."""
    title = f"ssh: {controls}/".encode()
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if line.read_bytes().startswith(title):
                found.append(int(line.parent.name))
    return found


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


@contextmanager
def peak_memory(pid: int, controls: Path) -> Iterator[list[float]]:
    """Look at the memory of a process, of all that it has started and of its connections again and again."""
    samples = [0.0]
    ended = Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            samples.append(sum(map(memory, family(pid).union(connections(controls)))))

    thread = Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def family(pid: int) -> set[int]:
    """A process, those that it has started, those that these have started, and so on."""
    parent_of = parents()
    found = generation = {pid}
    while generation := {child for child, parent in parent_of.items() if parent in generation}:
        found = found | generation
    return found


def memory(pid: int) -> float:
    """What a process takes, in MB; its part of what it shares with others."""
    with suppress(OSError):  # it has just ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
