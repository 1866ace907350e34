# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of an app on disk and in HAProxy, which are kept the same."""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.acme.served import NotLoaded, Refused, Served, Shown
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import X509, Certificate
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.certificates import Certificates


class Keeper:
    """For one app, by its backend."""

    def __init__(self, certificates: Certificates, served: Served, x509: X509, backend: str) -> None:
        self.certificates = certificates
        self.served = served
        self.x509 = x509
        self.backend = backend

    def held(self) -> Certificate | None:
        """The certificate on disk; nothing where none can be read."""
        try:
            return self.x509.certificate(self.certificates.read(self.backend))
        except (LumaError, ValueError):
            return None

    def shown(self) -> Shown | None:
        """The certificate that HAProxy serves."""
        return self.served.certificate(self.backend)

    def adopt(self, key: str, found: Certificate) -> None:
        """Puts a certificate, for this private key, into the place of the one that is there, and has HAProxy serve it.
        Raises `LumaError` and `OSError`; what HAProxy refuses is put back."""
        if self.x509.public_key(key) != found.key:
            raise LumaError("The certificate is not one for the app's key (tls.key).")
        pem = f"{key.strip()}\n{found.chain}"
        with self.certificates.exclusive():
            before = self.certificates.read(self.backend)
            self.certificates.write(self.backend, pem)
            try:
                self.served.load(self.backend, pem)
            except NotLoaded:
                # It reads the file when it loads the app's configuration.
                return
            except Refused:
                if before:
                    self.certificates.write(self.backend, before)
                raise
        shown = self.shown()
        if shown is None or shown.fingerprint != found.fingerprint:
            raise LumaError("luma-proxy does not serve the certificate that it was given. See: docker logs luma-proxy")

    def keep(self, trusted: t.Callable[[Certificate | None], t.Collection[str]]) -> bool:
        """Has HAProxy serve what is on disk, and redirect for the names that are ``trusted`` with that; returns whether
        it had been otherwise. A HAProxy that was started before the last exchange may have an earlier file."""
        with self.certificates.exclusive():
            held, shown = self.held(), self.shown()
            names = trusted(held)
            changed = bool(held and shown and held.fingerprint != shown.fingerprint)
            if changed:
                self.served.load(self.backend, self.certificates.read(self.backend))
            wanted = {name.lower() for name in names}
            if self.certificates.trusted(self.backend) != wanted:
                self.certificates.trust(self.backend, wanted)
                changed = True
            # What HAProxy has loaded of the map is only of use with the certificate.
            return self.served.trust(self.backend, wanted) or changed if shown else changed
