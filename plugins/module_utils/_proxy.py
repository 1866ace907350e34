# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's luma-proxy: its container, its networks, and the route of one app.

Its folder on the host (0700, root)::

    routes/PROJECT:APP.json   the record: one `Route` each
    etc/                      haproxy.cfg and hosts.map, made from the routes; the container reads them
    run/                      the runtime sockets; owned by the proxy's user
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import typing as t
from dataclasses import asdict, dataclass, field, replace

from ansible_collections.luma.deploy.plugins.module_utils._engine import (
    LABEL_PROJECT,
    LABEL_ROLE,
    Engine,
)
from ansible_collections.luma.deploy.plugins.module_utils._errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils._haproxy import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils._proxy_config import (
    CONFIG_DIR,
    HTTP_PORT,
    HTTPS_PORT,
    RUN_DIR,
    Route,
    render_config,
    render_map,
)

CONTAINER = "luma-proxy"
#: Docker sends a container's outgoing packets to the network whose name sorts first (libnetwork, endpoint priority;
#: so do engines with `gw-priority` where none is given). The proxy's published ports hang on that network, so it has
#: to stay the same when a project's network is added: else answers under way would leave by another bridge.
NETWORK = "0-luma-proxy"
#: The user of HAProxy's official image, by number, so that an image needs no such user.
USER = 99
START_SECONDS = 15.0


@dataclass(frozen=True)
class ProxySettings:
    """What luma.yml's ``proxy`` says; None where it says nothing, which accepts what runs, or takes the default."""

    image: str
    http_port: t.Optional[int] = None
    https_port: t.Optional[int] = None
    bind: t.Optional[str] = None


DEFAULTS = {"http_port": 80, "https_port": 443, "bind": "0.0.0.0"}


@dataclass
class Reconciled:
    """What was done. ``diff`` holds the configuration before and after; ``notes`` what was asked but not done."""

    created: bool = False
    started: bool = False
    reloaded: bool = False
    attached: bool = False
    http_port: int = 80
    bind: str = ""
    notes: t.List[str] = field(default_factory=list)
    before: str = ""
    after: str = ""

    @property
    def changed(self) -> bool:
        return self.created or self.started or self.reloaded or self.attached


class Proxy:
    """The proxy of one host, with its folder (by default ``/var/lib/luma/proxy``)."""

    def __init__(self, engine: Engine, settings: ProxySettings, folder: str) -> None:
        self.engine = engine
        self.settings = settings
        self.folder = folder
        self.haproxy = Haproxy(self._path("run"))

    def ensure(self, route: Route, check_mode: bool = False) -> Reconciled:
        """Makes the proxy run, on the route's network, with the route; does nothing where all that is so."""
        with self._lock(check_mode):
            routes = self._routes_with(route)
            result = Reconciled(before=self._read("etc/haproxy.cfg"), after=render_config(routes))
            running = self._existing(result)
            files = {"etc/haproxy.cfg": result.after, "etc/hosts.map": render_map(routes)}
            differs = any(self._read(name) != text for name, text in files.items())
            result.created, result.started = running is None, running is False
            result.reloaded = differs and not result.created
            result.attached = running is not None and route.network not in self._networks()
            if check_mode or not result.changed:
                return result
            self._make_folders()
            self.engine.ensure_network(route.network, {LABEL_PROJECT: route.project})
            if running is None:
                self._create(routes, files)
            else:
                self._update(route, result, files)
            self._write_route(next(r for r in routes if r.backend == route.backend))
            return result

    # --- the record ---------------------------------------------------------------------------------------------

    def _routes_with(self, route: Route) -> t.List[Route]:
        """All routes of the host, with this one in place of the app's earlier one. Slots only ever grow: those of an
        app that is being scaled down still serve."""
        routes = {r.backend: r for r in self._read_routes()}
        previous = routes.get(route.backend)
        if previous:
            route = replace(route, slots=max(route.slots, previous.slots))
        for other in routes.values():
            taken = {host.lower() for host in other.hosts} & {host.lower() for host in route.hosts}
            if taken and other.backend != route.backend:
                raise LumaError(
                    "Host {0} already belongs to app {1} of project {2}: nothing was changed. Take it out of "
                    "proxy.hosts of one of the two.".format(", ".join(sorted(taken)), other.app, other.project)
                )
        routes[route.backend] = route
        return list(routes.values())

    def _read_routes(self) -> t.Iterator[Route]:
        folder = self._path("routes")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".json"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    fields = json.load(file)
                yield Route(**dict(fields, hosts=tuple(fields["hosts"])))

    def _write_route(self, route: Route) -> None:
        self._write(os.path.join("routes", route.backend + ".json"), json.dumps(asdict(route), indent=2) + "\n")

    # --- the container ------------------------------------------------------------------------------------------

    def _existing(self, result: Reconciled) -> t.Optional[bool]:
        """None where there is no proxy, else whether it runs. What luma.yml names and the proxy is not goes into the
        notes: it is shared by the host's projects, and none of them changes it under the others."""
        container = self.engine.container(CONTAINER, NETWORK)
        if container is None:
            result.http_port = self.settings.http_port or DEFAULTS["http_port"]  # type: ignore[assignment]
            result.bind = self.settings.bind or DEFAULTS["bind"]  # type: ignore[assignment]
            return None
        if container.labels.get(LABEL_ROLE) != "proxy":
            raise LumaError(
                "The name {0} is taken by a container that luma did not make: nothing was changed. Rename it with: "
                "docker rename {0} OTHER".format(CONTAINER)
            )
        actual = json.loads(container.labels["luma.proxy"])
        for name, value in asdict(self.settings).items():
            if value is not None and value != actual[name]:
                result.notes.append(
                    "The proxy that runs on this host has {0} {1}; luma.yml's {2} was not applied, since other projects "
                    "may use it".format(name, actual[name], value)
                )
        result.http_port, result.bind = actual["http_port"], actual["bind"]
        return container.running

    def _networks(self) -> t.Set[str]:
        raw = self.engine.call("inspect " + CONTAINER, self.engine.client.inspect_container, CONTAINER)
        return set(raw["NetworkSettings"]["Networks"])

    def _create(self, routes: t.Sequence[Route], files: t.Mapping[str, str]) -> None:
        self.engine.need_image(self.settings.image)
        self.engine.ensure_network(NETWORK, {LABEL_ROLE: "proxy"})
        for name, text in files.items():
            self._write(name, text)
        self.engine.create(CONTAINER, self._container_config())
        try:
            for network in sorted({route.network for route in routes}):
                if self.engine.network(network) is not None:
                    self.engine.attach(CONTAINER, network, [])
            self.engine.start(CONTAINER)
            self._wait_until_it_answers()
        except LumaError as exc:
            logs = "\n".join(self.engine.logs(CONTAINER))
            self.engine.remove(CONTAINER)
            raise LumaError("luma-proxy could not be started: {0}\n{1}".format(exc, logs).rstrip()) from exc

    def _container_config(self) -> t.Dict[str, t.Any]:
        settings = {
            "image": self.settings.image,
            "http_port": self.settings.http_port or DEFAULTS["http_port"],
            "https_port": self.settings.https_port or DEFAULTS["https_port"],
            "bind": self.settings.bind or DEFAULTS["bind"],
        }
        client = self.engine.client
        published = {HTTP_PORT: settings["http_port"], HTTPS_PORT: settings["https_port"]}
        return client.create_container_config(
            image=self.settings.image,
            command=["haproxy", "-W", "-db", "-S", RUN_DIR + "/master.sock,mode,600", "-f", CONFIG_DIR + "/haproxy.cfg"],
            user="{0}:{0}".format(USER),
            labels={LABEL_ROLE: "proxy", "luma.proxy": json.dumps(settings)},
            stop_signal="SIGUSR1",
            ports=[(port, "tcp") for port in published],
            host_config=client.create_host_config(
                binds=[self._path("etc") + ":" + CONFIG_DIR + ":ro", self._path("run") + ":" + RUN_DIR],
                port_bindings={port: (settings["bind"], host) for port, host in published.items()},
                restart_policy={"Name": "unless-stopped"},
                log_config={"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                read_only=True,
            ),
            networking_config=client.create_networking_config({NETWORK: client.create_endpoint_config()}),
        )

    def _update(self, route: Route, result: Reconciled, files: t.Mapping[str, str]) -> None:
        if result.started:
            self.engine.start(CONTAINER)
            self._wait_until_it_answers()
        if result.attached:
            self.engine.attach(CONTAINER, route.network, [])
        if result.reloaded:
            self._load(files)

    def _load(self, files: t.Mapping[str, str]) -> None:
        """Has the running proxy check the new configuration, then load it; keeps the earlier one where it refuses."""
        self._write("etc/haproxy.cfg.new", files["etc/haproxy.cfg"])
        try:
            code, output = self.engine.execute(CONTAINER, ["haproxy", "-c", "-q", "-f", CONFIG_DIR + "/haproxy.cfg.new"])
        finally:
            os.unlink(self._path("etc/haproxy.cfg.new"))
        if code != 0:
            raise LumaError("luma-proxy refuses the new configuration, it keeps the one it has: " + output.strip())
        earlier = {name: self._read(name) for name in files}
        for name, text in files.items():
            self._write(name, text)
        try:
            self.haproxy.reload()
        except LumaError:
            for name, text in earlier.items():
                self._write(name, text)
            raise

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.haproxy.version()
                return
            except LumaError:
                container = self.engine.container(CONTAINER, NETWORK)
                if container is None or not container.running or container.restarts or time.monotonic() >= deadline:
                    raise
            time.sleep(0.02)

    # --- files --------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _read(self, name: str) -> str:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return file.read()
        except OSError:
            return ""

    def _write(self, name: str, text: str) -> None:
        """Replaces a file at once, so that a run that dies leaves a whole one."""
        path = self._path(name)
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            file.write(text)
        # The folder above is closed to all but root; inside the container another user reads these.
        os.chmod(path + ".tmp", 0o644)
        os.replace(path + ".tmp", path)

    def _make_folders(self) -> None:
        for name, mode in (("", 0o700), ("routes", 0o700), ("etc", 0o755), ("run", 0o700)):
            os.makedirs(self._path(name), mode=mode, exist_ok=True)
            os.chmod(self._path(name), mode)
        os.chown(self._path("run"), USER, USER)

    @contextlib.contextmanager
    def _lock(self, check_mode: bool) -> t.Iterator[None]:
        """Two apps may be deployed at the same time; the proxy is changed by one after the other."""
        if check_mode:
            yield
            return
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with open(self._path("lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
