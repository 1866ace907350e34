# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an app is told of its visitor by headers: X-Forwarded-*, X-Real-IP, X-Request-Start and X-Request-ID.

What a client says of itself is not to be believed, unless it is a proxy that luma.yml trusts (``forward_headers``).
"""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

# Deleting all of it once is cheaper than setting each anew, and so is adding what is not there: see docs/design.md.
OWN = """\
    http-request del-header x-forwarded- -m beg
    option forwardfor
    http-request add-header X-Forwarded-Proto {scheme}
    http-request add-header X-Forwarded-Host %[req.hdr(host)]
{own_port}    http-request set-header X-Real-IP %[src]
    http-request set-header X-Request-Start t=%[date(0,ms)]
    http-request add-header X-Request-ID %[uuid] unless {{ req.hdr(x-request-id) -m found }}
"""

# A request that this proxy has sent to itself, with this TLV, has the visitor's address already.
TRUSTED = """\
    http-request set-header X-Forwarded-For "%[req.fhdr(x-forwarded-for)], %[src]" \
if {{ req.hdr(x-forwarded-for) -m found }} !{{ fc_pp_tlv({backend_tlv}) -m found }}
    http-request add-header X-Forwarded-For %[src] unless {{ req.hdr(x-forwarded-for) -m found }}
    http-request add-header X-Forwarded-Proto {scheme} unless {{ req.hdr(x-forwarded-proto) -m found }}
    http-request add-header X-Forwarded-Host %[req.hdr(host)] unless {{ req.hdr(x-forwarded-host) -m found }}
{trusted_port}    http-request add-header X-Real-IP %[src] unless {{ req.hdr(x-real-ip) -m found }}
    http-request add-header X-Request-Start t=%[date(0,ms)] unless {{ req.hdr(x-request-start) -m found }}
    http-request add-header X-Request-ID %[uuid] unless {{ req.hdr(x-request-id) -m found }}
"""

# Who comes from elsewhere than the trusted proxies has nothing to say.
DISTRUSTED = """\
    http-request del-header x-forwarded- -m beg unless {{ src {trusted} }}
    http-request del-header x-real-ip unless {{ src {trusted} }}
    http-request del-header x-request-start unless {{ src {trusted} }}
"""

PORT = """\
    http-request add-header X-Forwarded-Port "${{{variable}}}"{condition}
"""
GIVEN = "{ req.hdr(x-forwarded-port) -m found }"
BY_HTTPS = "{ var(txn.scheme) -m str https }"


def render_forwarding(route: Route, with_https: bool, backend_tlv: str) -> str:
    """The rules of an app's backend. ``with_https``: whether any app of the host is reached by HTTPS."""
    values = {
        "scheme": "%[var(txn.scheme)]" if with_https else "http",
        "own_port": _ports(with_https, ""),
        "trusted_port": _ports(with_https, f"!{GIVEN}"),
        "backend_tlv": backend_tlv,
        "trusted": " ".join(route.forward_from),
    }
    if route.forward_from:
        return (DISTRUSTED + TRUSTED).format(**values)
    return (TRUSTED if route.forward_headers else OWN).format(**values)


def _ports(with_https: bool, condition: str) -> str:
    """The rules for X-Forwarded-Port; a proxy of an earlier luma has the variable of HTTP only."""
    if not with_https:
        return PORT.format(variable="LUMA_HTTP_PORT", condition=f" if {condition}" if condition else "")
    http, https = f" if !{BY_HTTPS} {condition}".rstrip(), f" if {BY_HTTPS} {condition}".rstrip()
    rules = PORT.format(variable="LUMA_HTTP_PORT", condition=http)
    return rules + PORT.format(variable="LUMA_HTTPS_PORT-443", condition=https)
