# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests come to an app: from whom, how large, under which of its names, and whether any at all.

The rules stand behind those that set X-Forwarded-Proto, and do not concern luma's own checks.
"""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.module_utils.proxy import pages
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

MAINTENANCE = """\
    http-request return status 503 hdr Retry-After 60 {page} \
unless {{ fe_name check }}{others}
"""
BACK_SOON = (
    'content-type text/html string "'
    "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Maintenance</title>"
    "<body style='font:1.2em system-ui;text-align:center;padding:15vh 1em'><h1>Back soon</h1>"
    "<p>This site is down for maintenance.</p>"
    '"'
)
ALLOW = """\
    http-request deny deny_status 403 unless {{ src {networks} }} || {{ fe_name check }}
"""
# Of a body without a length nobody knows how large it becomes.
MAX_BODY = """\
    http-request deny deny_status 413 if {{ req.hdr_val(content-length) gt {most} }}
    http-request return status 411 {no_length} \
if {{ req.hdr(transfer-encoding) -m found }}
"""
NO_LENGTH = 'content-type text/plain string "The length of the body is needed.\\n"'
REDIRECT = """\
    http-request redirect location "https://{target}${{LUMA_HTTPS_SUFFIX-}}%[pathq]" code 308 \
if {{ req.hdr(host),host_only,lower -m str {name} }} {{ req.hdr(x-forwarded-proto) -m str https }}
    http-request redirect location "http://{target}${{LUMA_HTTP_SUFFIX-}}%[pathq]" code 308 \
if {{ req.hdr(host),host_only,lower -m str {name} }}
"""


def render_admission(route: Route) -> str:
    """The rules of an app's backend."""
    allow = ALLOW.format(networks=" ".join(route.allow)) if route.allow else ""
    most = MAX_BODY.format(most=route.max_body, no_length=_sent(route, "411", NO_LENGTH)) if route.max_body else ""
    redirects = (REDIRECT.format(name=name.lower(), target=target) for name, target in route.redirects)
    others = f" || {{ src {' '.join(route.maintenance_allow)} }}" if route.maintenance_allow else ""
    page = _sent(route, pages.MAINTENANCE, BACK_SOON)
    maintenance = MAINTENANCE.format(page=page, others=others) if route.maintenance else ""
    return "".join([maintenance, allow, most, *redirects])


def _sent(route: Route, status: str, without: str) -> str:
    """What a rule sends: the app's page for it, or what is sent ``without`` one."""
    page = pages.page_of(route, status)
    return f"content-type text/html file {page}" if page else without
