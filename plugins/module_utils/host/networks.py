# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks with a subnet of their own, and the addresses and aliases that containers have on them."""

from __future__ import annotations

import contextlib
import ipaddress
import random
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import docker, explanation
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container, Containers
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.host.subnets import candidates


@dataclass(frozen=True)
class Network:
    """A network; ``taken`` are the addresses of the running containers on it."""

    name: str
    labels: t.Mapping[str, str]
    subnet: str = ""
    taken: frozenset[str] = field(default_factory=frozenset)

    @property
    def keeps_addresses(self) -> bool:
        """Whether a container can be given the address that it had: the engine allows that only on a network with an
        explicit subnet, and luma makes no others."""
        return LABEL_PROJECT in self.labels or LABEL_ROLE in self.labels


class Networks(Containers):
    """The calls about networks and endpoints."""

    def network(self, name: str) -> Network | None:
        """One network by name, or None where there is none."""
        raw = self.inspect("network", self.client.inspect_network, name)
        if raw is None:
            return None
        subnets = raw["IPAM"]["Config"] or [{}]
        attached = (raw.get("Containers") or {}).values()
        return Network(
            name=raw["Name"],
            labels=raw.get("Labels") or {},
            subnet=subnets[0].get("Subnet", ""),
            taken=frozenset(c["IPv4Address"].partition("/")[0] for c in attached),
        )

    @contextlib.contextmanager
    def free_addresses(self, project: str, network: str) -> t.Iterator[t.Iterator[str]]:
        """Addresses for containers of a project that ask for theirs at every start; none where the network does not
        keep addresses. Until the end nobody else of luma's chooses: by then the containers have to be created, else
        the start of one fails.

        Docker gives the lowest free address to whoever asks for none: after a reboot that could be one of these, whose
        container then would not start. So they are of the subnet's upper half; and in no order, so that an address is
        seldom used again by a container that somebody takes for another one.
        """
        with exclusive(self.detached.folder):
            yield self._free_addresses(project, network)

    def _free_addresses(self, project: str, network: str) -> t.Iterator[str]:
        found = self.network(network)
        if found is None or not found.keeps_addresses:
            return iter(())
        taken = found.taken | {c.fixed_address for c in self.labelled([f"{LABEL_PROJECT}={project}"], network)}
        taken |= set(self._detached_addresses())
        subnet = ipaddress.ip_network(found.subnet)
        upper_half = (str(subnet[number]) for number in range(subnet.num_addresses // 2, subnet.num_addresses - 1))
        free = [address for address in upper_half if address not in taken]
        random.shuffle(free)
        return iter(free)

    def _detached_addresses(self) -> t.Iterator[str]:
        """Those of containers that are detached; one that somebody has removed in that moment needs none any more."""
        for container, address in self.detached.all().items():
            if self.inspect("container", self.client.inspect_container, container) is None:
                self.detached.forget(container)
            elif address:
                yield address

    def ensure_network(self, name: str, labels: t.Mapping[str, str]) -> bool:
        """Creates a bridge network where it is missing, with an explicit subnet: the first one that the engine
        accepts. Returns whether it did."""
        if self.network(name) is not None:
            return False
        with exclusive(self.detached.folder):
            # Engines make two networks of one name where they are asked at the same time.
            if self.network(name) is None:
                self._create_network(name, labels)
                return True
        return False

    def _create_network(self, name: str, labels: t.Mapping[str, str]) -> None:
        last = "no subnet is free"
        for subnet in candidates():
            pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=str(subnet))])
            try:
                self.client.create_network(name, driver="bridge", ipam=pool, labels=dict(labels), check_duplicate=True)
                return
            except docker.errors.APIError as exc:
                last = explanation(exc)
                if "overlap" not in last.lower():
                    break
        raise LumaError(f"Could not create network {name}: {last}")

    def remove_network(self, name: str) -> None:
        self.call("remove network " + name, self.client.remove_network, name)

    def attached_to(self, network: str) -> list[str] | None:
        """The ids of the running containers on a network; None where there is no such network."""
        raw = self.inspect("network", self.client.inspect_network, network)
        return None if raw is None else list(raw.get("Containers") or {})

    def attach(self, name: str, network: str, aliases: t.Iterable[str], address: str = "") -> bool:
        """Connects a container to a network; returns whether it got the ``address`` that was asked for. The address
        can have been given away while the container was detached: then it gets another one."""
        config: dict[str, t.Any] = {"aliases": sorted(aliases)}
        if address:
            try:
                self.client.connect_container_to_network(name, network, ipv4_address=address, **config)
                return True
            except docker.errors.APIError as exc:
                if "address" not in explanation(exc).lower() and "subnet" not in explanation(exc).lower():
                    raise LumaError(f"Could not attach {name} to {network}: {explanation(exc)}") from exc
        self.call(f"attach {name} to {network}", self.client.connect_container_to_network, name, network, **config)
        return not address

    def detach(self, name: str, network: str) -> None:
        self.call(f"detach {name} from {network}", self.client.disconnect_container_from_network, name, network)

    def reattach(self, container: Container, network: str, aliases: t.Iterable[str]) -> bool:
        """Gives a container other aliases. Docker cannot change those of a connected endpoint, so it is detached and
        attached again with the address it had, which keeps its established connections; returns whether it kept it.

        The address is written down in between: it is nowhere else while the container is detached.
        """
        address = container.address or self.detached.recall(container.id)
        if container.attached:
            self.detached.remember(container.id, address)
            self.detach(container.id, network)
        kept = self.attach(container.id, network, aliases, address)
        self.detached.forget(container.id)
        return kept
