# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma-proxy's entrance for IPv6: a second HAProxy, in the host's network, that hands each connection to luma-proxy's
socket with the visitor's address (PROXY protocol).

Docker publishes a port for IPv6 by a process of its own that connects to the container by IPv4, so that every visitor
would have the network's gateway as the address; other ways need settings of the engine (``ip6tables``, a network with
IPv6) that hosts with an engine before 27 do not have. This one needs nothing of the engine.
"""

from __future__ import annotations

import ipaddress
import time
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import environment_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import (
    CONFIG_DIR,
    RUN_DIR,
    VISITORS_SOCKET,
    VISITORS_TLS_SOCKET,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ANY_ADDRESS, shown

SUFFIX = "-ipv6"
ROLE = "proxy-ipv6"
#: The label with what it was made of: another image or another address is another container.
LABEL_MADE_OF = "luma.proxy-ipv6"
#: Its own runtime socket, in a folder that root owns: the master of this HAProxy is root without any other power.
SOCKET_DIR = "/run/luma-ipv6"
START_SECONDS = 10.0
#: The host's addresses of IPv6; empty, or not there, where it has none.
IF_INET6 = Path("/proc/net/if_inet6")

IPV6_CONFIG = "etc/ipv6.cfg"
IPV6_CONFIG_TEXT = f"""\
# Written by luma. The address comes from the container.
global
    log stdout format raw daemon notice
    stats socket {SOCKET_DIR}/admin.sock mode 600 level admin
    fd-hard-limit 50000
    uid 99
    gid 99

defaults
    mode tcp
    timeout connect 1s
    # While luma-proxy is replaced, connections wait for the new one.
    retries 10
    # It is luma-proxy that ends what is idle.
    timeout client 20d
    timeout server 20d
    timeout client-fin 10s

frontend http
.if defined(LUMA_PROXY_PROTOCOL)
    bind "${{LUMA_BIND}}" v6only accept-proxy
.else
    bind "${{LUMA_BIND}}" v6only
.endif
    default_backend http

backend http
    server proxy unix@{RUN_DIR}/{VISITORS_SOCKET} send-proxy-v2

frontend https
.if defined(LUMA_PROXY_PROTOCOL)
    bind "${{LUMA_BIND_TLS}}" v6only accept-proxy
.else
    bind "${{LUMA_BIND_TLS}}" v6only
.endif
    default_backend https

backend https
    server proxy unix@{RUN_DIR}/{VISITORS_TLS_SOCKET} send-proxy-v2
"""


def published_address(bind: str) -> str:
    """The address of a proxy's ``bind`` at which Docker publishes its ports; empty where that is one of IPv6."""
    if bind == ANY_ADDRESS:
        return "0.0.0.0"
    return bind if ipaddress.ip_address(bind).version == 4 else ""


def listens_on_ipv6(bind: str) -> bool:
    """Whether a proxy with this ``bind`` does, on this host."""
    return ipaddress.ip_address(bind).version == 6 and IF_INET6.exists() and bool(IF_INET6.read_text(encoding="ascii"))


class Ipv6Entrance:
    """The entrance of the proxy whose container has this ``name``, and whose files are in this folder."""

    def __init__(self, engine: Engine, name: str, folder: Path) -> None:
        self.engine = engine
        self.name = name + SUFFIX
        self.folder = folder
        self.haproxy = Haproxy(folder / "ipv6", patience=0)

    def is_as_wanted(self, settings: t.Mapping[str, t.Any]) -> bool:
        """Whether nothing is left to do for a proxy with these settings. One that could not start stays as it is, and
        is told of by `ensure`."""
        container = self._own()
        if not listens_on_ipv6(settings["bind"]):
            return container is None
        return container is not None and container.labels[LABEL_MADE_OF] == _made_of(settings)

    def ensure(self, settings: t.Mapping[str, t.Any]) -> list[str]:
        """Makes it as a proxy with these settings needs it. Returns notes: that it does not run, for example because
        another program has the port for IPv6."""
        if not self.is_as_wanted(settings):
            self.remove()
            if listens_on_ipv6(settings["bind"]):
                self._create(settings)
                self._start()
        container = self._own()
        if container is None or container.running:
            return []
        said = self.engine.logs(self.name, 1)
        return [
            f"⚠️ luma-proxy does not answer by IPv6, on {shown(settings['bind'])}:{settings['http_port']}: "
            f"{' '.join(said) or container.status}. IPv4 is served. If another program has that port, stop it, and "
            f"then: docker rm {self.name}. For IPv4 alone: proxy.bind: 0.0.0.0, and luma proxy update"
        ]

    def _create(self, settings: t.Mapping[str, t.Any]) -> None:
        socket_dir = self.folder / "ipv6"
        socket_dir.mkdir(mode=0o700, exist_ok=True)
        self.engine.create(
            self.name,
            settings["image"],
            "host",
            labels={LABEL_ROLE: ROLE, LABEL_MADE_OF: _made_of(settings)},
            command=["haproxy", "-db", "-f", f"{CONFIG_DIR}/ipv6.cfg"],
            environment={
                **environment_of(settings),
                "LUMA_BIND": f"{shown(settings['bind'])}:{settings['http_port']}",
                "LUMA_BIND_TLS": f"{shown(settings['bind'])}:{settings['https_port']}",
            },
            user="0:0",
            host={
                "network_mode": "host",
                "binds": [
                    f"{self.folder}/etc:{CONFIG_DIR}:ro",
                    f"{self.folder}/run:{RUN_DIR}:ro",
                    f"{socket_dir}:{SOCKET_DIR}",
                ],
                "cap_drop": ["ALL"],
                "cap_add": ["NET_BIND_SERVICE", "SETUID", "SETGID"],
                "security_opt": ["no-new-privileges"],
                "read_only": True,
            },
        )

    def _start(self) -> None:
        """Starts it, and has Docker keep it running if it answers."""
        self.engine.start(self.name)
        deadline = time.monotonic() + START_SECONDS
        while not self.haproxy.is_reachable():
            container = self._own()
            if container is None or not container.running or time.monotonic() >= deadline:
                return
            time.sleep(0.02)
        self.engine.keep_running(self.name)

    def remove(self) -> None:
        if self._own():
            self.engine.remove(self.name)

    def _own(self) -> Container | None:
        """Its container, None where there is none. Raises `LumaError` where another has its name."""
        container = self.engine.container(self.name, "")
        if container is not None and container.labels.get(LABEL_ROLE) != ROLE:
            raise LumaError(
                f"The name {self.name} is taken by a container that luma did not make: nothing was changed. Rename it "
                f"with: docker rename {self.name} OTHER"
            )
        return container


def _made_of(settings: t.Mapping[str, t.Any]) -> str:
    return " ".join(str(settings[name]) for name in ("image", "bind", "http_port", "https_port", "proxy_protocol"))
