# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host passes from the earlier luma to this one, for all apps of a project at once: they share a proxy.

=========== ==================================================================== ===============================
step        what happens                                                         if the run dies here
=========== ==================================================================== ===============================
make room   names of containers, and a network for the new ones                  the earlier luma's serve
prepare     the new release, healthy (`release.preparation`)                              the earlier luma's serve
exchange    new connections go to the new proxy, and so to the new release       either serves; the next run goes on
retire      the earlier proxy and the earlier containers are stopped and removed the new release serves
network     the project's network is made anew, with an explicit subnet          the new release serves
=========== ==================================================================== ===============================

The network of the earlier luma has no explicit subnet, so that none of its containers can be detached and attached
again with the same address, which a switch needs. Docker can neither change nor rename a network, and this one is used
until the end. So the new containers begin on a passage, a network of their own; once the earlier ones are gone, the
project's network is made anew, and they are attached to that one, too. They stay on the passage, which has their
connections to services, until a deployment has replaced them.
"""

from __future__ import annotations

import socket
import ssl
import time
import typing as t
from dataclasses import dataclass, field, replace

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
from ansible_collections.luma.deploy.plugins.module_utils.host.listeners import connections
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import EVERY_ADDRESS
from ansible_collections.luma.deploy.plugins.module_utils.proxy.exchange import Exchange
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import CONTAINER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.update import succeed
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import stop

#: From SIGTERM to SIGKILL for the earlier proxy, in seconds: it has had its time to finish.
STOP_SECONDS = 2.0
#: How long the proxy is given to find an app's containers on another network, in seconds.
FIND_SECONDS = 5.0


@dataclass(frozen=True)
class AppToTake:
    """An app of luma.yml. ``route``: its route on the passage, None without one; ``stop_timeout`` in seconds."""

    name: str
    route: Route | None = None
    stop_timeout: float = 30.0


@dataclass
class Taken:
    """What was done. ``gap_seconds``: how long no connection was answered while the proxy was exchanged, None where
    it was not; ``cut``: the earlier proxy's connections that were left when it was stopped."""

    gap_seconds: float | None = None
    cut: int = 0
    removed: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    certificates: str = ""
    strangers: list[str] = field(default_factory=list)


class Takeover:
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

    def is_unfinished(self) -> bool:
        """Whether a run has died behind the exchange: what it had still to do shows on the network alone."""
        there = {
            container.id
            for app in self.apps
            for container in self.engine.containers(self.project, app.name, self.network)
            if container.attached
        }
        return any(container.id not in there for container in self._new_containers())

    # --- before anything is changed ---------------------------------------------------------------------------------

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
                f"The earlier luma-proxy serves {', '.join(hosts)} over HTTPS, which this luma does not do yet: who "
                "comes by an https:// link would find nothing. Nothing was changed. Put a server that ends TLS in "
                "front of this host first, or accept plain HTTP with: luma takeover --without-https"
            )

    def _hosts_with_https(self, found: Found) -> list[str]:
        published = bindings(self.engine.description(found.proxy)).get("443/tcp")
        hosts = [host for route in self._routes(found) for host in route.hosts]
        return [host for host in hosts if published and speaks_tls(*published, host)]

    def _routes(self, found: Found) -> list[Route]:
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

    # --- make room --------------------------------------------------------------------------------------------------

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
            self._repair(found.proxy)
            found = self.find()
        if found.proxy != PROXY and self._has_begun_to_serve():
            return False
        if found.proxy == PROXY:
            # A run that was killed may have written them down.
            for route in self._routes(found):
                self.proxy.routes.remove(route.backend)
        in_parallel(lambda container: self.engine.remove(container.id), self._new_containers())
        for replica in found.of(self.project):
            if replica.name != replica.had_name:
                self.engine.rename(replica.name, replica.had_name)
        close_passage(self.engine, self.project)
        return True

    def _has_begun_to_serve(self) -> bool:
        names = {app.name for app in self.apps}
        return any(route.project == self.project for route in self.proxy.routes.all()) or any(
            names & container.aliases for container in self._new_containers()
        )

    def _new_containers(self) -> list[Container]:
        return [
            container
            for app in self.apps
            for container in self.engine.containers(self.project, app.name, self.passage)
            if container.attached
        ]

    # --- from the exchange on ---------------------------------------------------------------------------------------

    def finish(self, drain_timeout: float) -> Taken:
        found, taken = self.find(), Taken()
        self._give_aliases()
        Exchange(self.proxy).finish_of_killed_run()
        if found.proxy:
            self._exchange(found, taken, drain_timeout)
        elif found.of(self.project):
            self._reroute(drain_timeout)
        self._retire(found.of(self.project), taken)
        taken.strangers = self._renew_network(found)
        self._move_routes()
        return taken

    def _give_aliases(self) -> None:
        """Nobody is on the passage whom an alias could lead anywhere: it needs no switch."""
        for app in self.apps:
            for container in self.engine.containers(self.project, app.name, self.passage):
                if container.attached and app.name not in container.aliases:
                    self.engine.reattach(container, self.passage, [app.name])

    def _exchange(self, found: Found, taken: Taken, drain_timeout: float) -> None:
        name, description = found.proxy, self.engine.description(found.proxy)
        taken.certificates = next(
            (m.get("Name") or m["Source"] for m in description["Mounts"] if m["Destination"].endswith("/certs")), ""
        )
        if self.proxy.container_of_luma() is None:
            routes = self._routes(found)
            self._repair(name)
            inside = [int(port.partition("/")[0]) for port in description["HostConfig"]["PortBindings"] or {}]

            def end(led: bool) -> int:
                self._rename_away()
                pid = self.engine.description(PROXY + EARLIER)["State"]["Pid"]
                left = self._drain(pid, inside, drain_timeout if led else 0)
                self.engine.stop(PROXY + EARLIER, STOP_SECONDS if led else 0)
                return left

            taken.gap_seconds, taken.cut = succeed(
                self.proxy,
                [port for _address, port in bindings(description).values()],
                routes,
                end,
                lambda: self._bring_back(PROXY + EARLIER),
                drain_timeout,
            )
        # Its volumes stay: its certificates may still be wanted.
        self.engine.remove(PROXY + EARLIER, volumes=False)
        taken.removed.append(PROXY)

    def _reroute(self, drain_timeout: float) -> None:
        """Moves the traffic where the host has luma's proxy already, since another project was taken over before."""
        for app in self.apps:
            if not app.route:
                continue
            self.proxy.ensure(app.route)
            containers = self.engine.containers(self.project, app.name, self.passage)
            self._wait_until_found(app.route, {container.address for container in containers})
            deadline = time.monotonic() + drain_timeout
            while self.proxy.haproxy.old_sessions(app.route.backend) and time.monotonic() < deadline:
                time.sleep(0.05)

    def _repair(self, name: str) -> None:
        """Lets the earlier proxy serve again where a run has died within its exchange. A new one that runs has been
        made the host's before."""
        Exchange(self.proxy).remove_unstarted()
        if name == PROXY + EARLIER or not self.engine.description(name)["State"]["Running"]:
            self._bring_back(name)
        Exchange(self.proxy).end_second()

    def _rename_away(self) -> None:
        if self.engine.container(PROXY + EARLIER, "") is None:
            self.engine.rename(PROXY, PROXY + EARLIER)

    def _bring_back(self, name: str) -> None:
        Exchange(self.proxy).remove_unstarted()
        if self.engine.container(name, "") is None:
            return
        self.engine.start(name)
        if name != PROXY:
            self.engine.rename(name, PROXY)

    @staticmethod
    def _drain(pid: int, ports: t.Collection[int], timeout: float) -> int:
        """Waits until no client has a connection to the earlier proxy; returns how many are left after ``timeout``
        seconds. Which of them has a request in flight, that proxy does not say."""
        deadline = time.monotonic() + timeout
        while True:
            left = connections(pid, ports)
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(0.05)

    def _retire(self, replicas: t.Sequence[Replica], taken: Taken) -> None:
        limits = {app.name: app.stop_timeout for app in self.apps}
        mine = [replica for replica in replicas if replica.app in limits]

        def end(replica: Replica) -> bool:
            container = self.engine.container(replica.id, self.network)
            killed = container is not None and stop(self.engine, container, limits[replica.app]).killed
            self.engine.remove(replica.id, volumes=False)
            return killed

        ends = in_parallel(end, mine)
        taken.removed += [replica.had_name for replica in mine]
        taken.killed += [replica.had_name for replica, killed in zip(mine, ends) if killed]

    def _renew_network(self, found: Found) -> list[str]:
        """Makes the project's network anew, and attaches to it what is on the passage. Returns the containers that
        keep it from being made anew: nobody else's is detached from anything."""
        ours = {container.id for container in self._new_containers()}
        ours |= {self.engine.description(name)["Id"] for name in (*found.services.values(), *self._proxy_name())}
        network, strangers = self.engine.network(self.network), []
        if network is not None and not network.keeps_addresses:
            rows = [
                row
                for row in self.engine.list_containers()
                if self.network in (row["NetworkSettings"]["Networks"] or {})
            ]
            strangers = [row["Names"][0].lstrip("/") for row in rows if row["Id"] not in ours]
            if not strangers:
                for row in rows:
                    self.engine.detach(row["Id"], self.network)
                self.engine.remove_network(self.network)
        self.engine.ensure_network(self.network, {LABEL_PROJECT: self.project})
        aliases = {name: service for service, name in found.services.items()}
        aliases.update((c.name, c.labels[LABEL_APP]) for c in self._new_containers())
        with self.engine.free_addresses(self.project, self.network) as addresses:
            for name, alias in aliases.items():
                container = self.engine.container(name, self.network)
                if container and not container.attached:
                    self.engine.attach(name, self.network, [alias], next(addresses, ""))
        return strangers

    def _proxy_name(self) -> list[str]:
        return [CONTAINER] if self.proxy.container_of_luma() else []

    def _move_routes(self) -> None:
        """From now on the proxy reaches the apps on the project's network."""
        for app in self.apps:
            if not app.route:
                continue
            self.proxy.ensure(replace(app.route, network=self.network))
            containers = self.engine.containers(self.project, app.name, self.network)
            self._wait_until_found(app.route, {container.address for container in containers})

    def _wait_until_found(self, route: Route, addresses: set[str]) -> None:
        deadline = time.monotonic() + FIND_SECONDS
        while not addresses <= {slot.address for slot in self.proxy.haproxy.slots(route.backend)}:
            if time.monotonic() >= deadline:
                raise LumaError(
                    f"luma-proxy does not find all containers of {route.app} on another network. Its users are served "
                    f"by those that it knows. See what it says with: docker logs {CONTAINER}; then run: luma takeover"
                )
            time.sleep(0.05)


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
