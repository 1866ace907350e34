# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ACME client, lego 4: its files and its command line.

It has a folder for each app. What is in it is made anew before each order, from what the agent knows: that the account
and the certificate are those of all hosts of the app, whoever has registered or ordered them, is nothing lego knows of.
"""

from __future__ import annotations

import contextlib
import json
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands, Done
from ansible_collections.luma.deploy.plugins.module_utils.acme.complaints import OrderFailed, complaint
from ansible_collections.luma.deploy.plugins.module_utils.acme.wanted import Wanted
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import Certificate
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file

ACCOUNT_KEY, TLS_KEY, CA_FILE = "account.key", "tls.key", "ca.pem"
TIMEOUT = 300.0
#: What lego calls an account without an address (its NewAccountsStorage).
NO_EMAIL = "noemail@example.com"
#: More days than any certificate has left: one is renewed whenever that is asked for, and the CA is told still (ARI)
#: which one it replaces.
ALWAYS = "36500"
#: lego registers an account only in ``run``, which then looks for this key, finds none and orders nothing.
NO_KEY = "/luma-registers-only"


class Lego:
    """The client of one app, whose folder is ``folder``."""

    def __init__(self, folder: Path, commands: Commands, tmp: str = "/tmp") -> None:
        self.folder = folder
        self.store = folder / "lego"
        self.commands = commands
        self.tmp = tmp

    def obtain(self, wanted: Wanted, names: t.Sequence[str]) -> None:
        """Orders a first certificate. Raises `OrderFailed`."""
        self._prepare(wanted)
        done = self._run(wanted, names, "run", "--private-key", str(self.folder / TLS_KEY))
        self._judge(wanted, names, done)

    def renew(self, wanted: Wanted, names: t.Sequence[str], certificate: Certificate, force: bool) -> None:
        """Orders a certificate in the place of this one, if it is time or with ``force``. Raises `OrderFailed`."""
        account = self._prepare(wanted)
        if not account.exists():
            done = self._run(wanted, names, "run", "--private-key", NO_KEY)
            if not account.exists():
                self._judge(wanted, names, done)
        self._put(wanted, names[0], certificate)
        # Which names lego is to ask for has to be said: else it adds those that the certificate has.
        when = ["--days", ALWAYS, "--force-cert-domains"] if force else ["--dynamic"]
        # The slots of the hosts are random enough, and a sleep would end with the slot.
        done = self._run(wanted, names, "renew", "--reuse-key", "--no-random-sleep", *when)
        self._judge(wanted, names, done)

    def chain(self, main: str) -> str:
        """What lego has got last for this main name, in PEM."""
        try:
            return self._file(main, "crt").read_text(encoding="ascii")
        except (OSError, ValueError):
            return ""

    def _prepare(self, wanted: Wanted) -> Path:
        """Gives lego the account's key; returns the file in which it keeps what the CA says of the account."""
        user = wanted.email or NO_EMAIL
        host = urlsplit(wanted.directory).netloc.replace(":", "_")
        account = self.store / "accounts" / host / user
        keys, key = account / "keys", _read(self.folder / ACCOUNT_KEY)
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, registration = keys / f"{user}.key", account / "account.json"
        if not file.exists() or _read(file) != key:
            # What the CA has said of another key is not true of this one.
            with contextlib.suppress(FileNotFoundError):
                registration.unlink()
            write_file(file, key)
        return registration

    def _put(self, wanted: Wanted, main: str, certificate: Certificate) -> None:
        """Gives lego a certificate that it may not know: it came from a peer, or has other names first."""
        self._file(main, "crt").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self._file(main, "crt"), certificate.chain)
        write_file(self._file(main, "key"), _read(self.folder / TLS_KEY))
        write_file(self._file(main, "json"), json.dumps({"domain": main, "certUrl": "", "certStableUrl": ""}))

    def _file(self, main: str, kind: str) -> Path:
        return self.store / "certificates" / f"{main.replace('*', '_')}.{kind}"

    def _run(self, wanted: Wanted, names: t.Sequence[str], *command: str) -> Done:
        # A web root that nobody reads: HAProxy answers the challenges, on all hosts, without knowing them.
        challenge = ["--dns", wanted.dns] if wanted.dns else ["--http", "--http.webroot", self.tmp]
        if wanted.dns and wanted.dns_wait:
            challenge += ["--dns.propagation-wait", f"{wanted.dns_wait:g}s"]
        domains = [f"--domains={name}" for name in names]
        arguments = ["lego", "--accept-tos", "--path", str(self.store), "--server", wanted.directory]
        arguments += ["--key-type", wanted.key_type, *challenge, *domains, *command]
        try:
            return self.commands.run(arguments, TIMEOUT, environment=self._environment(wanted), folder=str(self.folder))
        except LumaError as exc:
            raise OrderFailed(str(exc)) from exc

    def _environment(self, wanted: Wanted) -> dict[str, str]:
        """Secrets, which go by no argument."""
        found = {**wanted.dns_environment, "LEGO_EMAIL": wanted.email}
        if wanted.eab:
            found.update(LEGO_EAB="true", LEGO_EAB_KID=wanted.eab[0], LEGO_EAB_HMAC=wanted.eab[1])
        if (self.folder / CA_FILE).exists():
            # A list, separated by colons, and the folder's name has one.
            found["LEGO_CA_CERTIFICATES"] = CA_FILE
        return found

    def _judge(self, wanted: Wanted, names: t.Sequence[str], done: Done) -> None:
        if done.status:
            raise complaint(done.output, wanted, names)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError) as exc:
        raise LumaError(f"{file.name} cannot be read: deploy the app again.") from exc
