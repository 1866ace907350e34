# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All services (databases, caches) of a project on one host, at the same time."""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import refuse_foreign
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import find
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_SERVICE
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import MISSING
from ansible_collections.luma.deploy.plugins.module_utils.host.wanted_image import WantedImage, wanted_image
from ansible_collections.luma.deploy.plugins.module_utils.services.specification import NEW, Service
from ansible_collections.luma.deploy.plugins.module_utils.services.upkeep import Outcome, Upkeep


def bring_up(
    engine: Engine,
    project: str,
    services: t.Sequence[Service],
    replacing: bool = True,
    check_mode: bool = False,
    restart: bool = False,
) -> list[Outcome | LumaError]:
    """Brings all services of one host to what they have to be, at the same time; the failure of one is in its place.
    Without ``replacing``, a service that differs is kept as it is. ``restart``: those that run are started again.
    Errors that are raised come before any change."""
    network_name = project + "-network"
    found = engine.services(project, network_name)
    earlier = find(engine, project, [service.name for service in services]).services if services else {}
    in_parallel(lambda service: _refuse_foreign_names(engine, service, network_name), services)
    for service in services:
        current = [c for c in found if c.labels.get(LABEL_SERVICE) == service.name]
        if service.name in earlier and not replacing:
            continue
        # What runs has its mounts already.
        if not current or (replacing and all(c.config_hash != service.config_hash for c in current)):
            service.mounts.refuse_missing(service.name)

    def image(service: Service) -> WantedImage:
        exists = service.name in earlier or any(c.labels[LABEL_SERVICE] == service.name for c in found)
        if exists and not replacing:
            return WantedImage(service.image, engine.image(service.image))
        # No registry is asked where what exists stays as it is.
        pull = service.pull if replacing else MISSING
        return wanted_image(engine.with_registry(service.registry), service.image, pull=pull, check_mode=check_mode)

    images = in_parallel(image, services)
    if services and not check_mode:
        engine.ensure_network(network_name, {LABEL_PROJECT: project})
    upkeeps = [
        Upkeep(
            engine, service, network_name, found_image, replacing, check_mode, earlier.get(service.name, ""), restart
        )
        for service, found_image in zip(services, images)
    ]

    def attempt(upkeep: Upkeep) -> Outcome | LumaError:
        try:
            return upkeep.run()
        except LumaError as exc:
            return exc

    return in_parallel(attempt, upkeeps)


def left_over(engine: Engine, project: str, names: t.Container[str]) -> dict[str, list[str]]:
    """The services on the host that are not among ``names``, with their containers."""
    services: dict[str, list[str]] = {}
    for container in engine.services(project, ""):
        name = container.labels[LABEL_SERVICE]
        if name not in names:
            services.setdefault(name, []).append(container.name)
    return services


def refuse_names_of_new_containers(names: t.Collection[str]) -> None:
    """A service cannot have the name under which the container that replaces another service's is made."""
    for name in sorted(names):
        if name + NEW in names:
            raise LumaError(
                f"There cannot be both a service {name} and a service {name}{NEW}, which is what the container that "
                f"replaces {name}'s is called. Nothing was changed. Choose another name for one of them in luma.yml."
            )


def _refuse_foreign_names(engine: Engine, service: Service, network: str) -> None:
    for name in (service.container_name, service.new_name):
        refuse_foreign(engine.container(name, network), service.owner)
