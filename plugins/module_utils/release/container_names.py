# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an app's containers are called on a host. Their names belong to the whole engine, and several projects may have
an app called blog::

    blog-green-1        as long as no other project's container has one of the names that the app needs
    shop-blog-green-1   for the project shop, if one has

Nothing finds a container by its name: the labels say whose it is. A name is chosen, and its container created, while
`Engine.free_addresses`, or `exclusive` on the same folder, keeps other runs of luma from choosing: no two take one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import name_is_taken
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_COLOR,
    LABEL_MANAGED,
    LABEL_PROJECT,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, App

Labels = t.Mapping[str, str]


def names_of_colors(engine: Engine, app: App, replicas: int) -> dict[str, list[str]]:
    """The names of each color's containers. Both count, since the next deployment is one of the other color. Raises
    `LumaError` if somebody other than luma has one of them."""
    plain = {
        color: [app.container_name(color, number, replicas) for number in range(1, replicas + 1)] for color in COLORS
    }

    def is_own(labels: Labels) -> bool:
        # A container without a color has its labels from an image that was built for the app. The earlier luma's are
        # taken over under other names.
        if LABEL_MANAGED in labels:
            return False
        found = labels.get(LABEL_PROJECT), labels.get(LABEL_APP)
        return found == (app.project, app.name) and labels.get(LABEL_COLOR) in COLORS

    prefix = prefix_of(engine, app, [*plain["blue"], *plain["green"]], is_own)
    return {color: [prefix + name for name in names] for color, names in plain.items()}


def prefix_of(engine: Engine, app: App, names: t.Sequence[str], is_own: t.Callable[[Labels], bool]) -> str:
    """What has to stand before these names of an app's containers: nothing, or the project's name. An app that has
    containers with the prefix keeps it, so that its names do not change whenever another project's do."""
    known = {name: row["Labels"] or {} for row in engine.list_containers() for name in _names_in(row)}
    others = {name: labels for name, labels in known.items() if not is_own(labels)}
    for name in names:
        if name in others and LABEL_PROJECT not in others[name]:
            raise name_is_taken(name, others[name])
    prefix = app.project + "-"
    prefixed = tuple(f"{prefix}{app.name}-{color}" for color in COLORS)
    if others.keys().isdisjoint(names) and not any(name.startswith(prefixed) for name in known.keys() - others.keys()):
        return ""
    for name in names:
        if prefix + name in others:
            raise name_is_taken(prefix + name, others[prefix + name])
    return prefix


def _names_in(row: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    # One that is just being removed may have none.
    return (name.lstrip("/") for name in row["Names"] or ())
