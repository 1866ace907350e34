# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the containers of apps and of services have in common: the hash of their configuration, published ports, and
names that may belong to somebody else."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import refusal
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_MANAGED,
    LABEL_PROJECT,
    LABEL_SERVICE,
)


def hash_of(config: t.Mapping[str, t.Any]) -> str:
    """A configuration's fingerprint; where it differs, the container has to be made anew."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def refuse_foreign(found: Container | None, owner: t.Mapping[str, str]) -> None:
    """A container under a name that luma is about to use must be luma's own: it has all of the ``owner``'s labels."""
    if found is not None and not owner.items() <= found.labels.items():
        raise name_is_taken(found.name, found.labels)


def name_is_taken(name: str, labels: t.Mapping[str, str]) -> LumaError:
    """The error of a name that a container with these labels has."""
    if LABEL_MANAGED in labels:
        return refusal(name)
    return LumaError(
        f"The name {name} is taken by a container that belongs to {_owner_in_words(labels)}. luma leaves it "
        f"alone, and nothing was changed. Rename or remove it (docker rename {name} OTHER), or choose another "
        "name in luma.yml."
    )


def _owner_in_words(labels: t.Mapping[str, str]) -> str:
    kinds = {LABEL_PROJECT: "project", LABEL_APP: "app", LABEL_SERVICE: "service"}
    known = [f"{kind} {labels[label]}" for label, kind in kinds.items() if label in labels]
    return ", ".join(known) or "nobody that luma knows"


def port_bindings(ports: t.Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """``docker run -p`` values ([[ip:]host:]container[/protocol]; the host's part may be a range) as the engine takes
    them."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        address, host, container = split_port(port)
        bindings.setdefault(container, []).append({"HostIp": address, "HostPort": host})
    return bindings


def split_port(port: str) -> tuple[str, str, str]:
    """A ``-p`` value as host address, host port, container port with protocol."""
    rest, _slash, protocol = port.partition("/")
    rest, _colon, container = rest.rpartition(":")
    address, _colon, host = rest.rpartition(":")
    return address.strip("[]"), host, f"{container}/{protocol or 'tcp'}"


def fixed_host_port(port: str) -> bool:
    host = split_port(port)[1]
    return bool(host) and host != "0" and "-" not in host
