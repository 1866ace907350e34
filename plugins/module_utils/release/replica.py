# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container of a new replica: what it is made with."""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import port_bindings
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_COLOR,
    LABEL_CONFIG_HASH,
    LABEL_PROJECT,
    LABEL_RELEASE,
    LABEL_REPLICA,
    LABEL_SCHEDULE,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.wanted import Wanted


def create_replica(
    engine: Engine, app: App, wanted: Wanted, color: str, release: str, name: str, number: int, address: str
) -> None:
    """Creates the container ``name`` of replica ``number``, with an ``address`` on the app's network, or any if that is
    empty. It does not have the app's alias yet, and is not started."""
    published = port_bindings(wanted.ports)
    engine.create(
        name,
        wanted.image,
        app.network,
        labels={
            **wanted.runtime.labels,
            LABEL_PROJECT: app.project,
            LABEL_APP: app.name,
            LABEL_COLOR: color,
            LABEL_REPLICA: str(number),
            LABEL_RELEASE: release,
            LABEL_CONFIG_HASH: wanted.config_hash,
            **({LABEL_SCHEDULE: wanted.schedule} if wanted.schedule else {}),
        },
        aliases=[app.temporary_alias(color, number, wanted.replicas)],
        address=address,
        command=wanted.command,
        environment=dict(wanted.environment, LUMA_COLOR=color, LUMA_RELEASE=release),
        ports=[tuple(port.split("/")) for port in published],
        host={**wanted.mounts.host, **wanted.runtime.host, "port_bindings": published},
        **wanted.runtime.config,
    )
    wanted.runtime.attach(engine, name)
