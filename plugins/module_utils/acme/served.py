# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy serves for an app, by its runtime API (Management Guide, section 9.3)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import timestamp
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.answers import parse_slots
from ansible_collections.luma.deploy.plugins.module_utils.proxy.certificates import TRUSTED_MAP
from ansible_collections.luma.deploy.plugins.module_utils.proxy.sockets import Sockets


class Shown(t.NamedTuple):
    """A certificate that HAProxy has loaded."""

    names: list[str]
    expires: float
    serial: str
    issuer: str
    fingerprint: str


class Served:
    """HAProxy reads the shared folder at ``folder``."""

    def __init__(self, sockets: Sockets, folder: str) -> None:
        self.sockets = sockets
        self.folder = folder

    def is_up(self, backend: str) -> bool:
        """Whether the app has a server that requests go to."""
        return any(slot.serving for slot in parse_slots(self.sockets.run("show servers state " + backend), ""))

    def certificate(self, backend: str) -> Shown | None:
        """Nothing where it has loaded no file of this app."""
        return parse(self.sockets.run("show ssl cert " + self._file(backend)))

    def load(self, backend: str, pem: str) -> None:
        """Has HAProxy serve a key and a chain from now on. Connections that are open keep what they have. Raises
        `Refused` where it does not take them, and `NotLoaded` where it has no such file."""
        file = self._file(backend)
        # A payload ends with an empty line, so that it may have none.
        payload = "\n".join(line for line in pem.splitlines() if line.strip())
        answer = self.sockets.run(f"set ssl cert {file} <<\n{payload}\n")
        if "not referenced" in answer:
            raise NotLoaded("luma-proxy has not loaded a certificate file of this app yet.")
        if "Transaction" in answer:
            answer = self.sockets.run(f"commit ssl cert {file}")
            if "Success!" in answer:
                return
        self.sockets.run(f"abort ssl cert {file}")
        raise Refused(f"luma-proxy refused the certificate: {_line(answer)}. It keeps serving the earlier one.")

    def trusted(self, backend: str) -> set[str]:
        rows = (line.split() for line in self.sockets.run("show map " + self._map()).splitlines())
        return {row[1] for row in rows if len(row) == 3 and row[2] == backend}

    def trust(self, backend: str, names: t.Collection[str]) -> bool:
        """Makes these the app's trusted names; returns whether they have been others."""
        before = self.trusted(backend)
        # First what is added: a name that stays trusted is never without.
        commands = [f"add map {self._map()} {name} {backend}" for name in sorted(set(names) - before)]
        commands += [f"del map {self._map()} {name}" for name in sorted(before - set(names))]
        if commands:
            answer = self.sockets.run("; ".join(commands)).strip()
            if answer:
                raise LumaError(f"luma-proxy could not change the names that have a certificate: {_line(answer)}.")
        return bool(commands)

    def _file(self, backend: str) -> str:
        return f"{self.folder}/{backend}.pem"

    def _map(self) -> str:
        return f"{self.folder}/{TRUSTED_MAP}"


class Refused(LumaError):
    """HAProxy does not take a certificate."""


class NotLoaded(LumaError):
    """HAProxy's configuration does not have the app's certificate yet."""


def parse(answer: str) -> Shown | None:
    """The answer to ``show ssl cert FILE``."""
    found = dict(re.findall(r"^([^:\n]+): (.*)$", answer, re.MULTILINE))
    if "Serial" not in found:
        return None
    return Shown(
        names=re.findall(r"DNS:([^,\s]+)", found.get("Subject Alternative Name", "")),
        expires=timestamp(" ".join(found.get("notAfter", "").split())),
        serial=found["Serial"],
        issuer=" ".join(re.findall(r"/(?:O|CN)=([^/]*)", found.get("Issuer", ""))),
        fingerprint=found.get("SHA1 FingerPrint", ""),
    )


def _line(answer: str) -> str:
    return (answer.strip().splitlines() or ["it says nothing"])[0].rstrip(".!")
