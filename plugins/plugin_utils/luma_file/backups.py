# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of luma.yml that a backup is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import path_beside
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

Service = dict[str, Any]


def backed_up(services: Sequence[Service], named: Sequence[str], folder: str) -> list[Service]:
    """The services that are ``named``, or without a name those that have ``backup``. Their ``backup.to`` is an absolute
    path, ``folder`` being luma.yml's, and ``backup.by_host`` tells whether they are on several hosts. Raises
    `InvalidFile`."""
    without = [service["name"] for service in services if not service["backup"]]
    if without and (named or len(without) == len(services)):
        raise InvalidFile(
            f"{', '.join(without)}: luma.yml does not say how to back it up; add services.{without[0]}.backup, such as "
            "{command: pg_dump -U shop shop}"
        )
    return [service | {"backup": _completed(service, folder)} for service in services if service["backup"]]


def refuse_several(services: Sequence[Service]) -> None:
    """Raises `InvalidFile` where more than one backup would go to the same place."""
    places = [f"{service['name']} on {host}" for service in services for host in service["hosts"]]
    if len(places) > 1:
        raise InvalidFile(
            f"--output takes one backup, and these would be {len(places)}: {', '.join(places)}. Name one service, and "
            "one of its hosts with --host"
        )


def _completed(service: Service, folder: str) -> Service:
    backup = service["backup"]
    return {**backup, "to": path_beside(Path(folder), backup["to"]), "by_host": len(service["hosts"]) > 1}
