# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HTTPS adds to HAProxy's configuration. On a host without an app that has it, none of this is there.

Each app has its certificate in a file of its own (`proxy.certificates`), which HAProxy chooses by the name that a
client asks for in its handshake (SNI). The keywords are those of HAProxy's Configuration Manual, the ciphers those of
Mozilla's intermediate recommendation without DHE, which needs parameters of its own (ssl-config.mozilla.org, version
5.7).
"""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import (
    CERTIFICATES_DIR,
    CONFIG_DIR,
    HTTPS_PORT,
    RUN_DIR,
    VISITORS_TLS_SOCKET,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import ANY_HOST, Route

CRT_LIST = "crt-list"
#: The type of the PROXY protocol's TLV that has the scheme of a request that this proxy sends to itself.
SCHEME_TLV = "0xE1"
#: What a connection of this proxy to itself tells of its request.
SEND_SCHEME = f" set-proxy-v2-tlv-fmt({SCHEME_TLV}) %[var(txn.scheme)]"

GLOBAL = """\
    ssl-default-bind-options prefer-client-ciphers ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-curves X25519:prime256v1:secp384r1
    ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
"""

LISTEN = f"""\
.if defined(LUMA_PROXY_PROTOCOL)
    bind :{HTTPS_PORT} accept-proxy {{options}} alpn h2,http/1.1
.else
    bind :{HTTPS_PORT} {{options}} alpn h2,http/1.1
.endif
    bind unix@{RUN_DIR}/{VISITORS_TLS_SOCKET} mode 600 accept-proxy {{options}} alpn h2,http/1.1
# HTTP/3, where it is wanted and the image's TLS library has all of it. Visitors come by IPv6 without it.
.if defined(LUMA_HTTP3) && feature(QUIC) && !feature(QUIC_OPENSSL_COMPAT)
    bind quic4@:{HTTPS_PORT} {{options}} alpn h3
    http-after-response set-header Alt-Svc "h3=\\":${{{{LUMA_HTTPS_PORT-443}}}}\\"; ma=86400" \
if {{{{ ssl_fc }}}} {{{{ src 0.0.0.0/0 }}}}
.endif
"""

CHALLENGES = f"req.hdr(host),host_only,lower,map_str({CERTIFICATES_DIR}/challenges.map)"
# The answer to any challenge of HTTP-01 is its token and the thumbprint of the account's key (RFC 8555, section 8.3):
# no host has to know which of them has asked for the certificate.
VISITOR_RULES = f"""\
    http-request set-var(txn.scheme) ssl_fc,iif(https,http)
    http-request return status 200 content-type text/plain lf-string "%[path,field(4,/)].%[{CHALLENGES}]" \
if {{ path_beg /.well-known/acme-challenge/ }} {{ path_reg ^/.well-known/acme-challenge/[-_a-zA-Z0-9]+$ }} \
{{ {CHALLENGES} -m found }}
"""
AGAIN_RULES = f"""\
    http-request set-var(txn.scheme) fc_pp_tlv({SCHEME_TLV})
"""
# An app that redirects every request without HTTPS is healthy, too.
CHECKED = """\
    http-request set-var(txn.scheme) str(https) if { fe_name check }
"""

# Behind a trusted proxy that speaks HTTPS with the visitor there is nothing to redirect.
REDIRECT = """\
    http-request redirect location "https://%[req.hdr(host),host_only]${{LUMA_HTTPS_SUFFIX-}}%[pathq]" code 308 \
if !{{ req.hdr(x-forwarded-proto) -m str https }} \
{{ req.hdr(host),host_only,lower{pattern},map_str({certificates}/trusted.map) -m found }}
"""
HSTS = """\
    http-after-response set-header Strict-Transport-Security "max-age={seconds}" if {{ var(txn.scheme) -m str https }}
"""


def is_needed(routes: t.Iterable[Route]) -> bool:
    return any(route.ssl for route in routes)


def render_listeners(routes: t.Iterable[Route]) -> str:
    """Without an app for every name (``*``), who asks for a name of none is refused in the handshake, and so is who
    asks for no name."""
    strict = "" if any(route.ssl and ANY_HOST in route.hosts for route in routes) else " strict-sni"
    return LISTEN.format(options=f"ssl crt-list {CONFIG_DIR}/{CRT_LIST}{strict}")


def render_backend(route: Route) -> str:
    """What an app's backend has for HTTPS, behind what it has for X-Forwarded-Proto."""
    if not route.ssl:
        return ""
    patterns = [""] if any(not host.startswith("*") for host in route.hosts) else []
    if any(host.startswith("*.") for host in route.hosts):
        patterns.append(",regsub(^[^.]*,*)")
    if ANY_HOST in route.hosts:
        patterns.append(",regsub(.*,*)")
    redirects = [REDIRECT.format(pattern=each, certificates=CERTIFICATES_DIR) for each in patterns]
    hsts = HSTS.format(seconds=route.hsts) if route.hsts else ""
    return "".join(redirects if route.ssl_redirect else []) + hsts


def render_crt_list(routes: t.Sequence[Route]) -> str:
    """Which certificate is for which names."""
    rows = [
        f"{CERTIFICATES_DIR}/{route.backend}.pem {' '.join(host.lower() for host in route.hosts)}\n"
        for route in sorted(routes, key=lambda route: route.backend)
        if route.ssl and route.own_certificate
    ]
    return "".join(rows)
