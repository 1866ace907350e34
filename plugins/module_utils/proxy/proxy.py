# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's luma-proxy: made to run, and to serve the route of one app beside those of all others."""

from __future__ import annotations

import contextlib
import secrets
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_PROJECT, LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy import metrics, names, pages, sticky, tls
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import render_config, render_maps
from ansible_collections.luma.deploy.plugins.module_utils.proxy.container import ProxyContainer, settings_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.exchange import Exchange
from ansible_collections.luma.deploy.plugins.module_utils.proxy.ipv6 import IPV6_CONFIG, IPV6_CONFIG_TEXT
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import Https, Orders
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

CONFIG = "etc/haproxy.cfg"
CRT_LIST = f"etc/{tls.CRT_LIST}"
PAGES = f"etc/{pages.FOLDER}"
SERVICE = f"etc/{metrics.SCRIPT}"
STICKY_MAP = f"etc/{sticky.MAP}"
#: Is there while the files may be newer than what HAProxy has loaded: a run that dies in between leaves it.
PENDING = "etc/pending"
#: What may have been done, see `Reconciled`.
DONE = ("created", "started", "reloaded", "attached", "ipv6", "certificates", "agent")


@dataclass
class Reconciled:
    """What was done: to the proxy, to its IPv6 entrance, to files of certificates, and to the ACME agent. ``before``
    and ``after`` are the configuration; ``host`` is a name that is routed to the app;
    ``notes`` says what was asked for but not done, ``later`` that the route has still to be loaded."""

    created: bool = False
    started: bool = False
    reloaded: bool = False
    attached: bool = False
    ipv6: bool = False
    certificates: bool = False
    agent: bool = False
    later: bool = False
    http_port: int = 80
    https_port: int = 443
    bind: str = ""
    proxy_protocol: bool = False
    host: str = ""
    notes: list[str] = field(default_factory=list)
    before: str = ""
    after: str = ""

    @property
    def changed(self) -> bool:
        return any(getattr(self, name) for name in DONE)

    def take(self, settings: t.Mapping[str, t.Any]) -> None:
        """Tells where the proxy listens."""
        for name in ("http_port", "https_port", "bind", "proxy_protocol"):
            setattr(self, name, settings[name])

    def then(self, after: Reconciled) -> Reconciled:
        """Both, one after the other."""
        either = {name: getattr(self, name) or getattr(after, name) for name in DONE}
        return replace(after, before=self.before, **either)


def rendered(routes: t.Sequence[Route]) -> dict[str, str]:
    """The proxy's files, by their names in its folder."""
    return {
        CONFIG: render_config(routes),
        **{f"etc/{name}": text for name, text in render_maps(routes).items()},
        **{f"etc/{name}": text for name, text in pages.page_files(routes).items()},
        CRT_LIST: tls.render_crt_list(routes),
        SERVICE: metrics.SERVICE,
        IPV6_CONFIG: IPV6_CONFIG_TEXT,
    }


class Proxy(ProxyContainer):
    """The proxy of one host, and the routes that it serves."""

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
                Exchange(self).finish()
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
        result = Reconciled(before=self.read(CONFIG), after=files[CONFIG], host=route.name)
        proxy = self.container()
        settings = settings_of(proxy) if proxy else self.settings.of_a_new_one
        result.take(settings)
        result.notes += self._not_applied(settings) if proxy else []
        result.created, result.started = proxy is None, proxy is not None and not proxy.running
        result.reloaded = self._differs(files) and not result.created
        container = self.engine.container(names.CONTAINER, route.network)
        result.attached = container is not None and not container.attached
        result.ipv6 = not self.entrance().is_as_wanted(settings)
        if check_mode or not result.changed:
            return result
        self.make_folders()
        self.engine.ensure_network(route.network, {LABEL_PROJECT: route.project})
        with self.routes.recorded(route):
            if proxy is None:
                self._create(routes, files)
            else:
                self._update(route, result, files)
        result.notes += self.entrance().ensure(settings)
        return result

    def place(self, route: Route, https: Https, check_mode: bool) -> bool:
        """Writes what an app's HTTPS needs before the proxy can load a route with it; returns whether anything
        differed. What it reads is loaded with the next `ensure`."""
        if not check_mode:
            self.make_folders()
        return Orders(self.folder).place(route.backend, https, check_mode, self._mark)

    def forget_unused_certificate(self, backend: str) -> bool:
        """Removes the certificate of an app that has no HTTPS any more; returns whether it had one."""
        route, orders = self.routes.of(backend), Orders(self.folder)
        unused = (route is None or not route.ssl or not route.own_certificate) and orders.has_any(backend)
        if unused:
            orders.forget(backend)
        return unused

    def _mark(self) -> None:
        self.write(PENDING, "The files beside this one are not loaded yet.\n")

    def differs(self, route: Route) -> bool:
        """Whether the proxy has another route for the app than this one."""
        return self._differs(rendered(self.routes.all_with(route)))

    def load(self, route: Route) -> None:
        """Loads a route, at a switch. To be called under `Haproxy.exclusive`."""
        with self.routes.recorded(route):
            self._load(rendered(self.routes.all()), route)

    def change_sticky_key(self, backend: str) -> str:
        """Writes a new key down for the cookies of an app with ``sticky``, and returns it for the runtime API; nothing
        without ``sticky``. To be called under `Haproxy.exclusive`."""
        route = self.routes.of(backend)
        if route is None or not route.sticky:
            return ""
        key = secrets.token_hex(8)
        with self.routes.written(replace(route, sticky_key=key)):
            files = rendered(self.routes.all())
            for name in (CONFIG, STICKY_MAP):
                self.write(name, files[name])
        return key

    def set_maintenance(self, backend: str, on: bool, allow: t.Sequence[str], check_mode: bool) -> bool:
        """Begins or ends the maintenance of an app, in which visitors but those at the addresses of ``allow`` are told
        so; returns whether that changes anything. Raises `LumaError` where the app is not routed."""
        with contextlib.nullcontext() if check_mode else self.haproxy.exclusive():
            route = self.routes.of(backend)
            if route is None:
                raise LumaError(f"{backend.partition(':')[2]} is not routed on this host. Nothing was changed.")
            wanted = replace(route, maintenance=on, maintenance_allow=tuple(allow) if on else ())
            if wanted == route or check_mode:
                return wanted != route
            with self.routes.written(wanted):
                self._load(rendered(self.routes.all()))
            return True

    def _differs(self, files: t.Mapping[str, str]) -> bool:
        """Whether the proxy may have loaded anything else."""
        return any(self.read(name) != text for name, text in files.items()) or bool(self.read(PENDING))

    def forget(self, backends: t.Collection[str]) -> None:
        """Takes routes out. The proxy loads what is left, which the other apps do not notice."""
        with self.haproxy.exclusive():
            container = self.container()
            for backend in backends:
                self.routes.remove(backend)
            if container is not None and container.running:
                self._load(rendered(self.routes.all()))
            # What is loaded needs its certificate.
            for backend in backends:
                Orders(self.folder).forget(backend)

    def _not_applied(self, actual: t.Mapping[str, t.Any]) -> list[str]:
        """Notes of what luma.yml names and the proxy that runs is not: it is shared by the host's projects, and none of
        them changes it under the others."""
        return [
            f"The proxy that runs on this host has {name} {actual[name]}; luma.yml's {value} was not applied, since "
            "other projects may use it"
            for name, value in self.settings.given.items()
            if value != actual[name]
        ]

    def _create(self, routes: t.Sequence[Route], files: t.Mapping[str, str]) -> None:
        self.engine.need_image(self.settings.of_a_new_one["image"])
        self.engine.ensure_network(names.NETWORK, {LABEL_ROLE: "proxy"})
        for name, text in files.items():
            self.write(name, text)
        self.create(names.CONTAINER, self.settings.of_a_new_one, routes)
        self.start(names.CONTAINER, self.haproxy)
        (self.folder / PENDING).unlink(missing_ok=True)

    def _update(self, route: Route, result: Reconciled, files: t.Mapping[str, str]) -> None:
        if result.started:
            self.engine.start(names.CONTAINER)
            self.wait_until_it_answers(names.CONTAINER, self.haproxy)
        if result.attached:
            self.engine.attach(names.CONTAINER, route.network, [])
        if result.reloaded:
            self._load(files, route)

    def _load(self, files: t.Mapping[str, str], changed: Route | None = None) -> None:
        """Has the running proxy check the new configuration, then load it; keeps the earlier one where it refuses.
        ``changed``: the route whose port the app's slots may not have yet."""
        self._refuse_invalid(files)
        earlier = {name: self.read(name) for name in files}
        self._mark()
        for name, text in files.items():
            self.write(name, text)
        try:
            self.haproxy.reload({changed.backend: changed.app_port} if changed else {})
        except LumaError:
            for name, text in earlier.items():
                self.write(name, text)
            raise
        (self.folder / PENDING).unlink()
        for page in (self.folder / PAGES).iterdir():
            if f"{PAGES}/{page.name}" not in files:
                page.unlink()

    def _refuse_invalid(self, files: t.Mapping[str, str]) -> None:
        # What is loaded refers to none of these, or they would be there.
        self.make_folders()
        for name in files:
            if not (self.folder / name).exists():
                self.write(name, files[name] if name.startswith((PAGES, SERVICE)) else "")
        new = {CONFIG: files[CONFIG].replace(f"/{tls.CRT_LIST} ", f"/{tls.CRT_LIST}.new "), CRT_LIST: files[CRT_LIST]}
        for name, text in new.items():
            self.write(name + ".new", text)
        try:
            code, output = self.engine.execute(
                names.CONTAINER, ["haproxy", "-c", "-q", "-f", CONFIG_DIR + "/haproxy.cfg.new"]
            )
        finally:
            for name in new:
                (self.folder / (name + ".new")).unlink()
        if code != 0:
            raise LumaError("luma-proxy refuses the new configuration, it keeps the one it has: " + output.strip())
