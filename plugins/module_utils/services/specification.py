# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service has to be, and in what a container that runs differs from it."""

from __future__ import annotations

import json
import posixpath
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.host.container_options import hash_of, port_bindings
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_SERVICE
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import Mounts
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import ALWAYS, Registry
from ansible_collections.luma.deploy.plugins.module_utils.host.runtime import Runtime
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck

#: How Docker calls a volume that nobody has named.
ANONYMOUS = re.compile(r"[0-9a-f]{64}")

WITHOUT_MOUNTS = Mounts()

#: The label with how a container is run, by which it is told what has changed.
LABEL_RUNTIME = "luma.runtime"

#: What the name of a container that replaces another one ends with.
NEW = "-new"


@dataclass(frozen=True)
class Service:
    """What a service has to be. ``environment`` may hold secrets: it goes nowhere but into the container, and into
    the configuration's hash. ``check``: by a command; None to go by the image's own. ``stop_timeout`` is in
    seconds; for ``pull`` see `host.wanted_image`."""

    project: str
    name: str
    image: str
    command: tuple[str, ...] = ()
    environment: t.Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    mounts: Mounts = WITHOUT_MOUNTS
    runtime: Runtime = field(default_factory=Runtime)
    check: HealthCheck | None = None
    stop_timeout: float = 30.0
    registry: Registry | None = None
    pull: str = ALWAYS

    @property
    def container_name(self) -> str:
        """Container names belong to the whole engine, and many projects have a service called db."""
        return f"{self.project}-{self.name}"

    @property
    def new_name(self) -> str:
        return self.container_name + NEW

    @property
    def owner(self) -> dict[str, str]:
        return {LABEL_PROJECT: self.project, LABEL_SERVICE: self.name}

    @property
    def config_hash(self) -> str:
        """Everything that only a new container can change. Not the image, which is compared by its id."""
        return hash_of(
            {
                "command": self.command,
                "environment": dict(self.environment),
                "ports": self.ports,
                **self.mounts.config,
                **self.runtime.hashed,
                "stop_timeout": self.stop_timeout,
            }
        )


def inherited_volumes(description: t.Mapping[str, t.Any], mounts: Mounts) -> tuple[list[str], list[tuple[str, str]]]:
    """The volumes of the container that follows the described one: the configured ones, and the anonymous ones of its
    predecessor where nothing else is configured. Also those that are thereby left, as path and name."""
    anonymous = {
        mount["Destination"]: mount["Name"]
        for mount in description["Mounts"]
        if mount["Type"] == "volume" and ANONYMOUS.fullmatch(mount["Name"])
    }
    # A volume without a source (docker run -v /data) is an anonymous one, too.
    targets = [volume.split(":")[1] for volume in mounts.volumes if ":" in volume]
    configured = {posixpath.normpath(target) for target in [*targets, *(file.target for file in mounts.files)]}
    carried = {path: name for path, name in anonymous.items() if path not in configured}
    binds = [volume for volume in mounts.volumes if posixpath.normpath(volume) not in carried]
    binds.extend(f"{name}:{path}" for path, name in sorted(carried.items()))
    return binds, sorted(item for item in anonymous.items() if item[0] in configured)


def differences(
    description: t.Mapping[str, t.Any], image: t.Mapping[str, t.Any] | None, service: Service
) -> tuple[str, ...]:
    """The keys in which a container differs from what is wanted; of its environment the variables' names. An
    image's Config lacks what is empty (engines from 29 on)."""
    config, host = description["Config"], description["HostConfig"]
    defaults = image["Config"] if image else config
    before = {
        "image": description["Image"],
        "command": config["Cmd"] or [],
        "ports": host["PortBindings"] or {},
        "volumes": [bind for bind in host["Binds"] or () if not ANONYMOUS.fullmatch(bind.partition(":")[0])],
        "files": [(mount["Source"], mount["Target"]) for mount in host.get("Mounts") or ()],
        "stop_timeout": config.get("StopTimeout"),
    }
    after = {
        "image": image["Id"] if image else "",
        "command": list(service.command) or defaults.get("Cmd") or [],
        "ports": port_bindings(service.ports),
        "volumes": [volume for volume in service.mounts.volumes if ":" in volume],
        "files": [(file.mount["Source"], file.target) for file in service.mounts.files],
        "stop_timeout": round(service.stop_timeout),
    }
    environment = dict(_variables(defaults), **service.environment)
    options = json.loads((config.get("Labels") or {}).get(LABEL_RUNTIME, "{}"))
    return (
        *(key for key in after if before[key] != after[key]),
        *_differing(options, service.runtime.given),
        *(f"environment.{name}" for name in _differing(_variables(config), environment)),
    )


def _variables(config: t.Mapping[str, t.Any]) -> dict[str, str]:
    pairs = (variable.partition("=") for variable in config.get("Env") or ())
    return {name: value for name, _separator, value in pairs}


def _differing(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
