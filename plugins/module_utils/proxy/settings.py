# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a luma-proxy is made with: luma.yml's ``proxy``, and what it says nothing about."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy import access_log

#: All addresses, of IPv4 and IPv6.
ANY_ADDRESS = "::"
#: The label with the settings that the proxy was made with.
LABEL_SETTINGS = "luma.proxy"


@dataclass(frozen=True)
class ProxySettings:
    """What luma.yml's ``proxy`` says; None where it says nothing, which accepts what runs, or takes the default."""

    image: str | None = None
    http_port: int | None = None
    https_port: int | None = None
    bind: str | None = None
    proxy_protocol: bool | None = None
    http3: bool | None = None
    metrics: str | None = None
    access_log: str | None = None

    def __post_init__(self) -> None:
        if self.access_log not in (None, *access_log.FORMATS):
            raise LumaError(f"access_log of the proxy has to be one of {', '.join(access_log.FORMATS)}.")

    @property
    def given(self) -> dict[str, t.Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def of_a_new_one(self) -> dict[str, t.Any]:
        """What a proxy is made with that these settings describe."""
        return {**DEFAULTS, **self.given}


#: The image is the current LTS line of HAProxy's official one.
DEFAULTS: dict[str, t.Any] = {
    "image": "haproxy:3.2",
    "http_port": 80,
    "https_port": 443,
    "bind": ANY_ADDRESS,
    "proxy_protocol": False,
    "http3": False,
    "metrics": "",
    "access_log": "none",
}


def shown(bind: str) -> str:
    """An address as it stands in front of a port."""
    return f"[{bind}]" if ":" in bind else bind
