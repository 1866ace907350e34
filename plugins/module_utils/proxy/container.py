# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma-proxy's containers and files on a host.

Its folder there (0700, root)::

    routes/   the record of what is routed, see `proxy.routes`
    etc/      haproxy.cfg, its maps and pages, made from the routes; the container reads them
    run/      the runtime sockets; owned by the proxy's user
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import KEEP_RUNNING, Container
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import is_earlier_proxy, refusal
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy import metrics, names, pages
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import environment_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.ipv6 import Ipv6Entrance, published_address
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR, HTTP_PORT, HTTPS_PORT, RUN_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import DEFAULTS, LABEL_SETTINGS, ProxySettings

START_SECONDS = 15.0


def settings_of(proxy: Container) -> dict[str, t.Any]:
    """What a proxy was made with."""
    return {**DEFAULTS, **json.loads(proxy.labels[LABEL_SETTINGS])}


class ProxyContainer:
    """luma-proxy's container on a host, with its folder (by default ``/var/lib/luma/proxy``). ``second`` is the runtime
    API of the proxy that serves while the ports pass from one container to another."""

    def __init__(self, engine: Engine, settings: ProxySettings, folder: Path) -> None:
        self.engine = engine
        self.settings = settings
        self.folder = folder
        self.haproxy = Haproxy(self.folder / "run")
        self.second = Haproxy(self.folder / names.DETOUR_RUN)
        self.routes = Routes(self.folder / "routes")

    def container(self) -> Container | None:
        """The proxy's container, None where there is none. Raises `LumaError` where another has its name."""
        return self.own(names.CONTAINER, "proxy")

    def container_of_luma(self) -> Container | None:
        """The proxy's container; None where there is none, or another one has its name."""
        found = self.engine.container(names.CONTAINER, names.NETWORK)
        return found if found and found.labels.get(LABEL_ROLE) == "proxy" else None

    def own(self, name: str, role: str) -> Container | None:
        container = self.engine.container(name, names.NETWORK)
        if container is not None and container.labels.get(LABEL_ROLE) != role:
            if is_earlier_proxy(self.engine, name):
                raise refusal(name)
            raise LumaError(
                f"The name {name} is taken by a container that luma did not make: nothing was changed. Rename "
                f"it with: docker rename {name} OTHER"
            )
        return container

    def create(
        self,
        name: str,
        settings: t.Mapping[str, t.Any],
        routes: t.Sequence[Route],
        run: str = "run",
        own_ports: bool = False,
    ) -> None:
        """Creates a proxy, on the networks of its routes; with ``own_ports`` on ports that are free."""
        published = {f"{HTTP_PORT}/tcp": settings["http_port"], f"{HTTPS_PORT}/tcp": settings["https_port"]}
        if settings["http3"]:
            published[f"{HTTPS_PORT}/udp"] = settings["https_port"]
        if own_ports:
            published = dict.fromkeys(published)
        address = published_address(settings["bind"])
        bindings = {port: (address, number) for port, number in published.items()} if address else {}
        if not own_ports:
            # Nobody asks the second one, which lasts for a few seconds.
            bindings.update(metrics.published_metrics(settings))
        with self._removed_where_it_fails(name):
            self.engine.create(
                name,
                settings["image"],
                names.NETWORK,
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
                user=f"{names.USER}:{names.USER}",
                stop_signal="SIGUSR1",
                ports=[tuple(port.split("/")) for port in {**published, **bindings}],
                host={
                    "binds": [
                        f"{self.folder}/etc:{CONFIG_DIR}:ro",
                        f"{self.folder}/{run}:{RUN_DIR}",
                        f"{self.folder.parent / metrics.FOLDER}:{metrics.CONTAINER_FOLDER}:ro",
                    ],
                    "port_bindings": bindings,
                    "cap_drop": ["ALL"],
                    "security_opt": ["no-new-privileges"],
                    "read_only": True,
                    "restart_policy": KEEP_RUNNING,
                },
            )
            for network in sorted({route.network for route in routes}):
                if self.engine.network(network) is not None:
                    self.engine.attach(name, network, [])

    def start(self, name: str, haproxy: Haproxy) -> None:
        """Starts a proxy that was created, and waits until it answers at its runtime API."""
        with self._removed_where_it_fails(name):
            self.engine.start(name)
            self.wait_until_it_answers(name, haproxy)

    @contextlib.contextmanager
    def _removed_where_it_fails(self, name: str) -> t.Iterator[None]:
        """Removes a proxy that cannot be created or does not answer, and shows what it said."""
        try:
            yield
        except LumaError as exc:
            logs = "\n".join(self.engine.logs(name))
            self.engine.remove(name)
            raise LumaError(f"luma-proxy could not be started: {exc}\n{logs}".rstrip()) from exc

    def wait_until_it_answers(self, name: str, haproxy: Haproxy) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                haproxy.version()
                return
            except LumaError:
                container = self.engine.container(name, names.NETWORK)
                if container is None or not container.running or container.restarts or time.monotonic() >= deadline:
                    raise
            time.sleep(0.02)

    def refuse_unusable(self, settings: t.Mapping[str, t.Any]) -> None:
        """Has an image check the configuration, before anything depends on it."""
        if self.own(names.CHECK, "check"):
            self.engine.remove(names.CHECK)
        command = ["haproxy", "-c", "-q", "-f", CONFIG_DIR + "/haproxy.cfg"]
        binds = [f"{self.folder}/etc:{CONFIG_DIR}:ro"]
        self.engine.create(
            names.CHECK,
            settings["image"],
            names.NETWORK,
            {LABEL_ROLE: "check"},
            command=command,
            environment=environment_of(settings),
            user=f"{names.USER}:{names.USER}",
            host={"binds": binds},
        )
        try:
            self.engine.start(names.CHECK)
            code = self.engine.call("wait for " + names.CHECK, self.engine.client.wait, names.CHECK)["StatusCode"]
            output = "\n".join(self.engine.logs(names.CHECK))
        finally:
            self.engine.remove(names.CHECK)
        if code != 0:
            raise LumaError(
                f"{settings['image']} refuses the proxy's configuration; nothing was changed.\n{output}".rstrip()
            )

    def entrance(self) -> Ipv6Entrance:
        return Ipv6Entrance(self.engine, names.CONTAINER, self.folder)

    # --- files --------------------------------------------------------------------------------------------------

    def read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError:
            return ""

    def write(self, name: str, text: str) -> None:
        # The folder above is closed to all but root; inside the container another user reads these.
        write_file(self.folder / name, text, mode=0o644)

    def make_folders(self) -> None:
        for name, mode in (
            ("", 0o700),
            ("routes", 0o700),
            ("etc", 0o755),
            (f"etc/{pages.FOLDER}", 0o755),
            ("run", 0o700),
        ):
            self.make_folder(name, mode)
        os.chown(self.folder / "run", names.USER, names.USER)

    def make_folder(self, name: str, mode: int) -> None:
        folder = self.folder / name
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        folder.chmod(mode)
