# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run takes a third of each table of faults, since all of them take too long. The commit's hash decides which, so
that a run can be repeated, and commits take all thirds in turn. LUMA_TEST_FAULTS=all takes all, =2 the second.

A table is what a file has of tests that are marked `sampled`."""

from __future__ import annotations

import functools
import os
import subprocess
from typing import NamedTuple

from tests.host import ROOT

THIRDS = (1, 2, 3)
VARIABLE = "LUMA_TEST_FAULTS"


class Sample(NamedTuple):
    """The thirds of the table that a run takes, and in words what decided that."""

    thirds: tuple[int, ...]
    reason: str

    def __str__(self) -> str:
        which = "all" if self.thirds == THIRDS else f"third {self.thirds[0]}"
        return f"{which} of {len(THIRDS)} thirds, by {self.reason}"

    def has(self, row: int) -> bool:
        """Whether it has the row of that number, which begins with 0."""
        return third_of(row) in self.thirds


def third_of(row: int) -> int:
    """Return the third that a row belongs to. Rows come in blocks of three moments: no third has one moment alone."""
    return THIRDS[(row + row // len(THIRDS)) % len(THIRDS)]


def take(wanted: str, commit: str) -> Sample:
    """Return what the variable asks for, or else what belongs to the commit; both may be empty."""
    if wanted == "all":
        return Sample(THIRDS, VARIABLE)
    if wanted:
        return Sample((THIRDS[int(wanted) - 1],), VARIABLE)
    if commit:
        return Sample((THIRDS[int(commit, 16) % len(THIRDS)],), f"commit {commit[:10]}")
    return Sample(THIRDS[:1], "default: no commit is known")


@functools.cache
def of_this_run() -> Sample:
    return take(os.environ.get(VARIABLE, ""), head())


def head() -> str:
    """Return the hash of the commit that is checked out; empty if that is not known."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
