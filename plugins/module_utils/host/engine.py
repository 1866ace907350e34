# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine as luma sees it: containers with a color, endpoints with an alias, networks with a subnet.

Everything goes through the low-level ``docker.APIClient`` (Docker SDK for Python 5.0 to 7.x, engine API 1.41 to
1.51): one call of ours is one request to the engine.
"""

from __future__ import annotations

import contextlib
import copy
import io
import ipaddress
import random
import tarfile
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

try:
    import docker
    import docker.errors
    import docker.types
    import requests.exceptions

    DOCKER_ERROR: Exception | None = None
except ImportError as exc:
    DOCKER_ERROR = exc

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    Answer,
    Registry,
    answer_of,
    chain_ids,
    error_in,
    has_tag,
    name_of_other_id,
    pulled_digest,
    refusal,
    registry_of,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.subnets import candidates

LABEL_PROJECT = "luma.project"
LABEL_APP = "luma.app"
LABEL_SERVICE = "luma.service"
LABEL_COLOR = "luma.color"
LABEL_REPLICA = "luma.replica"
LABEL_RELEASE = "luma.release"
LABEL_CONFIG_HASH = "luma.config-hash"
#: The label by which the earlier luma's containers are told from those of this one, see `host.earlier`.
LABEL_MANAGED = "luma.managed"

#: A container's log: three files of 10 MB at the most.
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}

KEEP_RUNNING = {"Name": "unless-stopped"}

#: Requests to the engine that run at the same time. The SDK keeps ten connections to a Unix socket.
PARALLEL = 10

#: An archive goes to the engine in pieces of this many bytes.
CHUNK = 1 << 20

#: How long a registry may take to say what a tag means, in seconds: a run does not wait for one that hangs.
ASK_SECONDS = 10

#: The label of what belongs to no app: a project's network, the proxy.
LABEL_ROLE = "luma.role"

T = t.TypeVar("T")
R = t.TypeVar("R")


@dataclass(frozen=True)
class Container:
    """A container of an app, as the engine described it at one moment.

    ``address`` is its IPv4 address on the project's network, empty where it has none (stopped, or detached);
    ``attached`` says whether it has an endpoint there at all; ``health`` is the state of the image's own HEALTHCHECK
    (empty without one); ``restart_policy`` is empty or ``no`` where Docker leaves the container stopped;
    ``created`` is the engine's RFC 3339 time, which sorts as text; ``fixed_address`` is the IPv4 address that it asks
    for at every start.
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

    @property
    def color(self) -> str:
        return self.labels.get(LABEL_COLOR, "")

    @property
    def release(self) -> str:
        return self.labels.get(LABEL_RELEASE, "")

    @property
    def config_hash(self) -> str:
        return self.labels.get(LABEL_CONFIG_HASH, "")


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


def in_parallel(function: t.Callable[[T], R], items: t.Iterable[T]) -> list[R]:
    """Calls ``function`` for all items at once and returns the results in their order; the first error is raised
    after every call has ended."""
    work = list(items)
    if len(work) < 2:
        return [function(item) for item in work]
    with ThreadPoolExecutor(max_workers=min(PARALLEL, len(work))) as pool:
        return list(pool.map(function, work))


def explanation(exc: Exception) -> str:
    """The engine's own words about an error."""
    return str(getattr(exc, "explanation", None) or exc).strip()


def failure(what: str, exc: Exception) -> LumaError:
    """The error of a request; ``what`` was to be done ("start container blog-green-1"). ``unreachable_engine`` where
    the engine has stopped since it was connected to."""
    if isinstance(exc, requests.exceptions.ConnectionError):
        message = f"Could not {what}: the Docker engine does not answer any more: {explanation(exc)}"
        return LumaError(message, unreachable_engine=True)
    return LumaError(f"Could not {what}: {explanation(exc)}")


class Engine:
    """The calls that luma makes to one Docker engine. Every method raises `LumaError` with the engine's words.

    ``registry`` is what images of it are pulled with."""

    def __init__(self, client: docker.APIClient, state_dir: str = "/var/lib/luma", docker_host: str = "") -> None:
        self.client = client
        self.docker_host = docker_host
        self.registry: Registry | None = None
        self.detached = DetachedAddresses(Path(state_dir, "detached"))

    @classmethod
    def connect(cls, docker_host: str, timeout: int = 60, state_dir: str = "/var/lib/luma") -> Engine:
        """Connects to the engine at ``docker_host`` (a URL such as ``unix:///var/run/docker.sock``) and agrees on an
        API version with it. ``timeout`` in seconds bounds each request."""
        try:
            client = docker.APIClient(base_url=docker_host, version="auto", timeout=timeout)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            if "PermissionError" in explanation(exc):
                raise LumaError(
                    f"The Docker engine at {docker_host} does not let this user in. Nothing was changed. luma needs "
                    "root on each host: log in as root, or set ssh.become to true in luma.yml."
                ) from exc
            raise LumaError(
                f"No Docker engine answers at {docker_host}: {explanation(exc)}. Nothing was changed. Start it "
                "(systemctl start docker), or install it with the playbook luma.deploy.setup."
            ) from exc
        return cls(client, state_dir, docker_host)

    def with_registry(self, registry: Registry | None) -> Engine:
        """The same engine, which pulls images of another registry."""
        other = copy.copy(self)
        other.registry = registry
        return other

    def call(self, what: str, function: t.Callable[..., R], *args: t.Any, **kwargs: t.Any) -> R:
        """Makes one request; for ``what`` see `failure`."""
        try:
            return function(*args, **kwargs)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            raise failure(what, exc) from exc

    def _inspect(self, kind: str, function: t.Callable[[str], dict[str, t.Any]], name: str) -> dict[str, t.Any] | None:
        """What the engine knows of one thing, or None where there is none of that name."""
        try:
            return function(name)
        except docker.errors.NotFound:
            return None
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            raise failure(f"inspect {kind} {name}", exc) from exc

    # --- containers ---------------------------------------------------------------------------------------------

    def containers(self, project: str, app: str, network: str) -> list[Container]:
        """All containers of an app, whatever their state; ordered by name."""
        found = self._labelled([f"{LABEL_PROJECT}={project}", f"{LABEL_APP}={app}"], network)
        return [container for container in found if LABEL_MANAGED not in container.labels]

    def services(self, project: str, network: str) -> list[Container]:
        """All containers of a project's services, whatever their state; ordered by name."""
        return self._labelled([f"{LABEL_PROJECT}={project}", LABEL_SERVICE], network)

    def list_containers(self, labels: t.Sequence[str] = ()) -> list[dict[str, t.Any]]:
        """The engine's short rows of all containers with these labels, whatever their state."""
        return self.call("list containers", self.client.containers, all=True, filters={"label": list(labels)})

    def _labelled(self, labels: t.Sequence[str], network: str) -> list[Container]:
        rows = self.list_containers(labels)
        found = in_parallel(lambda row: self.container(row["Id"], network), rows)
        return sorted((c for c in found if c is not None), key=lambda c: (len(c.name), c.name))

    def container(self, name: str, network: str) -> Container | None:
        """One container by name or id, or None where there is none."""
        raw = self._inspect("container", self.client.inspect_container, name)
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
        log_config = docker.types.LogConfig(type="json-file", config=LOG_OPTIONS)
        # The stubs take these for other types than the SDK does.
        client: t.Any = self.client
        endpoint = client.create_endpoint_config(aliases=list(aliases), ipv4_address=address or None)
        networking = client.create_networking_config({network: endpoint})
        body = client.create_container_config(
            image=image,
            command=list(command) or None,
            labels=dict(labels),
            host_config=client.create_host_config(log_config=log_config, **(host or {})),
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
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            # 409: somebody else, or the engine after a restart, is removing it already.
            if "already in progress" not in explanation(exc):
                raise failure(f"remove container {name}", exc) from exc
        # A host that lost its power in a switch has written one down that nobody needs any more.
        self.detached.forget(name)

    def logs(self, name: str, lines: int = 20) -> list[str]:
        """The last lines that the container wrote; what cannot be read is said in their place."""
        try:
            raw = self.client.logs(name, stdout=True, stderr=True, tail=lines)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
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
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            raise failure(f"read {path} in {name}", exc) from exc

    def execute(self, name: str, command: t.Sequence[str]) -> tuple[int, str]:
        """Runs a command in a running container; returns its exit code and output."""
        made = self.call("run a command in " + name, self.client.exec_create, name, list(command))
        output = self.call("run a command in " + name, self.client.exec_start, made["Id"])
        code = self.call("run a command in " + name, self.client.exec_inspect, made["Id"])["ExitCode"]
        return int(code if code is not None else -1), output.decode("utf-8", "replace")

    # --- images -------------------------------------------------------------------------------------------------

    def image(self, name: str) -> dict[str, t.Any] | None:
        """The inspect result of an image, by name or id, or None where the host does not have it."""
        return self._inspect("image", self.client.inspect_image, name)

    def find_image(self, name: str, image_id: str = "") -> dict[str, t.Any] | None:
        """The image of this name or, where ``image_id`` is given, the image that the controller's engine calls so."""
        if not image_id:
            return self.image(name)
        return self.image(image_id) or self.image(name_of_other_id(image_id))

    def need_image(self, name: str, image_id: str = "", pull: bool = True) -> dict[str, t.Any]:
        """The image alone of what `bring_image` returns."""
        return self.bring_image(name, image_id, pull)[0]

    def bring_image(self, name: str, image_id: str = "", pull: bool = True) -> tuple[dict[str, t.Any], str]:
        """What `find_image` finds, pulled where the host does not have it; with ``image_id`` it gets the name. Also the
        digest that was pulled, empty where none was.

        Where it is missing and cannot, or with ``pull=False`` must not, be pulled, the error's facts are
        ``missing_image``, its name, and ``layers``, the chain ids of what the host has.
        """
        found, digest, reason = self.find_image(name, image_id), "", "it is in no registry"
        if found is None:
            digest, reason = self._pull(name) if pull else ("", reason)
            found = None if reason else self.image(name)
        if found is None:
            raise LumaError(
                f"Image {name} is not on this host and could not be pulled: {reason}. Nothing was changed.",
                missing_image=name,
                layers=self._layers(),
            )
        self._name_image(found["Id"], name, image_id)
        return found, digest

    def renew_image(self, name: str) -> tuple[dict[str, t.Any], str]:
        """Pulls what the registry has under a name that means another image on this host; returns it and its digest."""
        digest, reason = self._pull(name)
        found = None if reason else self.image(name)
        if found is None:
            raise LumaError(
                f"The registry has another image {name} than this host, which could not be pulled: {reason}. "
                "Nothing was changed."
            )
        return found, digest

    def ask_registry(self, name: str) -> Answer:
        """What an image's registry has under its name; nothing is pulled. A request of its own, since one that waits
        for a hanging registry must not wait as long as a pull may."""
        login = self.registry.login_for(name) if self.registry else None
        version, timeout = self.client.api_version, ASK_SECONDS
        try:
            with contextlib.closing(docker.APIClient(self.docker_host, version=version, timeout=timeout)) as client:
                return Answer(client.inspect_distribution(name, auth_config=login)["Descriptor"]["digest"])
        except requests.exceptions.Timeout:
            return Answer(problem=f"the registry {registry_of(name)} did not answer within {timeout} s")
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            return answer_of(name, explanation(exc), self.registry)

    def load_image(self, name: str, files: t.Sequence[str], image_id: str = "") -> dict[str, t.Any]:
        """Loads an archive made by ``docker save``, which may be compressed and in several files. ``image_id`` is what
        the engine that saved the image calls it."""
        try:
            error = error_in(self.client.load_image(_content(files)))
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            error = explanation(exc)
        found = None if error else self.image(name)
        if found is None:
            raise LumaError(f"Could not load image {name}: {error or 'it is not in the archive'}")
        self._name_image(found["Id"], name, image_id)
        return found

    def _pull(self, name: str) -> tuple[str, str]:
        """Pulls an image; returns its digest, and why that was not possible, empty where it was."""
        login = self.registry.login_for(name) if self.registry else None
        tag = None if has_tag(name) else "latest"
        try:
            # The stubs do not know an answer that is decoded.
            messages: t.Any = list(self.client.pull(name, tag=tag, stream=True, decode=True, auth_config=login))
        except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
            return "", refusal(name, explanation(exc), self.registry)
        error = error_in(messages)
        return pulled_digest(messages), refusal(name, error, self.registry) if error else ""

    def _name_image(self, found_id: str, name: str, image_id: str) -> None:
        """Gives an image the name that it was found for under ``image_id``, and where the two engines do not call it
        the same, since they store images in different ways, a name by which it is found the next time."""
        names = [name] if image_id else []
        if image_id not in ("", found_id):
            names.append(name_of_other_id(image_id))
        for new in names:
            repository, _colon, tag = new.rpartition(":") if has_tag(new) else (new, "", "latest")
            self.call(f"name image {new}", self.client.tag, found_id, repository, tag)

    def _layers(self) -> list[str]:
        """The chain ids of all layers that images on this host have."""
        rows = self.call("list images", self.client.images)
        images = in_parallel(lambda row: self.image(row["Id"]), rows)
        found = (chain_ids(image["RootFS"].get("Layers") or ()) for image in images if image)
        return sorted({chain for chains in found for chain in chains})

    # --- networks -----------------------------------------------------------------------------------------------

    def network(self, name: str) -> Network | None:
        """One network by name, or None where there is none."""
        raw = self._inspect("network", self.client.inspect_network, name)
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
        taken = found.taken | {c.fixed_address for c in self._labelled([f"{LABEL_PROJECT}={project}"], network)}
        taken |= set(self._detached_addresses())
        subnet = ipaddress.ip_network(found.subnet)
        upper_half = (str(subnet[number]) for number in range(subnet.num_addresses // 2, subnet.num_addresses - 1))
        free = [address for address in upper_half if address not in taken]
        random.shuffle(free)
        return iter(free)

    def _detached_addresses(self) -> t.Iterator[str]:
        """Those of containers that are detached; one that somebody has removed in that moment needs none any more."""
        for container, address in self.detached.all().items():
            if self._inspect("container", self.client.inspect_container, container) is None:
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
        raw = self._inspect("network", self.client.inspect_network, network)
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


class DetachedAddresses:
    """The addresses of containers that are detached for a moment, one small file each, so that the run after a
    killed one can give them back. Who chooses a new address locks the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remember(self, container: str, address: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / container).write_text(address, encoding="ascii")

    def recall(self, container: str) -> str:
        try:
            return (self.folder / container).read_text(encoding="ascii")
        except OSError:
            return ""

    def all(self) -> dict[str, str]:
        """The address of each container, by its id."""
        return {file.name: self.recall(file.name) for file in self.folder.glob("*")}

    def forget(self, container: str) -> None:
        with contextlib.suppress(OSError):
            (self.folder / container).unlink()


def _content(files: t.Sequence[str]) -> t.Iterator[bytes]:
    """The content of the files, one after the other."""
    for name in files:
        with Path(name).open("rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")
