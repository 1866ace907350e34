# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment leaves on a host for an app's HTTPS: a certificate to begin with, and what the agent is to get.

Everything comes from the controller, which makes all keys of an app from one secret, so that all of its hosts have the
same: any of them answers the CA, and a certificate that one of them got is good for all.
"""

from __future__ import annotations

import json
import os
import shutil
import typing as t
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file
from ansible_collections.luma.deploy.plugins.module_utils.proxy import certificates, names

#: In luma-proxy's folder: one for each app, named by its backend, and owned by the proxy's user.
FOLDER = "acme"
WANTED = "wanted.json"
MAP = ".map"


@dataclass(frozen=True)
class Https:
    """An app's HTTPS, as the controller made it. All of it is secret.

    ``key`` and ``certificate`` (PEM) are served until there is a better certificate; ``own``: they are the user's, and
    stay, trusted for ``names``. ``wanted`` is for the agent, see `acme.wanted`, with the key of the ACME account and
    maybe the certificate of the CA's server; None where no CA is asked. ``fresh``: the secret that the keys follow from
    was made by this run, on a controller that did not know it: a host that has keys keeps them.
    """

    key: str
    certificate: str
    own: bool = False
    names: t.Sequence[str] = ()
    wanted: t.Mapping[str, t.Any] | None = None
    account_key: str = ""
    ca: str = ""
    fresh: bool = False


class Orders:
    """The orders of all apps of a host; ``folder`` is luma-proxy's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.certificates = certificates.Certificates(folder / certificates.FOLDER)

    def place(self, backend: str, https: Https, check_mode: bool, mark: t.Callable[[], None]) -> bool:
        """Writes what differs; returns whether anything did. ``mark`` is called before what luma-proxy has to load."""
        if not check_mode:
            for folder in (self.certificates.folder, self.folder, self.folder / backend):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if os.geteuid() == 0:
                    os.chown(folder, names.USER, names.USER)
        if not self.certificates.folder.exists():
            return True
        with self.certificates.exclusive():
            https = self._with_kept_keys(backend, https) if https.fresh else https
            served, wanted = self._served(backend, https), self._wanted(backend, https)
            changed = {file: text for file, text in {**served, **wanted}.items() if _differs(file, text)}
            if changed and not check_mode:
                if served.keys() & changed.keys():
                    mark()
                for file, text in changed.items():
                    _replace(file, text)
        return bool(changed)

    def _with_kept_keys(self, backend: str, https: Https) -> Https:
        folder = self.folder / backend
        key, account_key, text = (_read(folder / name) for name in ("tls.key", "account.key", WANTED))
        if not (https.wanted and key and account_key and text):
            return https
        wanted = {**https.wanted, "thumbprint": json.loads(text)["thumbprint"]}
        return replace(https, key=key, account_key=account_key, wanted=wanted)

    def _served(self, backend: str, https: Https) -> dict[Path, str]:
        """What luma-proxy reads."""
        found, pem = self.certificates.read(backend), https.key + https.certificate
        trusted = self.certificates.trusted(backend)
        # What a CA has given is better than what is signed with the app's key, also for an earlier key of it: the agent
        # gets another one.
        keeps = not https.own and (found.startswith(https.key) or bool(https.wanted and trusted))
        names_now = https.names if https.own else trusted if keeps else ()
        return {
            self.certificates.file(backend): found if keeps else pem,
            **self.certificates.maps(backend, names_now, self._challenges(backend, https)),
        }

    def _challenges(self, backend: str, https: Https) -> dict[str, str]:
        """The thumbprint of the account that may ask for the certificate of a name, for all names of the host."""
        files = [file for file in sorted(self.folder.glob(f"*/{WANTED}")) if file.parent.name != backend]
        orders = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        asked = [order for order in [*orders, https.wanted] if order and not order["dns"]]
        return {name.lower(): order["thumbprint"] for order in asked for name in order["names"]}

    def _wanted(self, backend: str, https: Https) -> dict[Path, str]:
        """What the agent reads; an empty text stands for no file."""
        folder = self.folder / backend
        wanted = https.wanted
        return {
            # The agent begins when this changes: it comes last.
            folder / "account.key": https.account_key if wanted else "",
            folder / "tls.key": https.key if wanted else "",
            folder / "ca.pem": https.ca if wanted else "",
            folder / WANTED: json.dumps(wanted, indent=2, sort_keys=True) + "\n" if wanted else "",
        }

    def wanted_names(self) -> dict[str, list[str]]:
        """The names that the agent is to get a certificate for, by their backends."""
        files = sorted(self.folder.glob(f"*/{WANTED}"))
        return {file.parent.name: json.loads(file.read_text(encoding="utf-8"))["names"] for file in files}

    def has_any(self, backend: str) -> bool:
        """Whether anything is there of an app."""
        return (self.folder / backend).exists() or self.certificates.file(backend).exists()

    def forget(self, backend: str) -> None:
        """Removes what is there of an app."""
        shutil.rmtree(self.folder / backend, ignore_errors=True)
        if self.certificates.folder.exists():
            with self.certificates.exclusive():
                self.certificates.forget(backend)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _differs(file: Path, text: str) -> bool:
    # HAProxy does not start without a map, be it empty.
    return _read(file) != text or (file.suffix == MAP and not file.exists())


def _replace(file: Path, text: str) -> None:
    if text or file.suffix == MAP:
        write_file(file, text, owner=names.USER)
    else:
        file.unlink()
