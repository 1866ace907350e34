# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's luma-proxy: its container, its networks, and the route of one app.

Its folder on the host (0700, root)::

    routes/   the record of what is routed, see `_routes`
    etc/      haproxy.cfg and hosts.map, made from the routes; the container reads them
    run/      the runtime sockets; owned by the proxy's user
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils._engine import (
    KEEP_RUNNING,
    LABEL_PROJECT,
    LABEL_ROLE,
    Container,
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
from ansible_collections.luma.deploy.plugins.module_utils._proxy_ipv6 import (
    ANY_ADDRESS,
    IPV6_CONFIG,
    IPV6_CONFIG_TEXT,
    Ipv6Entrance,
    published_address,
)
from ansible_collections.luma.deploy.plugins.module_utils._routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils._state import write_file

CONTAINER = "luma-proxy"
#: The proxy of an update, before it takes the other one's place.
NEXT = "luma-proxy-next"
#: The container in which its image checks the configuration.
CHECK = "luma-proxy-next-check"
#: Docker sends a container's outgoing packets to the network whose name sorts first (libnetwork, endpoint priority;
#: so do engines with `gw-priority` where none is given). The proxy's published ports hang on that network, so it has
#: to stay the same when a project's network is added: else answers under way would leave by another bridge.
NETWORK = "0-luma-proxy"
#: The user of HAProxy's official image, by number, so that an image needs no such user.
USER = 99
START_SECONDS = 15.0
#: The label with the settings that the proxy was made with.
LABEL_SETTINGS = "luma.proxy"
CONFIG = "etc/haproxy.cfg"
#: Is there while the files may be newer than what HAProxy has loaded: a run that dies in between leaves it.
PENDING = "etc/pending"


@dataclass(frozen=True)
class ProxySettings:
    """What luma.yml's ``proxy`` says; None where it says nothing, which accepts what runs, or takes the default."""

    image: str | None = None
    http_port: int | None = None
    https_port: int | None = None
    bind: str | None = None
    proxy_protocol: bool | None = None


#: The image is the current LTS line of HAProxy's official one.
DEFAULTS: dict[str, t.Any] = {
    "image": "haproxy:3.2",
    "http_port": 80,
    "https_port": 443,
    "bind": ANY_ADDRESS,
    "proxy_protocol": False,
}


@dataclass
class Reconciled:
    """What was done. ``before`` and ``after`` are the configuration; ``host`` is a name that is routed to the app;
    ``notes`` says what was asked for but not done, ``later`` that the route has still to be loaded."""

    created: bool = False
    started: bool = False
    reloaded: bool = False
    attached: bool = False
    ipv6: bool = False
    later: bool = False
    http_port: int = 80
    bind: str = ""
    proxy_protocol: bool = False
    host: str = ""
    notes: list[str] = field(default_factory=list)
    before: str = ""
    after: str = ""

    @property
    def changed(self) -> bool:
        return self.created or self.started or self.reloaded or self.attached or self.ipv6

    def take(self, settings: t.Mapping[str, t.Any]) -> None:
        """Tells where the proxy listens."""
        self.http_port, self.bind = settings["http_port"], settings["bind"]
        self.proxy_protocol = settings["proxy_protocol"]

    def then(self, after: Reconciled) -> Reconciled:
        """Both, one after the other."""
        done = ("created", "started", "reloaded", "attached", "ipv6")
        either = {name: getattr(self, name) or getattr(after, name) for name in done}
        return replace(after, before=self.before, **either)


@dataclass
class Updated:
    """What an update did. ``before`` and ``after``: the settings, empty where there is no proxy; ``gap_seconds``: how
    long no connection was accepted; ``cut``: the sessions that did not end in time."""

    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]
    changed: bool
    gap_seconds: float = 0.0
    cut: int = 0


def rendered(routes: t.Sequence[Route]) -> dict[str, str]:
    """The proxy's files, by their names in its folder."""
    return {CONFIG: render_config(routes), "etc/hosts.map": render_map(routes), IPV6_CONFIG: IPV6_CONFIG_TEXT}


def settings_of(proxy: Container) -> dict[str, t.Any]:
    """What a proxy was made with."""
    return {**DEFAULTS, **json.loads(proxy.labels[LABEL_SETTINGS])}


def environment_of(settings: t.Mapping[str, t.Any]) -> dict[str, str]:
    """What the configuration takes from its container, since it follows from how that is made."""
    environment = {"LUMA_HTTP_PORT": str(settings["http_port"])}
    return {**environment, "LUMA_PROXY_PROTOCOL": "1"} if settings["proxy_protocol"] else environment


class Proxy:
    """The proxy of one host, with its folder (by default ``/var/lib/luma/proxy``)."""

    def __init__(self, engine: Engine, settings: ProxySettings, folder: Path) -> None:
        self.engine = engine
        self.settings = settings
        self.folder = folder
        self.haproxy = Haproxy(self.folder / "run")
        self.routes = Routes(self.folder / "routes")

    def ensure(self, route: Route, check_mode: bool = False, until_switch: bool = False) -> Reconciled:
        """Makes the proxy run, on the route's network, with the route; does nothing where all that is so.

        With ``until_switch`` an app that is routed already keeps its route, but for the number of its slots: a color
        that serves is not to be asked on another color's port, or for its health check. Of the route itself only is
        made sure that HAProxy will load it; `load` does it when the traffic moves.
        """
        if not check_mode:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.nullcontext() if check_mode else self.haproxy.exclusive():
            if not check_mode:
                self._finish_update()
            earlier = self.routes.of(route.backend) if until_switch else None
            if earlier is None:
                return self._ensure(route, check_mode)
            wanted = rendered(self.routes.all_with(route))
            result = self._ensure(replace(earlier, slots=route.slots), check_mode)
            result.later = self._differs(wanted)
            if result.later and not check_mode:
                self._refuse_invalid(wanted)
            return result

    def _ensure(self, route: Route, check_mode: bool) -> Reconciled:
        routes = self.routes.all_with(route)
        files = rendered(routes)
        result = Reconciled(before=self._read(CONFIG), after=files[CONFIG], host=route.name)
        running = self._existing(result)
        result.created, result.started = running is None, running is False
        result.reloaded = self._differs(files) and not result.created
        container = self.engine.container(CONTAINER, route.network)
        result.attached = container is not None and not container.attached
        settings = self._actual_settings()
        result.ipv6 = not self._entrance().is_as_wanted(settings)
        if check_mode or not result.changed:
            return result
        self._make_folders()
        self.engine.ensure_network(route.network, {LABEL_PROJECT: route.project})
        with self.routes.recorded(route):
            if running is None:
                self._create(routes, files)
            else:
                self._update(route, result, files)
        result.notes += self._entrance().ensure(settings, environment_of(settings))
        return result

    def differs(self, route: Route) -> bool:
        """Whether the proxy has another route for the app than this one."""
        return self._differs(rendered(self.routes.all_with(route)))

    def load(self, route: Route) -> None:
        """Loads a route, at a switch. To be called under `Haproxy.exclusive`."""
        with self.routes.recorded(route):
            self._load(rendered(self.routes.all()), route)

    def _differs(self, files: t.Mapping[str, str]) -> bool:
        """Whether the proxy may have loaded anything else."""
        return any(self._read(name) != text for name, text in files.items()) or bool(self._read(PENDING))

    def forget(self, backends: t.Collection[str]) -> None:
        """Takes routes out. The proxy loads what is left, which the other apps do not notice."""
        with self.haproxy.exclusive():
            container = self.container()
            for backend in backends:
                self.routes.remove(backend)
            if container is not None and container.running:
                self._load(rendered(self.routes.all()))

    # --- the update ---------------------------------------------------------------------------------------------

    def update(self, check_mode: bool = False, drain_timeout: float = 5.0) -> Updated:
        """Replaces the proxy by one of the settings' image and ports, where they differ. It accepts no connection from
        the moment it finishes its requests, for at most ``drain_timeout`` seconds, until the new one answers: Docker
        gives a port to one container at a time. Where the new one does not start, the old one goes on. A host
        without a proxy needs none: nothing is done."""
        if not self.folder.exists():
            return Updated({}, {}, changed=False)
        with contextlib.nullcontext() if check_mode else self.haproxy.exclusive():
            if not check_mode:
                self._finish_update()
            running = self.container()
            if running is None:
                return Updated({}, {}, changed=False)
            before = settings_of(running)
            after = dict(before, **{name: value for name, value in asdict(self.settings).items() if value is not None})
            image = self.engine.image(after["image"]) if check_mode else self.engine.need_image(after["image"])
            same_image = image is not None and image["Id"] == running.image_id
            result = Updated(before, after, changed=before != after or not same_image)
            if result.changed and not check_mode:
                self._replace(result, drain_timeout)
            return result

    def _replace(self, result: Updated, drain_timeout: float) -> None:
        self._refuse_unusable(result.after)
        with self._removed_where_it_fails(NEXT):
            self._create_container(NEXT, result.after, self.routes.all())
        states = self.haproxy.states()
        began = time.monotonic()
        try:
            result.cut = self._finish_requests(drain_timeout)
            self.engine.stop(CONTAINER, 0)
            with self.haproxy.loading(states), self._removed_where_it_fails(NEXT):
                self.engine.start(NEXT)
                self._wait_until_it_answers(NEXT)
        except (LumaError, OSError) as exc:
            self._bring_back(states)
            raise LumaError(f"{exc}\nThe earlier luma-proxy runs again, with what it had.") from exc
        except BaseException:
            self._bring_back(states)
            raise
        result.gap_seconds = round(time.monotonic() - began, 2)
        self._finish_update()

    def _bring_back(self, states: str) -> None:
        """Starts the proxy that an update has ended, or may have: Docker leaves one alone that got its stop signal."""
        with contextlib.suppress(LumaError):
            # It may hold the ports. Whether it does, the start tells.
            self.engine.remove(NEXT)
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                # Without its servers' states it answers 503 until the DNS has answered.
                stack.enter_context(self.haproxy.loading(states))
            # In one request, which also ends what a stop has left running.
            self.engine.call("start the earlier luma-proxy", self.engine.client.restart, CONTAINER, timeout=0)
            self._wait_until_it_answers(CONTAINER)

    def _refuse_unusable(self, settings: t.Mapping[str, t.Any]) -> None:
        """Has an image check the configuration, before anything depends on it."""
        if self._own(CHECK, "check"):
            self.engine.remove(CHECK)
        command = ["haproxy", "-c", "-q", "-f", CONFIG_DIR + "/haproxy.cfg"]
        binds = [f"{self.folder}/etc:{CONFIG_DIR}:ro"]
        self.engine.create(
            CHECK,
            settings["image"],
            NETWORK,
            {LABEL_ROLE: "check"},
            command=command,
            environment=environment_of(settings),
            host={"binds": binds},
        )
        try:
            self.engine.start(CHECK)
            code = self.engine.call("wait for " + CHECK, self.engine.client.wait, CHECK)["StatusCode"]
            output = "\n".join(self.engine.logs(CHECK))
        finally:
            self.engine.remove(CHECK)
        if code != 0:
            raise LumaError(
                f"{settings['image']} refuses the proxy's configuration; nothing was changed.\n{output}".rstrip()
            )

    def _finish_requests(self, timeout: float) -> int:
        """Has the proxy accept nothing more and finish what is in flight; returns how many sessions were left."""
        deadline = time.monotonic() + timeout
        ending = Haproxy(self.haproxy.folder, patience=0)
        self.haproxy.announce_end()
        self.engine.call("end luma-proxy", self.engine.client.kill, CONTAINER, "SIGUSR1")
        while True:
            try:
                left = ending.sessions()
            except LumaError:
                # It has nothing left to do, and has ended.
                return 0
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(0.02)

    def _finish_update(self) -> None:
        """Makes the new proxy of an update the proxy, or removes one that a killed run did not start."""
        new = self._own(NEXT, "proxy")
        if new is None:
            return
        if not new.running:
            self.engine.remove(NEXT)
            return
        self.engine.remove(CONTAINER)
        self.engine.call("rename " + NEXT, self.engine.client.rename, NEXT, CONTAINER)
        self._entrance().ensure(settings_of(new), environment_of(settings_of(new)))

    # --- the container ------------------------------------------------------------------------------------------

    def container(self) -> Container | None:
        """The proxy's container, None where there is none. Raises `LumaError` where another has its name."""
        return self._own(CONTAINER, "proxy")

    def _own(self, name: str, role: str) -> Container | None:
        container = self.engine.container(name, NETWORK)
        if container is not None and container.labels.get(LABEL_ROLE) != role:
            raise LumaError(
                f"The name {name} is taken by a container that luma did not make: nothing was changed. Rename "
                f"it with: docker rename {name} OTHER"
            )
        return container

    def _existing(self, result: Reconciled) -> bool | None:
        """None where there is no proxy, else whether it runs. What luma.yml names and the proxy is not goes into the
        notes: it is shared by the host's projects, and none of them changes it under the others."""
        container = self.container()
        if container is None:
            made = self._settings_of_a_new_one()
            result.take(made)
            return None
        actual = settings_of(container)
        for name, value in asdict(self.settings).items():
            if value is not None and value != actual[name]:
                result.notes.append(
                    f"The proxy that runs on this host has {name} {actual[name]}; luma.yml's {value} was not "
                    "applied, since other projects may use it"
                )
        result.take(actual)
        return container.running

    def _create(self, routes: t.Sequence[Route], files: t.Mapping[str, str]) -> None:
        self.engine.need_image(self._settings_of_a_new_one()["image"])
        self.engine.ensure_network(NETWORK, {LABEL_ROLE: "proxy"})
        for name, text in files.items():
            self._write(name, text)
        with self._removed_where_it_fails(CONTAINER):
            self._create_container(CONTAINER, self._settings_of_a_new_one(), routes)
            self.engine.start(CONTAINER)
            self._wait_until_it_answers(CONTAINER)

    def _entrance(self) -> Ipv6Entrance:
        return Ipv6Entrance(self.engine, CONTAINER, self.folder)

    def _actual_settings(self) -> dict[str, t.Any]:
        """Those of the proxy that there is."""
        container = self.container()
        return settings_of(container) if container else self._settings_of_a_new_one()

    @contextlib.contextmanager
    def _removed_where_it_fails(self, name: str) -> t.Iterator[None]:
        """Removes a proxy that cannot be created or does not answer, and shows what it said."""
        try:
            yield
        except LumaError as exc:
            logs = "\n".join(self.engine.logs(name))
            self.engine.remove(name)
            raise LumaError(f"luma-proxy could not be started: {exc}\n{logs}".rstrip()) from exc

    def _settings_of_a_new_one(self) -> dict[str, t.Any]:
        return {**DEFAULTS, **{name: value for name, value in asdict(self.settings).items() if value}}

    def _create_container(self, name: str, settings: t.Mapping[str, t.Any], routes: t.Sequence[Route]) -> None:
        """Creates a proxy, on the networks of its routes."""
        published = {HTTP_PORT: settings["http_port"], HTTPS_PORT: settings["https_port"]}
        address = published_address(settings["bind"])
        self.engine.create(
            name,
            settings["image"],
            NETWORK,
            labels={LABEL_ROLE: "proxy", LABEL_SETTINGS: json.dumps(settings)},
            command=[
                "haproxy",
                "-W",
                "-db",
                "-S",
                RUN_DIR + "/master.sock,mode,600",
                "-f",
                CONFIG_DIR + "/haproxy.cfg",
            ],
            environment=environment_of(settings),
            user=f"{USER}:{USER}",
            stop_signal="SIGUSR1",
            ports=[(port, "tcp") for port in published],
            host={
                "binds": [f"{self.folder}/etc:{CONFIG_DIR}:ro", f"{self.folder}/run:{RUN_DIR}"],
                "port_bindings": {port: (address, number) for port, number in published.items()} if address else {},
                "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges"],
                "read_only": True,
                "restart_policy": KEEP_RUNNING,
            },
        )
        for network in sorted({route.network for route in routes}):
            if self.engine.network(network) is not None:
                self.engine.attach(name, network, [])

    def _update(self, route: Route, result: Reconciled, files: t.Mapping[str, str]) -> None:
        if result.started:
            self.engine.start(CONTAINER)
            self._wait_until_it_answers(CONTAINER)
        if result.attached:
            self.engine.attach(CONTAINER, route.network, [])
        if result.reloaded:
            self._load(files, route)

    def _load(self, files: t.Mapping[str, str], changed: Route | None = None) -> None:
        """Has the running proxy check the new configuration, then load it; keeps the earlier one where it refuses.
        ``changed``: the route whose port the app's slots may not have yet."""
        self._refuse_invalid(files)
        earlier = {name: self._read(name) for name in files}
        self._write(PENDING, "The files beside this one are not loaded yet.\n")
        for name, text in files.items():
            self._write(name, text)
        try:
            self.haproxy.reload({changed.backend: changed.app_port} if changed else {})
        except LumaError:
            for name, text in earlier.items():
                self._write(name, text)
            raise
        (self.folder / PENDING).unlink()

    def _refuse_invalid(self, files: t.Mapping[str, str]) -> None:
        self._write(CONFIG + ".new", files[CONFIG])
        try:
            code, output = self.engine.execute(
                CONTAINER, ["haproxy", "-c", "-q", "-f", CONFIG_DIR + "/haproxy.cfg.new"]
            )
        finally:
            (self.folder / (CONFIG + ".new")).unlink()
        if code != 0:
            raise LumaError("luma-proxy refuses the new configuration, it keeps the one it has: " + output.strip())

    def _wait_until_it_answers(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.haproxy.version()
                return
            except LumaError:
                container = self.engine.container(name, NETWORK)
                if container is None or not container.running or container.restarts or time.monotonic() >= deadline:
                    raise
            time.sleep(0.02)

    # --- files --------------------------------------------------------------------------------------------------

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError:
            return ""

    def _write(self, name: str, text: str) -> None:
        # The folder above is closed to all but root; inside the container another user reads these.
        write_file(self.folder / name, text, mode=0o644)

    def _make_folders(self) -> None:
        for name, mode in (("", 0o700), ("routes", 0o700), ("etc", 0o755), ("run", 0o700)):
            folder = self.folder / name
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            folder.chmod(mode)
        os.chown(self.folder / "run", USER, USER)
