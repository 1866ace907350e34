# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma-proxy's lines about requests as JSON (``proxy.access_log``), read and made readable. Lines in HAProxy's own
format, and what is no line about a request, stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.proxy.access_log import FIELDS
from ansible_collections.luma.deploy.plugins.plugin_utils.text import size_in_words

#: HAProxy's word for a server where a request had none, and the server's name in luma's configuration where it waits.
NO_SERVER = "<NOSRV>"


def request_of(text: str) -> dict[str, Any] | None:
    """The fields of a line about a request; None if it is none in JSON, or was cut for its length."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if found.keys() >= FIELDS.keys() else None


def request_in_words(request: Mapping[str, Any]) -> str:
    """As in ``2026-12-01T10:00:00.123Z 203.0.113.7 GET blog.com/ 200, 5 KB in 12 ms from shop:blog/blog1``."""
    asked = f"{request['method']} {request['host']}{request['uri']}" if request["method"] else "not understood:"
    server = "" if request["server"] == NO_SERVER else f" from {request['backend']}/{request['server']}"
    answer = f"{request['status']}, {size_in_words(request['bytes'])} in {request['total_ms']} ms{server}"
    # HAProxy's two letters for who ended it, and when (Configuration Manual 8.5); both are a dash if all went well.
    ended = f" ({request['termination']})" if request["termination"][:2] != "--" else ""
    return f"{request['time']} {request['client']} {asked} {answer}{ended}"
