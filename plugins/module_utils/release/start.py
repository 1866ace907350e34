# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of containers, all at once, the wait for them, and the error where they do not become healthy."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.health import (
    HealthCheck,
    Verdict,
    describe_failure,
    failure_text,
    wait_until_healthy,
)
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held


def start_all(
    engine: Engine,
    app: App,
    check: HealthCheck,
    names: t.Sequence[str],
    held: Held,
    work: str,
    what_now: str,
    deadline: float = 0.0,
) -> float:
    """Starts containers, and waits until each is healthy; returns the time of `time.monotonic` at which all had been
    started. ``work`` ("The preparation of blog") is what ends where the lock is lost; ``what_now``: what becomes of
    the containers where one fails. Without a ``deadline`` the check's own limits are the longest."""
    in_parallel(engine.start, names)
    started = time.monotonic()
    verdicts = _wait_for_all(engine, app, check, names, deadline or started + check.longest, held)
    held.stop_where_lost(work)
    _raise_unhealthy(engine, app, check, verdicts, what_now)
    return started


def _wait_for_all(
    engine: Engine, app: App, check: HealthCheck, names: t.Sequence[str], deadline: float, held: Held
) -> list[Verdict]:
    """Waits for all replicas at once; the first that fails ends the wait for the others, and so does the loss of the
    lock. ``deadline`` is a time of `time.monotonic`."""
    failed: list[str] = []

    def give_up() -> bool:
        return bool(failed or held.lost())

    def wait(name: str) -> Verdict:
        verdict = wait_until_healthy(engine, check, name, app.network, deadline, give_up=give_up)
        if not verdict.healthy:
            failed.append(name)
        return verdict

    return in_parallel(wait, names)


def _raise_unhealthy(
    engine: Engine, app: App, check: HealthCheck, verdicts: t.Sequence[Verdict], what_now: str
) -> None:
    """Raises `LumaError` where a replica has failed, with all that is known of it. ``what_now``: what becomes of
    the replicas."""
    bad = [verdict for verdict in verdicts if not verdict.healthy and not verdict.given_up]
    if not bad:
        return
    failures = in_parallel(lambda verdict: describe_failure(engine, verdict, check), bad)
    # The most telling one comes first.
    failures.sort(key=lambda failure: failure["exit_code"] is None)
    text = f"{len(bad)} of {len(verdicts)} replicas of {app.name} failed. {failure_text(failures[0])}\n{what_now}"
    raise LumaError(text, failures=failures)
