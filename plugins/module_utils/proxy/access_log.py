# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests luma-proxy writes a line about, and how: errors and slow ones always, all of them with
``proxy.access_log``. The container's environment says which, so that a change of it is one of the proxy's settings."""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import HOLD_SERVER

#: What ``access_log`` may be; ``text`` is HAProxy's HTTP log format.
FORMATS = ("none", "text", "json")

#: A line of JSON may have this many bytes: an URL of 1,024 and three headers, with what is escaped in them. The engine
#: reads up to 16 KB as one line.
LINE_BYTES = 8192

#: The fields of a line of JSON, and what each is in HAProxy's log format (Configuration Manual 8.2.6). Headers are
#: kept from when the request comes: at the end they are gone. The time is that of the end, as requests that are not
#: understood have no other.
CAPTURED = {"Host": 253, "User-Agent": 256, "Referer": 256}
FIELDS = {
    "time": '[date(0,ms),ms_utime("%Y-%m-%dT%H:%M:%S.%3NZ")]',
    "client": "ci",
    "host": "[capture.req.hdr(0)]",
    "method": "[capture.req.method]",
    "uri": "[capture.req.uri]",
    "protocol": "[capture.req.ver]",
    "status": "ST",
    "bytes": "B",
    "backend": "b",
    "server": "s",
    "queue_ms": "Tw",
    "connect_ms": "Tc",
    "response_ms": "Tr",
    "total_ms": "Ta",
    "retries": "rc",
    "termination": "tsc",
    "user_agent": "[capture.req.hdr(1)]",
    "referer": "[capture.req.hdr(2)]",
}
JSON = (
    "".join(f"    capture request header {name} len {length}\n" for name, length in CAPTURED.items())
    + f"    log-format '%{{+json}}o {''.join(f'%({name}){item}' for name, item in FIELDS.items())}'\n"
)

# A request that waited for a replica, or that a replaced worker handed on, passes this proxy twice. The second time is
# told of, which has the app's server.
RULES = f"""\
.if defined(LUMA_ACCESS_LOG_JSON)
{JSON}.endif
.if defined(LUMA_ACCESS_LOG)
    http-after-response set-log-level silent if {{ status lt 500 }} {{ srv_name {HOLD_SERVER} }}
    http-after-response set-log-level silent if {{ status lt 500 }} {{ be_name successor }}
.else
    http-after-response set-log-level silent if {{ status lt 500 }} {{ res.timer.hdr lt 1000 }}
.endif
"""


def environment_of(settings: t.Mapping[str, t.Any]) -> dict[str, str]:
    """What the rules look at."""
    if settings["access_log"] == "none":
        return {}
    as_json = {"LUMA_ACCESS_LOG_JSON": "1"} if settings["access_log"] == "json" else {}
    return {"LUMA_ACCESS_LOG": "1", **as_json}
