# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange of the container that holds the host's published ports by another proxy, with no connection refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy import names
from ansible_collections.luma.deploy.plugins.module_utils.proxy.container import ProxyContainer, settings_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.detour import Detour, Way
from ansible_collections.luma.deploy.plugins.module_utils.proxy.gap import GapMeter
from ansible_collections.luma.deploy.plugins.module_utils.proxy.ipv6 import published_address
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy

#: How long a proxy that starts without their states may look for its servers.
SERVERS_SECONDS = 5.0
#: How long clients with an idle connection have for their next request, where nobody is kept waiting by that.
IDLE_SECONDS = 2.0
#: How long requests have on a detour that a killed run has left.
LEFTOVER_SECONDS = 10.0


class Exchange:
    """An exchange on one host, for its proxy."""

    def __init__(self, proxy: ProxyContainer) -> None:
        self.proxy = proxy
        self.engine = proxy.engine
        self.haproxy = proxy.haproxy
        self.second = proxy.second

    def run(
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
            self.proxy.create(names.NEXT, settings, self.proxy.routes.all())
            with self._led_to_second(ports) as led:
                try:
                    cut = end(led)
                    with self.haproxy.loading(self.second.states()):
                        self.proxy.start(names.NEXT, self.haproxy)
                except BaseException:
                    bring_back()
                    raise
            cut += self.finish_requests(names.DETOUR, self.second, drain_timeout, IDLE_SECONDS)
        self.finish()
        return round(gap.seconds, 2), cut

    @contextlib.contextmanager
    def _second_running(self, settings: t.Mapping[str, t.Any], states: str) -> t.Iterator[None]:
        """Meanwhile, a proxy of the same settings runs on ports of its own."""
        self.proxy.make_folder(names.DETOUR_RUN, 0o700)
        os.chown(self.second.folder, names.USER, names.USER)
        try:
            with self.second.loading(states):
                self.proxy.create(names.DETOUR, settings, self.proxy.routes.all(), names.DETOUR_RUN, own_ports=True)
                self.proxy.start(names.DETOUR, self.second)
            if not states:
                self._wait_for_servers()
            yield
        finally:
            self._remove_second()

    def finish_of_killed_run(self) -> None:
        """Makes the host's proxy of one that took the ports over in a run that was killed then."""
        new = self.proxy.own(names.NEXT, "proxy")
        if new and new.running:
            with self.haproxy.exclusive():
                self.finish()

    def end_second(self) -> None:
        """Ends a detour that a killed run has left, where what held the ports serves again."""
        if self.proxy.own(names.DETOUR, "proxy"):
            Detour().close()
            self._remove_second()

    def remove_unstarted(self) -> None:
        """Removes a proxy that was to take the ports over, and did not."""
        with contextlib.suppress(LumaError):
            # It may hold the ports. Whether it does, the start of what is to have them again tells.
            self.engine.remove(names.NEXT)

    def _remove_second(self) -> None:
        self.engine.remove(names.DETOUR)
        shutil.rmtree(self.proxy.folder / names.DETOUR_RUN, ignore_errors=True)

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
        found = self.engine.description(names.DETOUR)
        address = found["NetworkSettings"]["Networks"][names.NETWORK]["IPAddress"]
        published = found["NetworkSettings"]["Ports"]
        wanted = self.engine.description(names.NEXT)["HostConfig"]["PortBindings"]
        ways = [
            Way(each["HostIp"], port, int(each["HostPort"]), f"{address}:{inside.partition('/')[0]}")
            for inside, bindings in wanted.items()
            # Who is on a connection of HTTP/3 connects anew, by TCP.
            if inside.endswith("/tcp")
            for port in {int(binding["HostPort"]) for binding in bindings} & set(ports)
            # Not the port of the metrics, which the second one does not publish.
            for each in published.get(inside) or ()
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
        for route in self.proxy.routes.all():
            while not any(slot.serving for slot in self.second.slots(route.backend)) and time.monotonic() < deadline:
                time.sleep(0.02)

    def finish_requests(self, name: str, haproxy: Haproxy, timeout: float, idle: float) -> int:
        """Has the proxy of this name accept nothing more and finish what is in flight; returns how many sessions were
        left after ``timeout`` seconds. Idle connections have ``idle`` seconds for one more request, whose answer closes
        them."""
        began = time.monotonic()
        ending = Haproxy(haproxy.folder, patience=0)
        haproxy.announce_end()
        self.engine.call("end luma-proxy", self.engine.client.kill, name, "SIGUSR1")
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

    def finish(self) -> None:
        """Makes the new proxy of an update the proxy, or removes one that a killed run did not start."""
        new = self.proxy.own(names.NEXT, "proxy")
        if new and not new.running:
            self.engine.remove(names.NEXT)
        elif new:
            if self.proxy.container():
                self.engine.remove(names.CONTAINER)
            self.engine.rename(names.NEXT, names.CONTAINER)
            self.proxy.entrance().ensure(settings_of(new))
        if self.proxy.own(names.DETOUR, "proxy"):
            self._end_detour()

    def _end_detour(self) -> None:
        """Ends what a killed run has left of a detour, which serves: the proxy has to run first."""
        if self.proxy.container() and not Haproxy(self.haproxy.folder, patience=0).is_reachable():
            with self.haproxy.loading(self.second.states() if self.second.is_reachable() else ""):
                # In one request, which also ends one that was told to finish its requests.
                self.engine.call("start luma-proxy", self.engine.client.restart, names.CONTAINER, timeout=0)
                self.proxy.wait_until_it_answers(names.CONTAINER, self.haproxy)
        Detour().close()
        # It may have requests in flight, as it would have in a run that nobody has killed.
        with contextlib.suppress(LumaError):
            self.finish_requests(names.DETOUR, self.second, LEFTOVER_SECONDS, IDLE_SECONDS)
        self._remove_second()
