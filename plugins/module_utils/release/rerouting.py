# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an app's route at a switch: it changes with the color, so that neither color is asked on the other
one's port, or for the other one's health check."""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route


class Rerouting:
    """One switch's. ``wanted``: the route for the color that is switched to. ``restored``: it gets the one back with
    which it had the traffic last. With neither, and without a ``proxy``, the route stays what it is."""

    def __init__(
        self, proxy: Proxy | None = None, backend: str = "", wanted: Route | None = None, restored: bool = False
    ) -> None:
        self.proxy = proxy
        self.backend = backend
        self.wanted = wanted
        self.restored = restored
        self.route: Route | None = None
        self.is_due = False

    def choose(self, color: str, moves: bool) -> None:
        """Finds the ``route`` for a color, and whether it has to be loaded (``is_due``). ``moves``: whether the traffic
        is still to be moved to the color."""
        self.route = self.wanted
        if self.proxy and self.restored and moves:
            self.route = self.proxy.routes.kept(self.backend, color)
        self.is_due = bool(self.proxy and self.route and self.proxy.differs(self.route))

    @property
    def port(self) -> int | None:
        """The port on which the color is to be asked; None for the one that its slots have."""
        return self.route.app_port if self.route else None

    @property
    def loaded_port(self) -> int | None:
        """The port of the route that the proxy has."""
        loaded = self.proxy.routes.of(self.backend) if self.proxy else None
        return loaded.app_port if loaded else None

    def keep(self, color: str) -> None:
        """Keeps the route that the proxy has as the one of the color that has the traffic."""
        if self.proxy:
            self.proxy.routes.keep(self.backend, color)

    def load(self) -> None:
        if self.proxy and self.route:
            self.proxy.load(self.route)

    def change_sticky_key(self) -> str:
        """The key that the cookies of the new color begin with; empty where visitors are not kept with a replica."""
        return self.proxy.change_sticky_key(self.backend) if self.proxy else ""
