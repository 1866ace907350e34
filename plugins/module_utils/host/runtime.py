# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine runs a container: limits, rights, and what else ``docker run`` has options for.

The names are those of compose. What is not given is left to the engine and the image.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import docker

if t.TYPE_CHECKING:
    from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine

#: The option of the documentation fragment ``luma.deploy.engine.runtime``.
RUNTIME_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "memory": {"type": "int"},
        "cpus": {"type": "float"},
        "pids_limit": {"type": "int"},
        "shm_size": {"type": "int"},
        "ulimits": {"type": "dict"},
        "user": {"type": "str"},
        "working_dir": {"type": "str"},
        "entrypoint": {"type": "list", "elements": "str"},
        "init": {"type": "bool"},
        "read_only": {"type": "bool"},
        "tmpfs": {"type": "list", "elements": "str"},
        "devices": {"type": "list", "elements": "str"},
        "gpus": {"type": "str"},
        "cap_add": {"type": "list", "elements": "str"},
        "cap_drop": {"type": "list", "elements": "str"},
        "security_opt": {"type": "list", "elements": "str"},
        "extra_hosts": {"type": "list", "elements": "str"},
        "dns": {"type": "list", "elements": "str"},
        "sysctls": {"type": "dict"},
        "labels": {"type": "dict"},
        "logging": {
            "type": "dict",
            "options": {"driver": {"type": "str", "required": True}, "options": {"type": "dict", "default": {}}},
        },
        "stop_signal": {"type": "str"},
        "networks": {"type": "list", "elements": "str"},
    },
}

#: What the SDK's ``create_host_config`` and ``create_container_config`` call by the same name.
OF_HOST = (
    "pids_limit", "shm_size", "init", "read_only", "devices", "cap_add", "cap_drop", "security_opt", "extra_hosts",
    "dns", "sysctls",
)  # fmt: skip
OF_CONTAINER = ("user", "working_dir", "entrypoint", "stop_signal")
#: All GPUs of the host, as ``docker run --gpus all``.
ALL_GPUS = "all"


@dataclass(frozen=True)
class Runtime:
    """What is ``given``, by the names of the option. Sizes in bytes."""

    given: t.Mapping[str, t.Any] = field(default_factory=dict)

    @classmethod
    def of(cls, option: t.Mapping[str, t.Any] | None) -> Runtime:
        return cls({name: value for name, value in (option or {}).items() if value is not None})

    @property
    def host(self) -> dict[str, t.Any]:
        """For the SDK's ``create_host_config``."""
        found = {name: self.given[name] for name in OF_HOST if name in self.given}
        makers: dict[str, tuple[str, t.Callable[[t.Any], t.Any]]] = {
            "memory": ("mem_limit", int),
            "cpus": ("nano_cpus", lambda cpus: int(cpus * 1e9)),
            "ulimits": ("ulimits", _ulimits),
            "tmpfs": ("tmpfs", lambda paths: dict(each.partition(":")[::2] for each in paths)),
            "gpus": ("device_requests", _gpus),
            "logging": ("log_config", lambda log: docker.types.LogConfig(type=log["driver"], config=log["options"])),
        }
        return {**found, **{to: make(self.given[name]) for name, (to, make) in makers.items() if name in self.given}}

    @property
    def config(self) -> dict[str, t.Any]:
        """For the SDK's ``create_container_config``."""
        return {name: self.given[name] for name in OF_CONTAINER if name in self.given}

    @property
    def labels(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.given.get("labels", {}).items()}

    @property
    def hashed(self) -> dict[str, t.Any]:
        """Its part in a configuration's hash."""
        return {"runtime": dict(self.given)} if self.given else {}

    @property
    def networks(self) -> list[str]:
        """The networks that a container is on beside the project's."""
        return list(self.given.get("networks", ()))

    def refuse_missing(self, engine: Engine) -> None:
        """Raises `LumaError` where a network is not on the host: luma makes none but the projects'."""
        for name in self.networks:
            if engine.network(name) is None:
                raise LumaError(
                    f"There is no network {name} on this host. Nothing was changed. Make it with: docker network "
                    f"create {name}"
                )

    def attach(self, engine: Engine, name: str) -> None:
        """Connects a container that was created, and not started yet."""
        for network in self.networks:
            engine.attach(name, network, [])


def _ulimits(given: t.Mapping[str, t.Any]) -> list[t.Any]:
    """``soft`` or ``soft:hard``, by their names."""
    limits = ((name, str(value).partition(":")[::2]) for name, value in given.items())
    return [docker.types.Ulimit(name=name, soft=int(soft), hard=int(hard or soft)) for name, (soft, hard) in limits]


def _gpus(given: str) -> list[t.Any]:
    count = -1 if given == ALL_GPUS else int(given)
    return [docker.types.DeviceRequest(count=count, capabilities=[["gpu"]])]
