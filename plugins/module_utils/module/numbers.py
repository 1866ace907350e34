# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules publish what they have changed, for Prometheus; see `run.series`."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App, View
from ansible_collections.luma.deploy.plugins.module_utils.run.series import Series


@contextlib.contextmanager
def series_of(module: AnsibleModule) -> t.Iterator[Series]:
    """The host's series. Whatever goes wrong with them is a warning: it keeps nobody from being served."""
    try:
        yield Series(module.params["state_dir"])
    except Exception as exc:
        module.warn(f"The numbers for Prometheus were not written: {exc}")


def publish(module: AnsibleModule) -> None:
    """Publishes what has records of its own: who holds which lock, what is in maintenance."""
    with series_of(module) as series:
        series.publish()


def publish_serving(module: AnsibleModule, engine: Engine, app: App, result: t.Mapping[str, t.Any]) -> None:
    """Publishes what serves after a step, and what the step has cut."""
    with series_of(module) as series:
        view = View.take(engine, None, app)
        if not view.containers and not series.knows(app.project, app.name):
            # It was removed.
            return
        active = view.of(view.active) if view.active else []
        with series.changed(app.project, app.name) as facts:
            facts.color, facts.release = view.active or "", active[0].release if active else ""
            # Replicas that crash are wanted still; those of an app that is stopped do not run at all.
            facts.replicas = len(active) if any(c.running for c in active) else 0
            facts.inactive = len(view.containers) - len(active)
            facts.cut += result.get("sessions_cut", 0)
            facts.closed += result.get("streams_closed", 0)
