# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a takeover's exchange: what keeps it from beginning, the room that it needs, and the way back."""

from __future__ import annotations

import socket
import ssl
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import (
    EARLIER,
    NETWORK,
    PROXY,
    Found,
    Replica,
    find,
    passage_of,
    routed,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import EVERY_ADDRESS
from ansible_collections.luma.deploy.plugins.module_utils.proxy.exchange import Exchange
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route


@dataclass(frozen=True)
class AppToTake:
    """An app of luma.yml. ``route``: its route on the passage, None without one; ``stop_timeout`` in seconds."""

    name: str
    route: Route | None = None
    stop_timeout: float = 30.0


class Room:
    """That of one project on one host. ``apps`` and ``services`` are those that luma.yml has on it."""

    def __init__(
        self,
        engine: Engine,
        proxy: Proxy,
        project: str,
        apps: t.Sequence[AppToTake],
        services: t.Collection[str] = (),
    ) -> None:
        self.engine = engine
        self.proxy = proxy
        self.project = project
        self.apps = apps
        self.services = services
        self.network = project + NETWORK
        self.passage = passage_of(project)

    def find(self) -> Found:
        return find(self.engine, self.project, self.services)

    def refuse(self, found: Found, without_https: bool) -> None:
        if not found.proxy:
            self.proxy.container()
            return
        others = sorted({replica.name for replica in found.replicas if replica.running and not self._is_mine(replica)})
        if others and routed(self.engine, found.proxy) is None:
            raise LumaError(
                f"The earlier luma-proxy may also serve {', '.join(others)}, and what it routes there cannot be read: "
                "with another proxy its users would get nothing. Nothing was changed. Add it to the apps of luma.yml, "
                "or stop it with docker stop, then run: luma takeover"
            )
        hosts = [] if without_https else self._hosts_with_https(found)
        if hosts:
            raise LumaError(
                f"The earlier luma-proxy serves {', '.join(hosts)} over HTTPS, and its certificates are not taken "
                "over: who comes by HTTPS finds nothing for a few seconds, and then a self-signed certificate until "
                "the CA has given one, which takes about a minute. Nothing was changed. Choose a quiet moment, and "
                "accept it with: luma takeover --without-https"
            )

    def _hosts_with_https(self, found: Found) -> list[str]:
        published = bindings(self.engine.description(found.proxy)).get("443/tcp")
        hosts = [host for route in self.routes(found) for host in route.hosts]
        return [host for host in hosts if published and speaks_tls(*published, host)]

    def routes(self, found: Found) -> list[Route]:
        """What the new proxy has to serve from the exchange on."""
        return [*(app.route for app in self.apps if app.route), *self.others_routes(found)]

    def _is_mine(self, replica: Replica) -> bool:
        return replica.project == self.project and replica.app in {app.name for app in self.apps}

    def others_routes(self, found: Found) -> list[Route]:
        """The routes of apps that the earlier proxy serves and this takeover leaves as they are: other projects', and
        those that luma.yml lacks. The new proxy reaches them by their alias, as the earlier one did."""
        mine = {host.lower() for app in self.apps if app.route for host in app.route.hosts}
        running = {(replica.project, replica.app) for replica in found.replicas if replica.running}
        hosts: dict[tuple[str, str, int], list[str]] = {}
        for each in (routed(self.engine, found.proxy) or ()) if found.proxy else ():
            named = each.project == self.project and each.app in {app.name for app in self.apps}
            if not named and each.host.lower() not in mine and (each.project, each.app) in running:
                hosts.setdefault((each.project, each.app, each.port), []).append(each.host)
        return [
            Route(project, app, project + NETWORK, tuple(sorted(names)), app_port=port, check_path="")
            for (project, app, port), names in hosts.items()
        ]

    def make_room(self, found: Found) -> dict[str, str]:
        """Makes the passage, with the services on it, and renames the earlier containers whose names are needed;
        returns their new names."""
        self.engine.ensure_network(self.passage, {LABEL_PROJECT: self.project})
        for service, name in found.services.items():
            container = self.engine.container(name, self.passage)
            if container and container.running and not container.attached:
                self.engine.attach(name, self.passage, [service])
        renamed = self.in_the_way(found)
        for name, new_name in renamed.items():
            self.engine.rename(name, new_name)
        return renamed

    def in_the_way(self, found: Found) -> dict[str, str]:
        """The earlier containers that have to be renamed, and how: Docker's DNS goes on answering for their aliases."""
        return {
            replica.name: replica.name + EARLIER
            for replica in found.of(self.project)
            if replica.name == replica.had_name and replica.name.startswith(replica.app + "-")
        }

    def undo(self) -> bool:
        """Removes what was made, where the new containers do not serve yet; returns whether that is so."""
        found = self.find()
        if found.proxy == PROXY + EARLIER and self.proxy.container() is None:
            self.repair(found.proxy)
            found = self.find()
        if found.proxy != PROXY and self._has_begun_to_serve():
            return False
        if found.proxy == PROXY:
            # A run that was killed may have written them down.
            for route in self.routes(found):
                self.proxy.routes.remove(route.backend)
        in_parallel(lambda container: self.engine.remove(container.id), self.new_containers())
        for replica in found.of(self.project):
            if replica.name != replica.had_name:
                self.engine.rename(replica.name, replica.had_name)
        close_passage(self.engine, self.project)
        return True

    def _has_begun_to_serve(self) -> bool:
        names = {app.name for app in self.apps}
        return any(route.project == self.project for route in self.proxy.routes.all()) or any(
            names & container.aliases for container in self.new_containers()
        )

    def new_containers(self) -> list[Container]:
        return [
            container
            for app in self.apps
            for container in self.engine.containers(self.project, app.name, self.passage)
            if container.attached
        ]

    def repair(self, name: str) -> None:
        """Lets the earlier proxy serve again where a run has died within its exchange. A new one that runs has been
        made the host's before."""
        Exchange(self.proxy).remove_unstarted()
        if name == PROXY + EARLIER or not self.engine.description(name)["State"]["Running"]:
            self.bring_back(name)
        Exchange(self.proxy).end_second()

    def bring_back(self, name: str) -> None:
        Exchange(self.proxy).remove_unstarted()
        if self.engine.container(name, "") is None:
            return
        self.engine.start(name)
        if name != PROXY:
            self.engine.rename(name, PROXY)


def close_passage(engine: Engine, project: str) -> bool:
    """Removes the passage of a takeover once no app's container is on it; returns whether it did."""
    passage = passage_of(project)
    attached = engine.attached_to(passage)
    if attached is None or any(LABEL_APP in engine.description(name)["Config"]["Labels"] for name in attached):
        return False
    for name in attached:
        engine.detach(name, passage)
    engine.remove_network(passage)
    return True


def bindings(description: t.Mapping[str, t.Any]) -> dict[str, tuple[str, int]]:
    """The host's address and port of each port that a container publishes."""
    published = description["HostConfig"]["PortBindings"] or {}
    return {
        inside: (each[0]["HostIp"], int(each[0]["HostPort"]))
        for inside, each in published.items()
        if each and each[0]["HostPort"]
    }


def speaks_tls(address: str, port: int, host: str) -> bool:
    """Whether something ends TLS for this host name on a port of this machine, with whatever certificate."""
    reachable = "127.0.0.1" if address in EVERY_ADDRESS else address
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((reachable, port), timeout=5) as connection:
            context.wrap_socket(connection, server_hostname=host).close()
    except (OSError, ValueError):
        return False
    return True
