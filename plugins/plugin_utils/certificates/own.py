# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the user's own, looked at before they are sent."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.acme.info import WARN_DAYS


@dataclass(frozen=True)
class OwnCertificate:
    """A private key with its chain (PEM). ``names``: what the certificate is for."""

    key: str
    chain: str
    names: tuple[str, ...]
    expires: datetime.datetime

    @classmethod
    def of(cls, chain: str, key: str) -> OwnCertificate:
        """Raises `ValueError` with what is wrong with one of the PEM texts, or if they do not belong together."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization as s

        try:
            certificates = x509.load_pem_x509_certificates(chain.encode())
        except ValueError as exc:
            raise ValueError("certificate: is no certificate in PEM form (-----BEGIN CERTIFICATE-----)") from exc
        try:
            private = s.load_pem_private_key(key.encode(), None)
        except (ValueError, TypeError) as exc:
            raise ValueError("key: is no private key in PEM form, or has a password") from exc
        form = (s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
        if private.public_key().public_bytes(*form) != certificates[0].public_key().public_bytes(*form):
            raise ValueError("key: does not belong to the certificate; the app's own certificate has to come first")
        try:
            extension = certificates[0].extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = tuple(extension.value.get_values_for_type(x509.DNSName))
        except x509.ExtensionNotFound:
            names = ()
        private_pem = private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode()
        chain_pem = "".join(each.public_bytes(s.Encoding.PEM).decode() for each in certificates)
        return cls(private_pem, chain_pem, names, certificates[0].not_valid_after_utc)

    def covers(self, name: str) -> bool:
        """Whether it is for a name, or for a pattern such as ``*.blog.com``."""
        wildcard = "*." + name.partition(".")[2]
        return bool({name.lower(), wildcard.lower()} & {each.lower() for each in self.names})

    def warnings(self, hosts: Sequence[str]) -> list[str]:
        """What users of the app will notice."""
        missing = [host for host in hosts if not self.covers(host)]
        found = [f"the certificate is not for {', '.join(missing)}"] if missing else []
        left = self.expires - datetime.datetime.now(datetime.UTC)
        if left.days < WARN_DAYS:
            until = self.expires.date().isoformat()
            ended = left.total_seconds() < 0
            found.append(f"the certificate ended on {until}" if ended else f"the certificate ends on {until}")
        return found
