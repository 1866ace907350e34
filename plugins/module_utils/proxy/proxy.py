# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's luma-proxy: its container, its networks, and the route of one app.

Its folder on the host (0700, root)::

    routes/   the record of what is routed, see `proxy.routes`
    etc/      haproxy.cfg and hosts.map, made from the routes; the container reads them
    run/      the runtime sockets; owned by the proxy's user
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import typing as t
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import KEEP_RUNNING, Container
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import is_earlier_proxy, refusal
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import (
    CONFIG_DIR,
    HTTP_PORT,
    HTTPS_PORT,
    RUN_DIR,
    Route,
    environment_of,
    render_config,
    render_map,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import Detour, Way
from ansible_collections.luma.deploy.plugins.module_utils.proxy.gap import GapMeter
from ansible_collections.luma.deploy.plugins.module_utils.proxy.ipv6 import (
    ANY_ADDRESS,
    IPV6_CONFIG,
    IPV6_CONFIG_TEXT,
    Ipv6Entrance,
    published_address,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy

CONTAINER = "luma-proxy"
#: The proxy of an update, before it takes the other one's place.
NEXT = "luma-proxy-next"
#: The container in which its image checks the configuration.
CHECK = "luma-proxy-next-check"
#: The proxy that gets new connections while the ports pass from one container to another. It has a runtime folder of
#: its own, and its files are those of the others.
DETOUR = "luma-proxy-detour"
DETOUR_RUN = "run-detour"
#: Docker sends a container's outgoing packets to the network whose name sorts first (libnetwork, endpoint priority;
#: so do engines with `gw-priority` where none is given). The proxy's published ports hang on that network, so it has
#: to stay the same when a project's network is added: else answers under way would leave by another bridge.
NETWORK = "0-luma-proxy"
#: The user of HAProxy's official image, by number, so that an image needs no such user.
USER = 99
START_SECONDS = 15.0
#: How long a proxy that starts without their states may look for its servers.
SERVERS_SECONDS = 5.0
#: How long requests in flight are waited for where no connection is accepted meanwhile.
PATIENCE_SECONDS = 5.0
#: How long clients with an idle connection have for their next request, where nobody is kept waiting by that.
IDLE_SECONDS = 2.0
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
    long no connection was answered; ``cut``: the sessions that did not end in time."""

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


class Proxy:
    """The proxy of one host, with its folder (by default ``/var/lib/luma/proxy``)."""

    def __init__(self, engine: Engine, settings: ProxySettings, folder: Path) -> None:
        self.engine = engine
        self.settings = settings
        self.folder = folder
        self.haproxy = Haproxy(self.folder / "run")
        self.second = Haproxy(self.folder / DETOUR_RUN)
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
        proxy = self.container()
        settings = settings_of(proxy) if proxy else self._settings_of_a_new_one()
        result.take(settings)
        result.notes += self._not_applied(settings) if proxy else []
        result.created, result.started = proxy is None, proxy is not None and not proxy.running
        result.reloaded = self._differs(files) and not result.created
        container = self.engine.container(CONTAINER, route.network)
        result.attached = container is not None and not container.attached
        result.ipv6 = not self._entrance().is_as_wanted(settings)
        if check_mode or not result.changed:
            return result
        self._make_folders()
        self.engine.ensure_network(route.network, {LABEL_PROJECT: route.project})
        with self.routes.recorded(route):
            if proxy is None:
                self._create(routes, files)
            else:
                self._update(route, result, files)
        result.notes += self._entrance().ensure(settings)
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

    def update(self, check_mode: bool = False, drain_timeout: float = 30.0) -> Updated:
        """Replaces the proxy by one of the settings' image and ports, where they differ, see `exchange`. It has
        ``drain_timeout`` seconds to finish its requests. Where the new one does not start, the old one goes on. A host
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
        states = self.haproxy.states()
        ports = {result.before["http_port"], result.before["https_port"]}

        def end(detour: bool) -> int:
            # Without a detour nobody is let in meanwhile.
            limits = (drain_timeout, IDLE_SECONDS) if detour else (min(drain_timeout, PATIENCE_SECONDS), 0)
            cut = self._finish_requests(*limits)
            self.engine.stop(CONTAINER, 0)
            return cut

        try:
            result.gap_seconds, result.cut = self.exchange(
                result.after, ports, end, lambda: self._bring_back(states), drain_timeout, states
            )
        except (LumaError, OSError) as exc:
            raise LumaError(f"{exc}\nThe earlier luma-proxy runs again, with what it had.") from exc

    def succeed(
        self,
        ports: t.Collection[int],
        routes: t.Sequence[Route],
        end: t.Callable[[bool], int],
        bring_back: t.Callable[[], None],
        drain_timeout: float,
    ) -> tuple[float, int]:
        """Makes the host's first proxy, with these routes, in the place of what is none of luma's; see `exchange`."""
        settings = self._settings_of_a_new_one()
        self.engine.need_image(settings["image"])
        self.engine.ensure_network(NETWORK, {LABEL_ROLE: "proxy"})
        self._make_folders()
        with self.haproxy.exclusive(), contextlib.ExitStack() as stack:
            for route in routes:
                # Two apps of luma.yml never have the same host name.
                stack.enter_context(self.routes.recorded(route))
            for name, text in rendered(self.routes.all()).items():
                self._write(name, text)
            self._refuse_unusable(settings)
            return self.exchange(settings, ports, end, bring_back, drain_timeout)

    # --- the exchange -------------------------------------------------------------------------------------------

    def exchange(
        self,
        settings: t.Mapping[str, t.Any],
        ports: t.Collection[int],
        end: t.Callable[[bool], int],
        bring_back: t.Callable[[], None],
        drain_timeout: float,
        states: str = "",
    ) -> tuple[float, int]:
        """Makes a proxy with these ``settings`` the host's, in the place of what holds the published ``ports`` now;
        returns for how many seconds no connection was answered, and how many sessions were cut.

        A third one, on ports of its own, is given new connections first, see `proxy.detour`. Then there is time to
        ``end`` what holds the ports, which is told whether there is a detour and returns how many sessions it has cut.
        Where anything fails from there on, ``bring_back`` lets it serve again. Without ``states`` of servers to begin
        with, the third one is given time to find them.
        """
        address = published_address(settings["bind"]) or settings["bind"]
        with GapMeter(address, settings["http_port"]) as gap, self._second_running(settings, states):
            with self._removed_where_it_fails(NEXT):
                self._create_container(NEXT, settings, self.routes.all())
            with self._led_to_second(ports) as led:
                try:
                    cut = end(led)
                    with self.haproxy.loading(self.second.states()), self._removed_where_it_fails(NEXT):
                        self.engine.start(NEXT)
                        self._wait_until_it_answers(NEXT)
                except BaseException:
                    bring_back()
                    raise
            cut += self._finish_requests(drain_timeout, IDLE_SECONDS, DETOUR, self.second)
        self._finish_update()
        return round(gap.seconds, 2), cut

    @contextlib.contextmanager
    def _second_running(self, settings: t.Mapping[str, t.Any], states: str) -> t.Iterator[None]:
        """Meanwhile, a proxy of the same settings runs on ports of its own."""
        self._make_folder(DETOUR_RUN, 0o700)
        os.chown(self.second.folder, USER, USER)
        try:
            with self._removed_where_it_fails(DETOUR), self.second.loading(states):
                self._create_container(DETOUR, settings, self.routes.all(), DETOUR_RUN, own_ports=True)
                self.engine.start(DETOUR)
                self._wait_until_it_answers(DETOUR, self.second)
            if not states:
                self._wait_for_servers()
            yield
        finally:
            self._remove_second()

    def finish_exchange(self) -> None:
        """Makes the host's proxy of one that took the ports over in a run that was killed then."""
        new = self._own(NEXT, "proxy")
        if new and new.running:
            with self.haproxy.exclusive():
                self._finish_update()

    def end_second(self) -> None:
        """Ends a detour that a killed run has left, where what held the ports serves again."""
        if self._own(DETOUR, "proxy"):
            Detour().close()
            self._remove_second()

    def remove_unstarted(self) -> None:
        """Removes a proxy that was to take the ports over, and did not."""
        with contextlib.suppress(LumaError):
            # It may hold the ports. Whether it does, the start of what is to have them again tells.
            self.engine.remove(NEXT)

    def _remove_second(self) -> None:
        self.engine.remove(DETOUR)
        shutil.rmtree(self.folder / DETOUR_RUN, ignore_errors=True)

    @contextlib.contextmanager
    def _led_to_second(self, ports: t.Collection[int]) -> t.Iterator[bool]:
        """Meanwhile, new connections to those of these published ports that stay the proxy's are led to the second
        one; yields whether they are."""
        detour = Detour()
        # Rules of this host are none of an engine's that is somewhere else.
        local = self.engine.client.base_url.startswith("http+docker://localhost")
        if not (local and detour.possible(ports)):
            yield False
            return
        found = self.engine.description(DETOUR)
        address = found["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        published = found["NetworkSettings"]["Ports"]
        wanted = self.engine.description(NEXT)["HostConfig"]["PortBindings"]
        ways = [
            Way(each["HostIp"], port, int(each["HostPort"]), f"{address}:{inside.partition('/')[0]}")
            for inside, bindings in wanted.items()
            for port in {int(binding["HostPort"]) for binding in bindings} & set(ports)
            for each in published[inside]
        ]
        try:
            detour.open(ways)
        except LumaError:
            # Not without a gap, then.
            yield False
            return
        try:
            yield True
        finally:
            detour.close()

    def _wait_for_servers(self) -> None:
        """Waits until the second proxy has found servers for every route that has any."""
        deadline = time.monotonic() + SERVERS_SECONDS
        for route in self.routes.all():
            while not any(slot.serving for slot in self.second.slots(route.backend)) and time.monotonic() < deadline:
                time.sleep(0.02)

    def _bring_back(self, states: str) -> None:
        """Starts the proxy that an update has ended, or may have: Docker leaves one alone that got its stop signal."""
        self.remove_unstarted()
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

    def _finish_requests(self, timeout: float, idle: float, name: str = "", haproxy: Haproxy | None = None) -> int:
        """Has a proxy accept nothing more and finish what is in flight; returns how many sessions were left. Idle
        connections have ``idle`` seconds for one more request, whose answer closes them."""
        began = time.monotonic()
        haproxy = haproxy or self.haproxy
        ending = Haproxy(haproxy.folder, patience=0)
        haproxy.announce_end()
        self.engine.call("end luma-proxy", self.engine.client.kill, name or CONTAINER, "SIGUSR1")
        while True:
            seconds = time.monotonic() - began
            try:
                left = ending.sessions()
                done = not left and (seconds >= idle or not ending.client_connections())
            except LumaError:
                # It has nothing left to do, and has ended.
                return 0
            if done or seconds >= timeout:
                return left
            time.sleep(0.02)

    def _finish_update(self) -> None:
        """Makes the new proxy of an update the proxy, or removes one that a killed run did not start."""
        new = self._own(NEXT, "proxy")
        if new and not new.running:
            self.engine.remove(NEXT)
        elif new:
            if self.container():
                self.engine.remove(CONTAINER)
            self.engine.rename(NEXT, CONTAINER)
            self._entrance().ensure(settings_of(new))
        if self._own(DETOUR, "proxy"):
            self._end_detour()

    def _end_detour(self) -> None:
        """Ends what a killed run has left of a detour, which serves: the proxy has to run first."""
        if self.container() and not Haproxy(self.haproxy.folder, patience=0).is_reachable():
            with self.haproxy.loading(self.second.states() if self.second.is_reachable() else ""):
                # In one request, which also ends one that was told to finish its requests.
                self.engine.call("start luma-proxy", self.engine.client.restart, CONTAINER, timeout=0)
                self._wait_until_it_answers(CONTAINER)
        Detour().close()
        self._remove_second()

    # --- the container ------------------------------------------------------------------------------------------

    def container(self) -> Container | None:
        """The proxy's container, None where there is none. Raises `LumaError` where another has its name."""
        return self._own(CONTAINER, "proxy")

    def container_of_luma(self) -> Container | None:
        """The proxy's container; None where there is none, or another one has its name."""
        found = self.engine.container(CONTAINER, NETWORK)
        return found if found and found.labels.get(LABEL_ROLE) == "proxy" else None

    def _own(self, name: str, role: str) -> Container | None:
        container = self.engine.container(name, NETWORK)
        if container is not None and container.labels.get(LABEL_ROLE) != role:
            if is_earlier_proxy(self.engine, name):
                raise refusal(name)
            raise LumaError(
                f"The name {name} is taken by a container that luma did not make: nothing was changed. Rename "
                f"it with: docker rename {name} OTHER"
            )
        return container

    def _not_applied(self, actual: t.Mapping[str, t.Any]) -> list[str]:
        """Notes of what luma.yml names and the proxy that runs is not: it is shared by the host's projects, and none of
        them changes it under the others."""
        return [
            f"The proxy that runs on this host has {name} {actual[name]}; luma.yml's {value} was not applied, since "
            "other projects may use it"
            for name, value in asdict(self.settings).items()
            if value is not None and value != actual[name]
        ]

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

    def _create_container(
        self,
        name: str,
        settings: t.Mapping[str, t.Any],
        routes: t.Sequence[Route],
        run: str = "run",
        own_ports: bool = False,
    ) -> None:
        """Creates a proxy, on the networks of its routes; with ``own_ports`` on ports that are free."""
        published = {HTTP_PORT: settings["http_port"], HTTPS_PORT: settings["https_port"]}
        if own_ports:
            published = dict.fromkeys(published)
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
                "binds": [f"{self.folder}/etc:{CONFIG_DIR}:ro", f"{self.folder}/{run}:{RUN_DIR}"],
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

    def _wait_until_it_answers(self, name: str, haproxy: Haproxy | None = None) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                (haproxy or self.haproxy).version()
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
            self._make_folder(name, mode)
        os.chown(self.folder / "run", USER, USER)

    def _make_folder(self, name: str, mode: int) -> None:
        folder = self.folder / name
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        folder.chmod(mode)
