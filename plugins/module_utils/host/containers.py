# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as the engine describes them, and what luma has it do with them."""

from __future__ import annotations

import io
import tarfile
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.host.client import (
    REQUEST_ERRORS,
    Client,
    docker,
    explanation,
    failure,
    in_parallel,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.detached import DetachedAddresses
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import (
    LABEL_APP,
    LABEL_COLOR,
    LABEL_CONFIG_HASH,
    LABEL_MANAGED,
    LABEL_PROJECT,
    LABEL_RELEASE,
    LABEL_SCHEDULE,
    LABEL_SERVICE,
)

#: A container's log: three files of 10 MB at the most.
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}

#: How the engine writes a time that has not come.
NEVER = "0001-"

KEEP_RUNNING = {"Name": "unless-stopped"}


@dataclass(frozen=True)
class Container:
    """A container of an app, as the engine described it at one moment.

    ``address`` is its IPv4 address on the project's network, empty where it has none (stopped, or detached);
    ``attached`` says whether it has an endpoint there at all; ``health`` is the state of the image's own HEALTHCHECK
    (empty without one); ``restart_policy`` is empty or ``no`` where Docker leaves the container stopped;
    ``created`` is the engine's RFC 3339 time, which sorts as text; ``fixed_address`` is the IPv4 address that it asks
    for at every start; ``finished`` is when it ended last (RFC 3339), empty where it never ran.
    """

    id: str
    name: str
    labels: t.Mapping[str, str]
    image_id: str
    created: str
    status: str
    running: bool
    exit_code: int
    oom_killed: bool
    pid: int
    restarts: int
    restart_policy: str
    health: str
    attached: bool
    address: str
    aliases: frozenset[str] = field(default_factory=frozenset)
    fixed_address: str = ""
    finished: str = ""

    @property
    def color(self) -> str:
        return self.labels.get(LABEL_COLOR, "")

    @property
    def release(self) -> str:
        return self.labels.get(LABEL_RELEASE, "")

    @property
    def config_hash(self) -> str:
        return self.labels.get(LABEL_CONFIG_HASH, "")

    @property
    def schedule(self) -> str:
        """When cron starts it, as cron writes times; empty for what runs always."""
        return self.labels.get(LABEL_SCHEDULE, "")

    @property
    def ready(self) -> bool:
        """Whether it is as it should be: it runs, or waits for its time."""
        return self.running or bool(self.schedule)


class Containers(Client):
    """The calls about containers. ``detached``: the addresses of those that are off their network for a moment."""

    detached: DetachedAddresses

    def containers(self, project: str, app: str, network: str) -> list[Container]:
        """All containers of an app, of this luma and not of the earlier one."""
        found = self.labelled([f"{LABEL_PROJECT}={project}", f"{LABEL_APP}={app}"], network)
        return [container for container in found if LABEL_MANAGED not in container.labels]

    def services(self, project: str, network: str) -> list[Container]:
        """All containers of a project's services."""
        return self.labelled([f"{LABEL_PROJECT}={project}", LABEL_SERVICE], network)

    def list_containers(self, labels: t.Sequence[str] = ()) -> list[dict[str, t.Any]]:
        """The engine's short rows of all containers with these labels, whatever their state."""
        return self.call("list containers", self.client.containers, all=True, filters={"label": list(labels)})

    def labelled(self, labels: t.Sequence[str], network: str) -> list[Container]:
        """All containers with these labels, whatever their state; ordered by name."""
        rows = self.list_containers(labels)
        found = in_parallel(lambda row: self.container(row["Id"], network), rows)
        return sorted((c for c in found if c is not None), key=lambda c: (len(c.name), c.name))

    def container(self, name: str, network: str) -> Container | None:
        """One container by name or id, or None where there is none."""
        raw = self.inspect("container", self.client.inspect_container, name)
        if raw is None:
            return None
        state = raw["State"]
        endpoint = (raw["NetworkSettings"]["Networks"] or {}).get(network)
        return Container(
            id=raw["Id"],
            name=raw["Name"].lstrip("/"),
            labels=raw["Config"]["Labels"] or {},
            image_id=raw["Image"],
            created=raw["Created"],
            status=state["Status"],
            running=bool(state["Running"]),
            exit_code=int(state["ExitCode"]),
            oom_killed=bool(state.get("OOMKilled")),
            pid=int(state["Pid"]),
            restarts=int(raw.get("RestartCount", 0)),
            restart_policy=raw["HostConfig"]["RestartPolicy"]["Name"],
            health=(state.get("Health") or {}).get("Status", ""),
            attached=endpoint is not None,
            address=(endpoint or {}).get("IPAddress") or "",
            aliases=frozenset((endpoint or {}).get("Aliases") or ()),
            fixed_address=((endpoint or {}).get("IPAMConfig") or {}).get("IPv4Address", ""),
            finished="" if state["FinishedAt"].startswith(NEVER) else state["FinishedAt"],
        )

    def description(self, name: str) -> dict[str, t.Any]:
        """All that the engine tells of a container, as `docker inspect` shows it."""
        return self.call("inspect container " + name, self.client.inspect_container, name)

    def create(
        self,
        name: str,
        image: str,
        network: str,
        labels: t.Mapping[str, str],
        aliases: t.Sequence[str] = (),
        address: str = "",
        command: t.Sequence[str] = (),
        host: t.Mapping[str, t.Any] | None = None,
        **config: t.Any,
    ) -> None:
        """Creates a container, which gets the ``address`` at its start, or any free one without it. ``host`` and
        ``config`` go to the SDK's ``create_host_config`` and ``create_container_config``."""
        logs = {"log_config": docker.types.LogConfig(type="json-file", config=LOG_OPTIONS)}
        # The stubs take these for other types than the SDK does.
        client: t.Any = self.client
        endpoint = client.create_endpoint_config(aliases=list(aliases), ipv4_address=address or None)
        networking = client.create_networking_config({network: endpoint})
        body = client.create_container_config(
            image=image,
            command=list(command) or None,
            labels=dict(labels),
            host_config=client.create_host_config(**{**logs, **(host or {})}),
            networking_config=networking,
            **config,
        )
        self.call("create container " + name, client.create_container_from_config, body, name=name)

    def keep_running(self, name: str) -> None:
        """From now on Docker starts the container again after a crash or a reboot."""
        self.call("update container " + name, self.client.update_container, name, restart_policy=KEEP_RUNNING)

    def start(self, name: str) -> None:
        self.call("start container " + name, self.client.start, name)

    def stop(self, name: str, timeout: float) -> None:
        """Sends the container's stop signal, waits ``timeout`` seconds, kills it. Docker marks it as stopped on
        purpose, so that its restart policy leaves it alone."""
        self.call("stop container " + name, self.client.stop, name, timeout=round(timeout))

    def rename(self, name: str, new_name: str) -> None:
        self.call(f"rename container {name} to {new_name}", self.client.rename, name, new_name)

    def remove(self, name: str, volumes: bool = True) -> None:
        """Removes a container, and its anonymous ``volumes``, killing it where it still runs; no error if it is
        gone."""
        try:
            self.client.remove_container(name, v=volumes, force=True)
        except docker.errors.NotFound:
            pass
        except REQUEST_ERRORS as exc:
            # 409: somebody else, or the engine after a restart, is removing it already.
            if "already in progress" not in explanation(exc):
                raise failure(f"remove container {name}", exc) from exc
        # A host that lost its power in a switch has written one down that nobody needs any more.
        self.detached.forget(name)

    def logs(self, name: str, lines: int = 20) -> list[str]:
        """The last lines that the container wrote; what cannot be read is said in their place."""
        try:
            raw = self.client.logs(name, stdout=True, stderr=True, tail=lines)
        except REQUEST_ERRORS as exc:
            return [f"(no logs: {explanation(exc)})"]
        return raw.decode("utf-8", "replace").splitlines()

    def read_file(self, name: str, path: str) -> str:
        """The text of a file in a container, running or not; empty where it has none."""
        try:
            stream, _facts = self.client.get_archive(name, path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                file = archive.extractfile(archive.next() or "")
                return file.read().decode("utf-8", "replace") if file else ""
        except docker.errors.NotFound:
            return ""
        except REQUEST_ERRORS as exc:
            raise failure(f"read {path} in {name}", exc) from exc

    def execute(self, name: str, command: t.Sequence[str]) -> tuple[int, str]:
        """Runs a command in a running container; returns its exit code and output."""
        made = self.call("run a command in " + name, self.client.exec_create, name, list(command))
        output = self.call("run a command in " + name, self.client.exec_start, made["Id"])
        code = self.call("run a command in " + name, self.client.exec_inspect, made["Id"])["ExitCode"]
        return int(code if code is not None else -1), output.decode("utf-8", "replace")
