# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handover of what must not run twice (``overlap: false``): the old color is stopped, then the new one is started,
and where that one fails the old one is started again. It comes before the alias is moved."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View, other
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import stop
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck
from ansible_collections.luma.deploy.plugins.module_utils.release.start import start_all
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held

STARTED_AGAIN = "It was stopped, and what ran before was started again."


@dataclass(frozen=True)
class Handover:
    """One handover of one app on one host to ``color``. ``stop_timeout`` in seconds."""

    engine: Engine
    app: App
    color: str
    check: HealthCheck
    stop_timeout: float
    held: Held

    def run(self, check_mode: bool = False) -> list[str]:
        """Returns what was done, nothing where the color alone runs already. Raises `LumaError` where the color does
        not become healthy."""
        view = View.take(self.engine, None, self.app)
        old, new = view.of(other(self.color)), view.of(self.color)
        ends, starts = [c for c in old if c.running], [c for c in new if not c.running]
        if not new or not (ends or starts):
            return []
        if not check_mode:
            self._stop(ends)
            try:
                self._start([c.name for c in starts])
            except BaseException:
                self._go_back(new, old)
                raise
        parts = [f"stopped {_names(ends)}"] if ends else []
        parts += [f"started {_names(starts)}"] if starts else []
        return [", then ".join(parts).capitalize()]

    def _stop(self, containers: t.Sequence[Container]) -> None:
        in_parallel(lambda c: stop(self.engine, c, self.stop_timeout), containers)

    def _start(self, names: t.Sequence[str]) -> None:
        work = f"The handover of {self.app.name}"
        start_all(self.engine, self.app, self.check, names, self.held, work, STARTED_AGAIN)
        in_parallel(self.engine.keep_running, names)

    def _go_back(self, new: t.Sequence[Container], old: t.Sequence[Container]) -> None:
        # Where the engine is what failed, the next run does it.
        with contextlib.suppress(LumaError):
            self._stop([c for c in map(self._now, new) if c and c.running])
            in_parallel(lambda c: self.engine.start(c.id), old)

    def _now(self, container: Container) -> Container | None:
        return self.engine.container(container.id, self.app.network)


def _names(containers: t.Sequence[Container]) -> str:
    return ", ".join(c.name for c in containers)
