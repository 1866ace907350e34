# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that waits, done for several things at the same time. The image's Python is Debian's minimal one, which has no
``concurrent.futures``."""

from __future__ import annotations

import threading
import typing as t

T = t.TypeVar("T")
R = t.TypeVar("R")


def at_once(work: t.Callable[[T], R], things: t.Sequence[T]) -> list[R]:
    """What the work comes to for each, in their order. It raises nothing but mistakes, the first of which is raised."""
    done: dict[int, R] = {}
    wrong: list[Exception] = []

    def one(number: int, thing: T) -> None:
        try:
            done[number] = work(thing)
        except Exception as exc:
            wrong.append(exc)

    threads = [threading.Thread(target=one, args=each, daemon=True) for each in enumerate(things)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return [done[number] for number in range(len(things))]
