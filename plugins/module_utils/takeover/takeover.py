# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host passes from the earlier luma to this one, for all apps of a project at once: they share a proxy.

=========== ==================================================================== ===============================
step        what happens                                                         if the run dies here
=========== ==================================================================== ===============================
make room   names of containers, and a network for the new ones                  the earlier luma's serve
prepare     the new release, healthy (`release.preparation`)                     the earlier luma's serve
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

import time
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import in_parallel
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import EARLIER, PROXY, Found, Replica
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_PROJECT
from ansible_collections.luma.deploy.plugins.module_utils.host.listeners import connections
from ansible_collections.luma.deploy.plugins.module_utils.proxy.exchange import Exchange
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import CONTAINER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.update import succeed
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import stop
from ansible_collections.luma.deploy.plugins.module_utils.takeover.room import Room, bindings

#: From SIGTERM to SIGKILL for the earlier proxy, in seconds: it has had its time to finish.
STOP_SECONDS = 2.0
#: How long the proxy is given to find an app's containers on another network, in seconds.
FIND_SECONDS = 5.0


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


class Takeover(Room):
    """A takeover, from the exchange on."""

    def is_unfinished(self) -> bool:
        """Whether a run has died behind the exchange: what it had still to do shows on the network alone."""
        there = {
            container.id
            for app in self.apps
            for container in self.engine.containers(self.project, app.name, self.network)
            if container.attached
        }
        return any(container.id not in there for container in self.new_containers())

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
            routes = self.routes(found)
            self.repair(name)
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
                lambda: self.bring_back(PROXY + EARLIER),
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

    def _rename_away(self) -> None:
        if self.engine.container(PROXY + EARLIER, "") is None:
            self.engine.rename(PROXY, PROXY + EARLIER)

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
        ours = {container.id for container in self.new_containers()}
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
        aliases.update((c.name, c.labels[LABEL_APP]) for c in self.new_containers())
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
