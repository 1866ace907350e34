# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thirds of the table of faults: together they are all of it, and none leaves a fault or a moment out."""

from __future__ import annotations

from itertools import product

import pytest

from tests.fleet.faults import LOST, MOMENTS
from tests.sample import THIRDS, take

ROWS = range(23)


def test_each_row_is_in_one_third() -> None:
    samples = [take(str(third), "") for third in THIRDS]
    assert [sum(sample.has(row) for sample in samples) for row in ROWS] == [1] * len(ROWS)


def test_all_takes_all() -> None:
    assert all(take("all", "abc").has(row) for row in ROWS)


@pytest.mark.parametrize("third", THIRDS)
def test_a_third_has_every_fault_and_every_moment(third: int) -> None:
    taken = [row for number, row in enumerate(product(LOST, MOMENTS)) if take(str(third), "").has(number)]
    assert {fault.name for fault, _moment in taken} == {fault.name for fault in LOST}
    assert {moment.name for _fault, moment in taken} == {moment.name for moment in MOMENTS}


def test_the_commit_decides_and_the_variable_before_it() -> None:
    assert [take("", commit).thirds for commit in ("00", "01", "02", "03")] == [(1,), (2,), (3,), (1,)]
    assert take("2", "00").thirds == (2,)
    assert str(take("", "3f2a9c8000")) == "third 3 of 3 thirds, by commit 3f2a9c8000"


def test_without_a_commit_it_is_the_first_third() -> None:
    assert take("", "").thirds == (1,)
