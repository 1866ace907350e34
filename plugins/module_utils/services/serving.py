# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container of a service: what it is made with, and whether it serves."""

from __future__ import annotations

import json
import math
import time
import typing as t
from dataclasses import replace

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import port_bindings
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_CONFIG_HASH
from ansible_collections.luma.deploy.plugins.module_utils.release.health import (
    HealthCheck,
    Probe,
    Verdict,
    describe_failure,
    failure_text,
    wait_until_healthy,
)
from ansible_collections.luma.deploy.plugins.module_utils.services.specification import LABEL_RUNTIME, Service


def create_container(
    engine: Engine, service: Service, network: str, name: str, binds: t.Sequence[str], address: str = ""
) -> None:
    """Creates a container that Docker does not start again by itself: one that fails shows how it ended. Without an
    ``address`` it gets a free one."""
    published = port_bindings(service.ports)
    service.runtime.refuse_missing(engine)
    service.mounts.place()
    with engine.free_addresses(service.project, network) as addresses:
        engine.create(
            name,
            service.image,
            network,
            labels={
                **service.runtime.labels,
                **service.owner,
                LABEL_CONFIG_HASH: service.config_hash,
                **({LABEL_RUNTIME: json.dumps(service.runtime.given)} if service.runtime.given else {}),
            },
            aliases=[service.name],
            address=address or next(addresses, ""),
            command=service.command,
            environment=dict(service.environment),
            stop_timeout=round(service.stop_timeout),
            ports=[tuple(port.split("/")) for port in published],
            host={
                **service.mounts.host,
                **service.runtime.host,
                "binds": list(binds),
                "port_bindings": published,
            },
            **service.runtime.config,
        )
    service.runtime.attach(engine, name)


def wait_until_it_serves(engine: Engine, service: Service, network: str, name: str) -> Verdict:
    """Whether a started container serves: its health check says so, or its image's HEALTHCHECK, whose own limits bound
    it; without one it has to stay running for a moment."""
    container = engine.container(name, network)
    check = service.check or HealthCheck("image" if container and container.health else "running")
    deadline = time.monotonic() + check.longest if service.check else math.inf
    verdict = wait_until_healthy(engine, check, name, network, deadline)
    restarts = verdict.container.restarts
    if not restarts:
        return verdict
    return replace(verdict, healthy=False, last=Probe(False, f"Docker restarted it {restarts} times"))


def require_that_it_serves(engine: Engine, service: Service, network: str, name: str) -> None:
    """Raises `LumaError` where it does not, with what it said."""
    verdict = wait_until_it_serves(engine, service, network, name)
    if not verdict.healthy:
        failure = describe_failure(engine, verdict, service.check or HealthCheck("running"))
        raise LumaError(f"Service {service.name} failed. {failure_text(failure)}", failures=[failure])
