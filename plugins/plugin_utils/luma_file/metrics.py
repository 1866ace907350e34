# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host tells Prometheus of its luma-proxy: ``proxy.metrics`` of luma.yml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import DEFAULTS
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Scalar
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.values import boolean, is_address

#: The keys of the ports that the proxy has beside it.
PORTS = ("http_port", "https_port")


def metrics(value: Scalar) -> str:
    """``ADDRESS:PORT``; empty for false. There is no default address: who may read this is to be said."""
    if value.type == "bool" and not boolean(value):
        return ""
    found = re.fullmatch(r"(\d+(?:\.\d+){3}|\[[0-9a-fA-F:]+\]):(\d{1,5})", value.text)
    if not found or not is_address(found[1].strip("[]")) or not 1 <= int(found[2]) <= 65535:
        raise ValueError("has to be an address and a port such as 127.0.0.1:8404, or false")
    return value.text


def port_taken(proxy: Mapping[str, Any]) -> str:
    """The key of luma.yml's ``proxy`` whose port ``metrics`` has, too; empty if there is none."""
    port = (proxy["metrics"] or "").rpartition(":")[2]
    return next((key for key in PORTS if str(proxy[key] or DEFAULTS[key]) == port), "")
