# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that luma-proxy serves, in a folder (0700, of the proxy's user) that its container reads::

    BACKEND.pem     an app's private key and certificate chain, 0600
    trusted.map     the names that have a certificate which browsers accept, and their backends
    challenges.map  the names that a CA may be asked for, and the thumbprint of the ACME account that asks

Until an app has a certificate of a CA its file has a self-signed one, so that HAProxy always finds a file to load. What
the map lacks is served by HTTP without a redirect. Both the modules and the ACME agent write here, each under
`Certificates.exclusive`: they are different processes, of different users.
"""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive, write_file
from ansible_collections.luma.deploy.plugins.module_utils.proxy import names

#: In the proxy's folder.
FOLDER = "etc/certs"
TRUSTED_MAP = "trusted.map"
CHALLENGES_MAP = "challenges.map"


class Certificates:
    """The folder, as the process sees it that uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exclusive(self) -> t.ContextManager[None]:
        """Keeps the modules and the agent apart. Raises `OSError`."""
        return exclusive(self.folder)

    def file(self, backend: str) -> Path:
        return self.folder / f"{backend}.pem"

    def read(self, backend: str) -> str:
        """An app's private key and chain (PEM); empty where it has none."""
        try:
            return self.file(backend).read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def write(self, backend: str, pem: str) -> None:
        self._write(self.file(backend), pem)

    def trusted(self, backend: str) -> set[str]:
        """The names of an app for which browsers accept its certificate, as luma.yml writes them."""
        return {name for name, owner in self._rows() if owner == backend}

    def trust(self, backend: str, trusted: t.Iterable[str]) -> None:
        """Makes these the names of an app for which browsers accept its certificate."""
        self._write(self.folder / TRUSTED_MAP, self._trusted_map(backend, trusted))

    def maps(self, backend: str, trusted: t.Iterable[str], challenges: t.Mapping[str, str]) -> dict[Path, str]:
        """What both maps have to be, with these names of an app and the thumbprints of all."""
        rows = "".join(f"{name} {thumbprint}\n" for name, thumbprint in sorted(challenges.items()))
        return {self.folder / TRUSTED_MAP: self._trusted_map(backend, trusted), self.folder / CHALLENGES_MAP: rows}

    def _trusted_map(self, backend: str, trusted: t.Iterable[str]) -> str:
        others = [(name, owner) for name, owner in self._rows() if owner != backend]
        rows = sorted([*others, *((name.lower(), backend) for name in trusted)])
        return "".join(f"{name} {owner}\n" for name, owner in rows)

    def forget(self, backend: str) -> None:
        """Removes what is there of an app."""
        with contextlib.suppress(FileNotFoundError):
            self.file(backend).unlink()
        self.trust(backend, ())

    def _rows(self) -> list[tuple[str, str]]:
        try:
            text = (self.folder / TRUSTED_MAP).read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        return [(name, owner) for name, _space, owner in (line.partition(" ") for line in text.splitlines())]

    def _write(self, file: Path, text: str) -> None:
        write_file(file, text, owner=names.USER)
