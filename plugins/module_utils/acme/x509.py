# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys, read by openssl."""

from __future__ import annotations

import calendar
import functools
import re
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n?", re.DOTALL)
SHOW = ("x509", "-noout", "-serial", "-startdate", "-enddate", "-fingerprint", "-sha1", "-pubkey")
SHOW_NAMES = ("-subject", "-issuer", "-nameopt", "RFC2253,-esc_msb,utf8", "-ext", "subjectAltName")
TIMEOUT = 20.0
KEPT = 256


@dataclass(frozen=True)
class Certificate:
    """The first certificate of a chain, and the chain. ``key``: its public key (PEM); ``authority``: who issued it, as
    an organization where it says one; ``fingerprint``: by SHA-1, as HAProxy shows it."""

    chain: str
    names: tuple[str, ...]
    begins: float
    expires: float
    serial: str
    issuer: str
    authority: str
    self_signed: bool
    key: str
    fingerprint: str

    @property
    def lifetime(self) -> float:
        return self.expires - self.begins

    def covered(self, names: t.Iterable[str]) -> set[str]:
        """Those of these names that it is for."""
        own = {name.lower() for name in self.names}
        return {name for name in names if name.lower() in own or _one_level_up(name) in own}


def _one_level_up(name: str) -> str:
    return "" if name.startswith("*") else "*." + name.lower().partition(".")[2]


class X509:
    """What openssl says. The answers are kept, since they are asked for every second."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.certificate = functools.lru_cache(KEPT)(self._certificate)
        self.public_key = functools.lru_cache(KEPT)(self._public_key)

    def _certificate(self, pem: str) -> Certificate | None:
        """The certificate in a text that may also have a key and a chain; nothing where there is none. Raises
        `LumaError` where a part of the chain cannot be read."""
        chain = [found.strip() + "\n" for found in CERTIFICATE.findall(pem)]
        if not chain:
            return None
        for issuer in chain[1:]:
            self._openssl(["x509", "-noout"], issuer)
        text = self._openssl(
            [*SHOW, *SHOW_NAMES],
            chain[0],
        )
        return parse("".join(chain), text)

    def _public_key(self, private_key: str) -> str:
        """The public key (PEM) of a private one."""
        return self._openssl(["pkey", "-pubout"], private_key).strip()

    def _openssl(self, arguments: t.Sequence[str], given: str) -> str:
        done = self.commands.run(["openssl", *arguments], TIMEOUT, given)
        if done.status:
            # What it was given may be a key: its words, which never quote that, are left out all the same.
            raise LumaError(f"openssl {arguments[0]} cannot read what is no {_meant(arguments[0])} in PEM.")
        return done.output


def _meant(command: str) -> str:
    return "private key" if command == "pkey" else "certificate"


def parse(chain: str, text: str) -> Certificate:
    """A certificate from what ``openssl x509`` prints of it."""
    names = re.search(r"Subject Alternative Name:.*\n\s*(.*)", text)
    key = re.search(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", text, re.DOTALL)
    issuer, subject = _field(text, "issuer"), _field(text, "subject")
    organization, common_name = _part(issuer, "O"), _part(issuer, "CN")
    return Certificate(
        chain=chain,
        names=tuple(re.findall(r"DNS:([^,\s]+)", names.group(1))) if names else (),
        begins=timestamp(_field(text, "notBefore")),
        expires=timestamp(_field(text, "notAfter")),
        serial=_field(text, "serial"),
        issuer=" ".join(filter(None, (organization, common_name))) or issuer,
        authority=organization or common_name or issuer,
        self_signed=issuer == subject,
        key=key.group(0) if key else "",
        fingerprint=re.sub("[^0-9A-F]", "", _field(text, "sha1 fingerprint").upper()),
    )


def timestamp(text: str) -> float:
    """A time as openssl and HAProxy write it: ``Feb 24 15:16:43 2027 GMT``."""
    try:
        return float(calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y GMT")))
    except ValueError as exc:
        raise LumaError(f"A certificate has a time that cannot be read: {text}.") from exc


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}=[ ]?(.*)$", text, re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else ""


def _part(name: str, kind: str) -> str:
    found = re.search(rf"(?:^|,){kind}=((?:\\.|[^,\\])*)", name)
    return re.sub(r"\\(.)", r"\1", found.group(1)) if found else ""
