# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the earlier luma, the TypeScript tool, has made on a host, and how it is told from everything else.

======== ============================= ==============================================================
apps     ``blog-blue``, ``-1``, …      labels ``luma.managed=true``, ``luma.app``, ``luma.color``; later
         ``shop-blog-blue``            versions also ``luma.project``
services ``db``; later ``shop-db``     no label; later ``luma.managed=true``, ``luma.project``, ``luma.service``
proxy    ``luma-proxy``                no label; its state is mounted below ``/var/lib/luma-proxy``
======== ============================= ==============================================================

The apps and services are on the network ``shop-network``, which has no explicit subnet. This luma sets no label
``luma.managed``.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_MANAGED,
    LABEL_PROJECT,
    LABEL_ROLE,
    LABEL_SERVICE,
)

PROXY = "luma-proxy"
#: What the name of a container ends with that had to make room for a new one of the same name.
EARLIER = "-earlier"
PROXY_STATE = "/var/lib/luma-proxy"
#: Where the proxy has what it routes; the first one is of the first versions.
ROUTES = ("/tmp/luma-proxy-config.json", PROXY_STATE + "/state.json")
NETWORK = "-network"

Row = t.Mapping[str, t.Any]


def passage_of(project: str) -> str:
    """The network on which a takeover's new containers begin, see `takeover.takeover`. Its name sorts behind that of
    the proxy's network, and before that of the project's: Docker sends a container's outgoing packets by the first one,
    and a change would cut connections."""
    return f"0-luma-takeover-{project}"


@dataclass(frozen=True)
class Replica:
    """A container of an app."""

    id: str
    name: str
    project: str
    app: str
    running: bool

    @property
    def had_name(self) -> str:
        """The name that the earlier luma gave it."""
        return self.name[: -len(EARLIER)] if self.name.endswith(EARLIER) else self.name


@dataclass(frozen=True)
class Found:
    """What is there, for all projects of the host; of the services only those that were asked for: the name of each
    one's container. ``proxy`` is the name of its container, empty where there is none."""

    replicas: tuple[Replica, ...] = ()
    services: t.Mapping[str, str] = field(default_factory=dict)
    proxy: str = ""

    def of(self, project: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.project == project]


def find(engine: Engine, project: str, services: t.Collection[str] = ()) -> Found:
    rows = engine.list_containers()
    replicas = [replica for replica in map(_replica, rows) if replica]
    return Found(
        tuple(sorted(replicas, key=lambda replica: replica.name)),
        {name: found for name in services for found in [_service(rows, project, name)] if found},
        next((_name(row) for row in rows if _is_proxy(row)), ""),
    )


def refusal(name: str) -> LumaError:
    """What is said of a container that a deployment would need to replace."""
    return LumaError(
        f"{name} was made by the earlier luma, the TypeScript tool, and serves on; nothing was changed. To replace "
        "what that tool runs on its hosts: luma takeover"
    )


def is_earlier_proxy(engine: Engine, name: str) -> bool:
    return any(_name(row) == name and _is_proxy(row) for row in engine.list_containers())


@dataclass(frozen=True)
class Routed:
    """A host name that the earlier proxy routes to an app."""

    host: str
    project: str
    app: str
    port: int


def routed(engine: Engine, proxy: str) -> list[Routed] | None:
    """What the earlier proxy routes; None where that cannot be read."""
    texts = [engine.read_file(proxy, path) for path in ROUTES]
    try:
        states = [json.loads(text) for text in texts if text]
        return list(_routed(states[-1])) if states else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _routed(state: t.Mapping[str, t.Any]) -> t.Iterator[Routed]:
    for each in (state.get("services") or {}).values():
        app, _colon, port = each["target"].rpartition(":")
        yield Routed(each["host"], each["project"], app, int(port))
    for project, below in (state.get("projects") or {}).items():
        for host, each in below["hosts"].items():
            # The alias by which that proxy goes there is that of the app, with the project's name before it.
            yield Routed(host, project, each["app"], int(each["target"].rpartition(":")[2]))


def _name(row: Row) -> str:
    # Those of links have one more slash.
    return next((name[1:] for name in row["Names"] if name.count("/") == 1), "")


def _networks(row: Row) -> t.Collection[str]:
    return row["NetworkSettings"]["Networks"] or {}


def _replica(row: Row) -> Replica | None:
    labels, name = row["Labels"] or {}, _name(row)
    app = labels.get(LABEL_APP, "")
    if labels.get(LABEL_MANAGED) != "true" or not app:
        return None
    project = labels.get(LABEL_PROJECT) or next(
        (each[: -len(NETWORK)] for each in _networks(row) if each.endswith(NETWORK)), ""
    )
    names = rf"({re.escape(project)}-)?{re.escape(app)}-(blue|green)(-\d+)?({EARLIER})?"
    if not project or not re.fullmatch(names, name):
        return None
    return Replica(row["Id"], name, project, app, row["State"] == "running")


def _is_proxy(row: Row) -> bool:
    if _name(row) not in (PROXY, PROXY + EARLIER) or LABEL_ROLE in (row["Labels"] or {}):
        return False
    return any(mount["Destination"].startswith(PROXY_STATE) for mount in row["Mounts"])


def _service(rows: t.Iterable[Row], project: str, service: str) -> str:
    for row in rows:
        labels = row["Labels"] or {}
        if _name(row) == f"{project}-{service}" and labels.get(LABEL_MANAGED) and labels.get(LABEL_SERVICE) == service:
            return _name(row)
        # Labels of an image may be anything; those of luma and of Compose are of a container that somebody else made.
        foreign = any(label.startswith(("luma.", "com.docker.compose.")) for label in labels)
        on_network = {project + NETWORK, passage_of(project)}.intersection(_networks(row))
        if _name(row) == service and not foreign and on_network:
            return _name(row)
    return ""
