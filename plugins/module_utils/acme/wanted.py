# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an app wants of the agent: ``wanted.json``, which the modules write."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError


@dataclass(frozen=True)
class Wanted:
    """``names``: the first one is the app's main one. ``dns``: the provider of a challenge by DNS, with its
    ``dns_environment``; empty for challenges by HTTP. ``dns_wait``: how many seconds to wait for a record, where this
    host may not ask the name's own DNS servers whether they have it. ``eab``: the key identifier and the HMAC of an
    account at the CA. ``peers``: the HTTPS addresses of the app's other hosts. ``rank``: this host's number among its
    ``hosts``."""

    names: tuple[str, ...]
    directory: str
    thumbprint: str
    email: str = ""
    key_type: str = "ec256"
    dns: str = ""
    dns_environment: t.Mapping[str, str] = field(default_factory=dict)
    dns_wait: float = 0.0
    eab: tuple[str, str] | None = None
    peers: tuple[str, ...] = ()
    rank: int = 0
    hosts: int = 1

    @property
    def main(self) -> str:
        return self.names[0]

    @property
    def secrets(self) -> list[str]:
        """What may be seen nowhere."""
        return [*self.dns_environment.values(), *(self.eab or ())]

    @property
    def digest(self) -> str:
        """Tells whether something that matters to an order has changed. It is written to the state, so that nothing
        secret goes into it."""
        matters = [self.names, self.directory, self.email, self.dns, bool(self.eab), self.thumbprint]
        return hashlib.sha256(json.dumps(matters).encode()).hexdigest()[:16]


def parse(text: str) -> Wanted:
    """Raises `LumaError` that says what is wrong, and quotes nothing."""
    try:
        found = json.loads(text)
        dns, eab = found.get("dns") or {}, found.get("eab")
        wanted = Wanted(
            names=tuple(str(name).lower() for name in found["names"]),
            directory=str(found["directory"]),
            thumbprint=str(found["thumbprint"]),
            email=str(found.get("email") or ""),
            key_type=str(found.get("key_type") or "ec256"),
            dns=str(dns["provider"]) if dns else "",
            dns_environment={str(name): str(value) for name, value in (dns.get("environment") or {}).items()},
            dns_wait=float(dns.get("wait") or 0),
            eab=(str(eab["kid"]), str(eab["hmac"])) if eab else None,
            peers=tuple(str(peer) for peer in found.get("peers") or ()),
            rank=int(found.get("rank", 0)),
            hosts=int(found.get("hosts", 1)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise LumaError(f"wanted.json is broken ({type(exc).__name__}): deploy the app again.") from exc
    if not wanted.names or not 0 <= wanted.rank < wanted.hosts:
        raise LumaError("wanted.json has no names, or a rank that none of its hosts has: deploy the app again.")
    # lego takes these as arguments: a value that begins with a dash would be an option.
    if any(value.startswith("-") for value in (*wanted.names, wanted.directory, wanted.dns, wanted.key_type)):
        raise LumaError("wanted.json has a name that begins with a dash: deploy the app again.")
    if any(name.startswith("*") for name in wanted.names) and not wanted.dns:
        raise LumaError(
            f"{wanted.main}: a certificate for a wildcard needs a DNS provider (acme_dns): no CA checks it by HTTP."
        )
    return wanted
