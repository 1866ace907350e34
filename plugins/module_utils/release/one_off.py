# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container of its own for one command, made as a replica that serves is made: the same image, environment, mounts,
networks and limits. It is removed when the command ends."""

from __future__ import annotations

import contextlib
import secrets
import time
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_COLOR,
    LABEL_CONFIG_HASH,
    LABEL_PROJECT,
    LABEL_RELEASE,
    LABEL_REPLICA,
    LABEL_ROLE,
    LABEL_SCHEDULE,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App

ROLE = "one-off"
#: The pause between two looks at the container, in seconds.
POLL_SECONDS = 0.2
#: The label of the app whose container it is.
LABEL_ONE_OFF_OF = "luma.one-off-of"
#: What the engine says of the replica, and does not hold for its copy.
OF_THE_REPLICA = ("Hostname", "Domainname", "ExposedPorts", "Healthcheck", "MacAddress", "OnBuild")
#: How long after it was made a container counts as left over that was never started, in seconds.
LEFT_OVER_SECONDS = 600


class OneOff:
    """The containers of one app on one host."""

    def __init__(self, engine: Engine, app: App) -> None:
        self.engine = engine
        self.app = app
        self.owner = {LABEL_PROJECT: app.project, LABEL_ROLE: ROLE, LABEL_ONE_OFF_OF: app.name}

    def create(
        self,
        replica: Container,
        command: t.Sequence[str],
        terminal: bool = False,
        stdin: bool = False,
        attached: bool = False,
    ) -> str:
        """Makes a container that is not yet started; returns its name. If it is to be
        ``attached`` to, Docker removes it when it ends."""
        self._remove_left_over()
        described = self.engine.description(replica.id)
        name = f"{self.app.name}-run-{secrets.token_hex(3)}"
        body = {key: value for key, value in described["Config"].items() if key not in OF_THE_REPLICA}
        body.update(
            Cmd=list(command),
            Tty=terminal,
            OpenStdin=terminal or stdin,
            StdinOnce=terminal or stdin,
            AttachStdin=terminal or stdin,
            AttachStdout=True,
            AttachStderr=True,
            Labels=self._labels(described["Config"]["Labels"] or {}),
            HostConfig={
                **described["HostConfig"],
                "AutoRemove": attached,
                "RestartPolicy": {"Name": "no"},
                "PortBindings": {},
                "PublishAllPorts": False,
                "ContainerIDFile": "",
            },
            NetworkingConfig={"EndpointsConfig": {self.app.network: {}}},
        )
        made = self.engine.call("create container " + name, self.engine.client.create_container_from_config, body, name)
        for network in described["NetworkSettings"]["Networks"] or {}:
            if network != self.app.network:
                what = f"connect {name} to {network}"
                self.engine.call(what, self.engine.client.connect_container_to_network, made["Id"], network)
        return name

    def run(self, name: str) -> tuple[int, str, str]:
        """Starts a container, waits for its end, and removes it; returns its exit code and what it wrote."""
        try:
            self.engine.start(name)
            while True:
                container = self.engine.container(name, self.app.network)
                if container is None:
                    raise LumaError(f"Container {name} vanished while luma waited for its end.")
                if not container.running:
                    break
                time.sleep(POLL_SECONDS)
            stdout, stderr = (self._written(name, stream) for stream in ("stdout", "stderr"))
            return container.exit_code, stdout, stderr
        finally:
            with contextlib.suppress(LumaError):
                self.engine.remove(name)

    def _written(self, name: str, stream: str) -> str:
        streams = {each: each == stream for each in ("stdout", "stderr")}
        text: t.Any = self.engine.call("read the output of " + name, self.engine.client.logs, name, **streams)
        return str(text.decode("utf-8", "replace"))

    def _labels(self, of_replica: t.Mapping[str, str]) -> dict[str, str]:
        """What the image and the user have named it by, and whose it is. It is no replica of a color."""
        dropped = (LABEL_COLOR, LABEL_REPLICA, LABEL_CONFIG_HASH, LABEL_SCHEDULE)
        kept = {key: value for key, value in of_replica.items() if key not in dropped}
        return {**kept, **self.owner, LABEL_RELEASE: of_replica.get(LABEL_RELEASE, ""), LABEL_APP: ""}

    def _remove_left_over(self) -> None:
        """Removes what was made for a terminal that never came."""
        rows = self.engine.list_containers([f"{label}={value}" for label, value in self.owner.items()])
        for row in rows:
            if row["State"] == "created" and time.time() - row["Created"] > LEFT_OVER_SECONDS:
                self.engine.remove(row["Id"])
