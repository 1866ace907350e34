# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app on one host: its containers by color, which color is active, and the names that belong to it.

The alias in a container's endpoint is the only record of the active color. The proxy is asked only where both colors
hold the alias, which is how a run that was killed within a switch leaves them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import Slot
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import backend_name
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy

COLORS = ("blue", "green")


def other(color: str) -> str:
    return COLORS[1 - COLORS.index(color)]


@dataclass(frozen=True)
class App:
    """The names of one app of one project on one host. ``own_network``: another network than the project's, see
    `takeover.takeover`."""

    project: str
    name: str
    own_network: str = ""

    @property
    def network(self) -> str:
        return self.own_network or self.project + "-network"

    @property
    def alias(self) -> str:
        return self.name

    @property
    def backend(self) -> str:
        return backend_name(self.project, self.name)

    def container_name(self, color: str, replica: int, replicas: int) -> str:
        suffix = "" if replicas == 1 else f"-{replica}"
        return f"{self.name}-{color}{suffix}"

    def temporary_alias(self, color: str, replica: int, replicas: int) -> str:
        suffix = "" if replicas == 1 else f"-{replica}"
        return f"{self.name}-{color}-temp{suffix}"


@dataclass(frozen=True)
class View:
    """What is on the host at one moment: the app's containers and, where a proxy routes the app, its slots."""

    app: App
    containers: tuple[Container, ...]
    slots: tuple[Slot, ...] = ()

    @classmethod
    def take(cls, engine: Engine, proxy: Haproxy | None, app: App) -> View:
        containers = engine.containers(app.project, app.name, app.network)
        return cls(app, tuple(containers), tuple(proxy.slots(app.backend)) if proxy else ())

    def of(self, color: str) -> list[Container]:
        return [c for c in self.containers if c.color == color]

    def holders(self, color: str) -> list[Container]:
        """The containers of a color that hold the alias."""
        return [c for c in self.of(color) if self.app.alias in c.aliases]

    def addresses(self, color: str) -> set[str]:
        return {c.address for c in self.of(color) if c.address}

    def slots_of(self, color: str) -> list[Slot]:
        addresses = self.addresses(color)
        return [slot for slot in self.slots if slot.address in addresses]

    @property
    def active(self) -> str | None:
        """The active color: the one that holds the alias; None where none does.

        Where both do, a switch did not finish. Then it is the color that the proxy sends requests to. Without that
        answer (no proxy, or one that lost its flags in a restart and serves both) it is the color all of whose
        containers hold the alias, since the other one is still being given it, or already losing it. Where that holds
        for both, too, it is the newer one, which was healthy before it got the alias.
        """
        holding = [color for color in COLORS if self.holders(color)]
        if len(holding) < 2:
            return holding[0] if holding else None
        for candidates in (
            [c for c in holding if any(slot.serving for slot in self.slots_of(c))],
            [c for c in holding if len(self.holders(c)) == len(self.of(c))],
        ):
            if len(candidates) == 1:
                return candidates[0]
        return max(holding, key=lambda color: max(c.created for c in self.of(color)))

    def settled_on(self, color: str) -> bool:
        """Whether nothing is left to do for this color to be the only one: it holds the alias, the other color has
        no container, and no slot is held."""
        return (
            len(self.holders(color)) == len(self.of(color)) > 0
            and not self.of(other(color))
            and not any(slot.held for slot in self.slots)
        )
