# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's configuration, derived from the routes of all apps on a host.

The routes are the record (one JSON file each, see `proxy.routes`); the configuration is made anew from them each time,
so that a newer luma brings all of it up to date. Nothing here needs a HAProxy newer than 3.0. The keywords are those of
HAProxy's Configuration Manual.
"""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy import access_log, logins, sticky, tls
from ansible_collections.luma.deploy.plugins.module_utils.proxy.admission import render_admission
from ansible_collections.luma.deploy.plugins.module_utils.proxy.forwarding import render_forwarding
from ansible_collections.luma.deploy.plugins.module_utils.proxy.metrics import METRICS
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import HOLD_SERVER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.pages import page_of, render_pages
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import (
    HTTP_PORT,
    RUN_DIR,
    VISITORS_SOCKET,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routing import (
    UNKNOWN_HOST,
    render_hosts_map,
    render_paths_map,
    render_routing,
    render_strip,
)

#: The type of the PROXY protocol's TLV that names a backend; 0xE0 to 0xEF are for use like this (its section 2.2.8).
BACKEND_TLV = "0xE0"


BASE = """\
# Written by luma from the routes in ../routes; changes made here are lost.
global
    log stdout len {line_bytes} format raw daemon info
    stats socket {run}/admin.sock mode 600 level admin
    server-state-base {run}
    server-state-file servers-state
    fd-hard-limit 50000
    # Headers of 64 KB, in both directions: they have to fit into one buffer, with 1 KB to spare (tune.maxrewrite).
    tune.bufsize 81920
    # What a thread keeps at hand of its freed memory: a hundred such buffers. The 512 KB that are the default are six.
    tune.memory.hot-size 8388608
{tls_global}
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
    timeout http-keep-alive {keep_alive}ms
    timeout client 60s
    timeout client-fin 10s
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
.if defined(LUMA_PROXY_PROTOCOL)
    bind :{http_port} accept-proxy
.else
    bind :{http_port}
.endif
    # Visitors who come by IPv6, with their addresses (`proxy.ipv6`).
    bind unix@{run}/{visitors} mode 600 accept-proxy
{tls_listen}{rules}{tls_visitor}\
    # A worker that a reload has replaced knows the old color only. What an idle connection brings it, it hands
    # to the worker that replaced it. Where the whole proxy ends, there is none.
    use_backend successor if {{ stopping }} !{{ var(proc.ending) -m found }}
{use_path}    use_backend {by_host}
    # A request without a Host, as HTTP/1.0 allows.
    default_backend {otherwise}

# What this proxy sends to itself: requests of a replaced worker, and those that are held.
frontend again
    bind unix@{run}/again.sock mode 600 accept-proxy
{rules}{tls_again}\
    use_backend %[fc_pp_tlv({tlv})] if {{ fc_pp_tlv({tlv}) -m found }}
{use_path}    use_backend {by_host}
    default_backend {otherwise}

backend successor
    # The worker that answers has the timeouts of the app.
    timeout server 20d
    timeout tunnel 20d
    server worker unix@{run}/again.sock send-proxy-v2{send_scheme}

backend {unknown_host}
    http-request return status 404 content-type text/plain string "No app of that name here.\\n"

# One request to one slot, held or not: how a switch sees that the new color answers through the proxy.
frontend check
    bind unix@{run}/check.sock mode 600
    http-request set-log-level silent
    http-request set-var(txn.slot) req.hdr(x-luma-slot)
    http-response set-header X-Luma-Server %[srv_name]
    use_backend %[req.hdr(x-luma-backend)]
"""

# An app may close a connection that it holds for idle (gunicorn after 2 s, Node after 5 s) in the moment in which a
# request is sent on it, and nobody can tell whether that was processed. So a connection is used again only in the 50 ms
# in which it was made, which is where many requests come; its name in the pool is that time. The pool takes new ones
# while it has old ones, up to pool-low-conn (srv_add_to_idle_list in HAProxy's server.c), and ends these soon.
BACKEND = """
backend {backend}
    balance leastconn
    timeout server {response_timeout}ms
    # An answer that has begun may be silent for longer: event streams. And so may websockets.
    http-response set-timeout server {stream_timeout}ms
    timeout tunnel {stream_timeout}ms
    timeout check {check_timeout}ms
{check}{checked}{pages}{forward}{admission}{https}{login}{strip}{sticky}{hold_rules}\
    # The slot that answered, for those who measure: `luma deploy --probe`.
    http-request set-var(txn.probe) req.hdr(x-luma-probe)
    http-response set-header X-Luma-Server %[srv_name] if {{ var(txn.probe) -m found }} !{{ srv_name {hold_server} }}
    use-server %[var(txn.slot)] if {{ var(txn.slot) -m found }}
    default-server check inter 30s fastinter 200ms downinter 200ms rise 1 fall 2
    default-server observe layer4 error-limit 1 on-error fastinter
    default-server resolvers docker resolve-prefer ipv4 init-addr last,none
    default-server pool-conn-name date(0,ms),div(50) pool-low-conn 128 pool-purge-delay 50ms
    server-template {app} {slots} {endpoint} maxconn 50000
{hold_slot}"""

# Where no slot is up, requests are queued until one is, and none is refused: HAProxy queues only where a server is up
# and busy. So there is one more, for the time without others (backup), which takes a single request and sends it to
# this proxy again, where that is queued like the others. A slot needs a maxconn to take requests from the queue, and
# `allbackups` has the queue be the backend's and not the backup server's (queue.c and lb_fwlc.c of HAProxy 3.0).
HOLD_RULES = """\
    timeout queue {hold}ms
    option allbackups
    http-request {too_many} if {{ queue ge 1000 }}
"""
TOO_MANY = '''return status 503 content-type text/plain hdr Retry-After 5 \
string "Too many requests wait for a replica of this app.\\n"'''
TOO_MANY_WITH_PAGE = "deny deny_status 503"
HOLD_SLOT = """\
    server {hold_server} unix@{run}/again.sock backup no-check maxconn 1 send-proxy-v2 \
set-proxy-v2-tlv-fmt({tlv}) %[be_name]{send_scheme}
"""

HTTP_CHECK = """\
    option httpchk
    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host {host}{scheme}
    http-check expect status 200-299
"""


def environment_of(settings: t.Mapping[str, t.Any]) -> dict[str, str]:
    """What the configuration takes from its container, since it follows from how that is made."""
    https_port = str(settings["https_port"])
    environment = {
        "LUMA_HTTP_PORT": str(settings["http_port"]),
        "LUMA_HTTPS_PORT": https_port,
        # What follows a name in a URL.
        "LUMA_HTTP_SUFFIX": "" if settings["http_port"] == 80 else f":{settings['http_port']}",
        "LUMA_HTTPS_SUFFIX": "" if https_port == "443" else f":{https_port}",
    }
    switches = {f"LUMA_{name.upper()}": settings[name] for name in ("proxy_protocol", "http3", "metrics")}
    return {**environment, **{name: "1" for name, on in switches.items() if on}, **access_log.environment_of(settings)}


def render_config(routes: t.Sequence[Route]) -> str:
    """The whole haproxy.cfg."""
    with_https = tls.is_needed(routes)
    base = BASE.format(
        line_bytes=access_log.LINE_BYTES,
        run=RUN_DIR,
        http_port=HTTP_PORT,
        visitors=VISITORS_SOCKET,
        tlv=BACKEND_TLV,
        # All apps of a host share the frontend: nobody's connections end earlier than asked for.
        keep_alive=milliseconds(max((route.keep_alive for route in routes), default=Route.keep_alive)),
        unknown_host=UNKNOWN_HOST,
        **_render_routing(routes),
        **_render_tls(routes),
    )
    return base + METRICS + "".join(_render_backend(route, with_https) for route in _sorted(routes))


def _render_tls(routes: t.Sequence[Route]) -> dict[str, str]:
    parts = {
        "tls_global": tls.GLOBAL,
        "tls_listen": tls.render_listeners(routes),
        "tls_visitor": tls.VISITOR_RULES,
        "tls_again": tls.AGAIN_RULES,
        "send_scheme": tls.SEND_SCHEME,
    }
    return parts if tls.is_needed(routes) else dict.fromkeys(parts, "")


def _render_routing(routes: t.Sequence[Route]) -> dict[str, str]:
    found = render_routing(routes)
    return {**found, "rules": access_log.RULES + found.pop("by_rules")}


def _render_backend(route: Route, with_https: bool) -> str:
    scheme = " hdr X-Forwarded-Proto https" if route.ssl else ""
    check = HTTP_CHECK.format(path=quote(route.check_path), host=route.check_host, scheme=scheme)
    hold = {
        "too_many": TOO_MANY_WITH_PAGE if page_of(route, "503") else TOO_MANY,
        "hold": milliseconds(route.hold),
        "hold_server": HOLD_SERVER,
        "run": RUN_DIR,
        "tlv": BACKEND_TLV,
        "send_scheme": tls.SEND_SCHEME if with_https else "",
    }
    return BACKEND.format(
        backend=route.backend,
        app=route.app,
        slots=route.slots,
        endpoint=route.endpoint,
        response_timeout=milliseconds(route.response_timeout),
        stream_timeout=milliseconds(route.stream_timeout),
        check_timeout=milliseconds(route.check_timeout),
        check=check if route.check_path else "",
        checked=tls.CHECKED if route.ssl else "",
        forward=render_forwarding(route, with_https, BACKEND_TLV),
        pages=render_pages(route),
        admission=render_admission(route),
        https=tls.render_backend(route),
        login=logins.render_login(route),
        # Behind what sends visitors to the whole path somewhere else.
        strip=render_strip(route, BACKEND_TLV),
        hold_server=HOLD_SERVER,
        hold_rules=HOLD_RULES.format(**hold) if route.hold else "",
        sticky=sticky.render_sticky(route),
        hold_slot=HOLD_SLOT.format(**hold) if route.hold else "",
    )


def milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def quote(text: str) -> str:
    """A word as the configuration file takes it in strong quotes (Configuration Manual 2.2)."""
    return "'" + text.replace("'", "'\\''") + "'"


def render_maps(routes: t.Sequence[Route]) -> dict[str, str]:
    """The maps that the configuration reads, by their names beside it."""
    in_order = _sorted(routes)
    return {
        "hosts.map": render_hosts_map(in_order),
        "paths.map": render_paths_map(in_order),
        logins.MAP: logins.render_logins_map(in_order),
        sticky.MAP: sticky.render_sticky_map(in_order),
    }


def _sorted(routes: t.Sequence[Route]) -> list[Route]:
    return sorted(routes, key=lambda route: route.backend)
