# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's configuration, derived from the routes of all apps on a host.

The routes are the record (one JSON file each, see ``_proxy``); the configuration is made anew from them each time, so
that a newer luma brings all of it up to date. Nothing here needs a HAProxy newer than 3.0. The keywords are those of
HAProxy's Configuration Manual.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

#: Where the container sees its configuration and its runtime folder.
CONFIG_DIR = "/etc/luma"
RUN_DIR = "/run/luma"
#: The ports inside the container: above 1024, so that it needs no capability.
HTTP_PORT = 8080
HTTPS_PORT = 8443


@dataclass(frozen=True)
class Route:
    """How the proxy reaches one app.

    ``hosts``: the names it answers to. ``check_path``: what the health check GETs with ``check_host`` as Host header;
    empty for a check that only connects. Times in seconds. ``forward_headers``: whether X-Forwarded-* of the client
    are trusted and passed on. ``slots``: how many replicas of both colors fit.
    """

    project: str
    app: str
    network: str
    hosts: tuple[str, ...]
    app_port: int = 80
    check_path: str = "/up"
    check_host: str = "localhost"
    check_timeout: float = 5.0
    response_timeout: float = 30.0
    forward_headers: bool = False
    slots: int = 8

    @property
    def backend(self) -> str:
        """Neither a project's nor an app's name has a colon, so that this is unique."""
        return backend_name(self.project, self.app)

    @property
    def endpoint(self) -> str:
        """The alias with its network, so that two projects may have an app of the same name."""
        return f"{self.app}.{self.network}:{self.app_port}"


def backend_name(project: str, app: str) -> str:
    return f"{project}:{app}"


def slots_for(replicas: int) -> int:
    """How many slots an app needs: both colors during a switch, and room to grow without a reload. A power of two,
    at least 8."""
    slots = 8
    while slots < 2 * replicas:
        slots *= 2
    return slots


BASE = """\
# Written by luma from the routes in ../routes; changes made here are lost.
global
    log stdout format raw daemon info
    stats socket {run}/admin.sock mode 600 level admin
    server-state-base {run}
    server-state-file servers-state
    fd-hard-limit 50000

# Docker's embedded DNS. An answer is asked for five times a second, which is how soon a moved alias is seen; an
# address that is no longer answered leaves at once, but a DNS that is silent changes nothing.
resolvers docker
    nameserver embedded 127.0.0.11:53
    accepted_payload_size 8192
    timeout resolve 200ms
    timeout retry 200ms
    hold obsolete 0s
    hold nx 30s
    # The containers live on where the engine is away: the longest that a timer of HAProxy takes.
    hold timeout 20d
    hold refused 20d
    hold other 20d

defaults
    mode http
    log global
    option httplog
    timeout http-request 10s
    # A drain waits as long for idle connections that a reload has left with the worker that it replaces: each of them
    # may bring one more request to the color that is being drained.
    timeout http-keep-alive 20s
    timeout client 60s
    timeout client-fin 10s
    timeout tunnel 1h
    # A connect on a local bridge takes microseconds: what takes longer goes to another replica. Only a connect that
    # failed is tried again, never a request that may have been processed.
    timeout connect 250ms
    retries 20
    retry-on conn-failure
    option redispatch 1
    # On a reload an idle connection is closed after its next answer and not at once, when a request may be under way.
    option idle-close-on-response
    load-server-state-from-file global
    http-error status 503 content-type text/plain hdr Retry-After 5 string "No healthy replica of this app.\\n"

frontend http
    bind :{http_port}
    # The slot that answered, for those who measure: `luma deploy --probe`.
    http-request set-var(txn.probe) req.hdr(x-luma-probe)
    http-response set-header X-Luma-Server %[srv_name] if {{ var(txn.probe) -m found }}
    # Errors and slow answers are logged; an access log of everything would halve the proxy's rate.
    http-after-response set-log-level silent if {{ status lt 500 }} {{ res.timer.hdr lt 1000 }}
    use_backend %[req.hdr(host),field(1,:),lower,map_str({config}/hosts.map,unknown-host)]

backend unknown-host
    http-request return status 404 content-type text/plain string "No app of that name here.\\n"

# One request to one slot, held or not: how a switch sees that the new color answers through the proxy.
frontend check
    bind unix@{run}/check.sock mode 600
    http-request set-log-level silent
    http-request set-var(txn.slot) req.hdr(x-luma-slot)
    http-response set-header X-Luma-Server %[srv_name]
    use_backend %[req.hdr(x-luma-backend)]
"""

BACKEND = """
backend {backend}
    balance leastconn
    timeout server {response_timeout}ms
    timeout check {check_timeout}ms
{check}{forward}    use-server %[var(txn.slot)] if {{ var(txn.slot) -m found }}
    default-server check inter 30s fastinter 200ms downinter 200ms rise 1 fall 2
    default-server observe layer4 error-limit 1 on-error fastinter pool-purge-delay 1s
    default-server resolvers docker resolve-prefer ipv4 init-addr last,none
    server-template {app} {slots} {endpoint}
"""

HTTP_CHECK = """\
    option httpchk
    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host {host}
    http-check expect status 200-299
"""

# What a client says about itself is not to be believed. Deleting all of it once is cheaper than setting each anew.
FORWARD_OWN = """\
    http-request del-header x-forwarded- -m beg
    option forwardfor
    http-request add-header X-Forwarded-Proto http
    http-request add-header X-Forwarded-Host %[req.hdr(host)]
"""

FORWARD_TRUSTED = """\
    http-request set-header X-Forwarded-For "%[req.fhdr(x-forwarded-for)], %[src]" \
if { req.hdr(x-forwarded-for) -m found }
    http-request set-header X-Forwarded-For %[src] unless { req.hdr(x-forwarded-for) -m found }
    http-request set-header X-Forwarded-Proto http unless { req.hdr(x-forwarded-proto) -m found }
    http-request set-header X-Forwarded-Host %[req.hdr(host)] unless { req.hdr(x-forwarded-host) -m found }
"""


def render_config(routes: t.Sequence[Route]) -> str:
    """The whole haproxy.cfg."""
    base = BASE.format(run=RUN_DIR, config=CONFIG_DIR, http_port=HTTP_PORT)
    return base + "".join(_render_backend(route) for route in _sorted(routes))


def _render_backend(route: Route) -> str:
    check = HTTP_CHECK.format(path=quote(route.check_path), host=route.check_host) if route.check_path else ""
    return BACKEND.format(
        backend=route.backend,
        app=route.app,
        slots=route.slots,
        endpoint=route.endpoint,
        response_timeout=int(route.response_timeout * 1000),
        check_timeout=int(route.check_timeout * 1000),
        check=check,
        forward=FORWARD_TRUSTED if route.forward_headers else FORWARD_OWN,
    )


def quote(text: str) -> str:
    """A word as the configuration file takes it in strong quotes (Configuration Manual 2.2)."""
    return "'" + text.replace("'", "'\\''") + "'"


def render_map(routes: t.Sequence[Route]) -> str:
    """The map from host name to backend; both sides of a map are separated by a space."""
    rows = (f"{host.lower()} {route.backend}\n" for route in _sorted(routes) for host in route.hosts)
    return "".join(rows)


def _sorted(routes: t.Sequence[Route]) -> list[Route]:
    return sorted(routes, key=lambda route: route.backend)
