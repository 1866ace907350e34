# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the slots of luma-proxy whether a color answers behind them, before it gets the traffic."""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting


class SlotCheck:
    """The check of one app's slots: that of the route which comes with the color or, without one, ``check``."""

    def __init__(self, proxy: Haproxy, app: App, check: HealthCheck | None, rerouting: Rerouting) -> None:
        self.proxy = proxy
        self.app = app
        self.check = check
        self.rerouting = rerouting

    def passes(self, slot: Slot | None) -> bool:
        """Whether one slot answers through the proxy. HAProxy calls a slot UP as soon as its name resolves and checks
        it up to `inter` (30 s) later, so that the switch asks for itself. What HAProxy's own check says until then is
        overruled: it may be the check of the color that serves."""
        if slot is None:
            return False
        port = self.rerouting.port
        if port and slot.port != port:
            self.proxy.set_port(self.app.backend, slot, port)
            return False
        asked = self._asked()
        if asked is None:
            return slot.up
        if not slot.up:
            self.proxy.set_up(self.app.backend, [slot.name])
            return False
        return 200 <= self.proxy.request_slot(self.app.backend, slot.name, *asked) < 300

    def give_ports_back(self, slots: t.Iterable[Slot]) -> None:
        """Takes back what `passes` has set. Once a slot has lost its address, its port cannot be changed any more."""
        port = self.rerouting.loaded_port
        for slot in slots:
            if port is not None and slot.port != port:
                self.proxy.set_port(self.app.backend, slot, port)

    def _asked(self) -> tuple[str, str, float] | None:
        """Path, Host header, and seconds for an answer; None where a connection is all that is checked."""
        route, check = self.rerouting.route, self.check
        if route:
            return (route.check_path, route.check_host, route.check_timeout) if route.check_path else None
        return (check.path, check.host, check.timeout) if check and check.kind == "http" else None

    def answer_waiting(self, ready: t.Sequence[Slot]) -> None:
        """Lets the new color have the requests that wait for a replica, if none served before: a slot takes them when a
        request on it ends, and not when it becomes ready (HAProxy 3.0: `process_srv_queue`)."""
        if not self.proxy.waiting(self.app.backend):
            return
        path, host, timeout = self._asked() or ("/", "localhost", 1.0)
        for slot in ready:
            self.proxy.request_slot(self.app.backend, slot.name, path, host, timeout)
