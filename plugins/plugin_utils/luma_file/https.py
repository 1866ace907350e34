# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma.yml says of an app's HTTPS: which names get a certificate, and from whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.own import OwnCertificate
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.values import (
    LETS_ENCRYPT,
    LETS_ENCRYPT_STAGING,
    is_address,
)

#: Names below these are in no public DNS (RFC 6761, 6762, 7686, 8375, and RFC 2606 for the examples).
PRIVATE_SUFFIXES = (
    "example", "example.com", "example.net", "example.org", "home.arpa", "internal", "invalid", "lan", "local",
    "localdomain", "localhost", "onion", "test",
)  # fmt: skip


def is_public(name: str) -> bool:
    """Whether a CA of the public web can give a certificate for a name, or a pattern such as ``*.blog.com``."""
    plain = name.lower().removeprefix("*.").rstrip(".")
    is_private = any(plain == each or plain.endswith("." + each) for each in PRIVATE_SUFFIXES)
    return "." in plain and not is_private and not is_address(plain)


class HttpsFile:
    """What ``proxy_options``, ``proxy`` and the secrets say for all apps; ``folder`` is that of luma.yml."""

    def __init__(
        self, options: Mapping[str, Any], proxy: Mapping[str, Any], secrets: SecretsFile, folder: Path
    ) -> None:
        self.options = options
        # Elsewhere something else has the ports that visitors come to, and mostly ends TLS itself.
        self.is_in_front = (
            proxy["http_port"] in (None, 80)
            and proxy["https_port"] in (None, 443)
            and not (proxy["bind"] and ipaddress.ip_address(proxy["bind"]).is_loopback)
        )
        self.secrets = secrets
        self.folder = folder

    def of(self, hosts: list[str], ssl: bool | dict[str, Any] | None) -> dict[str, Any] | None:
        """The HTTPS of an app with these host names; None without it. ``names`` are those that get a certificate which
        browsers accept: from ``certificate`` and ``key``, or by ``acme``; there is none where both are None."""
        if isinstance(ssl, dict):
            path = ssl["certificate"] and str(self._path(ssl["certificate"]))
            return {"names": hosts, "hosts": hosts, "acme": None, "certificate": path, "key": ssl["key"]}
        names = [host for host in hosts if self._can_have_one(host)]
        by_itself = self.is_in_front and any(map(is_public, names))
        if ssl is False or (ssl is None and not by_itself):
            return None
        acme = self._acme() if names else None
        return {"names": names, "hosts": hosts, "acme": acme, "certificate": None, "key": None}

    def _can_have_one(self, host: str) -> bool:
        if host == "*" or (host.startswith("*.") and not self.options["acme_dns"]):
            return False
        # A CA of the user's own may know names that the public ones do not.
        of_the_web = self.options["acme_directory"] in (LETS_ENCRYPT, LETS_ENCRYPT_STAGING)
        return is_public(host) or not (of_the_web or is_address(host))

    def _acme(self) -> dict[str, Any]:
        options = self.options
        ca_file = options["acme_ca_file"]
        return {
            "directory": options["acme_directory"],
            "email": options["lets_encrypt_email"] or "",
            "key_type": options["key_type"],
            "ca_file": ca_file and str(self._path(ca_file)),
            "eab": options["acme_eab"],
            "dns": options["acme_dns"],
            "image": options["acme_image"],
        }

    def mistakes(self, https: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
        """What is wrong, each with the key that it is to be told of. ``path``: that of the app's ``proxy``."""
        acme = https["acme"]
        return (
            self._of_acme(acme) if acme else self._of_own(https, path) if https["certificate"] or https["key"] else []
        )

    def _of_acme(self, acme: Mapping[str, Any]) -> list[tuple[str, str]]:
        found = []
        if acme["ca_file"] and not Path(acme["ca_file"]).is_file():
            found.append(("proxy_options.acme_ca_file", f"there is no file {acme['ca_file']}"))
        for key, names in (("acme_eab", acme["eab"] or {}), ("acme_dns", acme["dns"] or {})):
            asked = [names.get("kid"), names.get("hmac")] if key == "acme_eab" and names else names.get("secret", ())
            if None in asked:
                found.append((f"proxy_options.{key}", "needs both kid and hmac, each the name of a secret"))
            missing = [name for name in asked if name and name not in self.secrets.values]
            found += [(f"proxy_options.{key}", self.secrets.missing(name)) for name in missing]
        if acme["dns"] and not acme["dns"]["provider"]:
            found.append(("proxy_options.acme_dns", "has no provider such as cloudflare"))
        return found

    def _of_own(self, https: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
        place = f"{path}.ssl"
        if not (https["certificate"] and https["key"]):
            return [(place, "needs both a certificate, which is a file, and a key, which is the name of a secret")]
        if https["key"] not in self.secrets.values:
            return [(f"{place}.key", self.secrets.missing(https["key"]))]
        if not self.secrets.values.is_here(https["key"]):
            # Only a deployment asks for it.
            return []
        try:
            self.own(https)
        except OSError as exc:
            return [(f"{place}.certificate", f"{exc.filename}: {exc.strerror}")]
        except ValueError as exc:
            key, _colon, text = str(exc).partition(": ")
            return [(f"{place}.{key}", text)]
        return []

    def own(self, https: Mapping[str, Any]) -> OwnCertificate:
        """The certificate of the user's own. Raises `OSError` and `ValueError`."""
        chain = Path(https["certificate"]).read_text(encoding="utf-8")
        return OwnCertificate.of(chain, self.secrets.values[https["key"]])

    def _path(self, given: str) -> Path:
        return self.folder / Path(given).expanduser()

    def warnings(self, https: Mapping[str, Any], path: str) -> list[str]:
        """What users will notice although nothing is wrong."""
        if https["certificate"]:
            return [f"{path}.ssl: {each}" for each in self.own(https).warnings(https["hosts"])]
        without = [host for host in https["hosts"] if host not in https["names"]]
        if not without:
            return []
        wildcards = any(host.startswith("*.") for host in without)
        how = "name a provider in proxy_options.acme_dns, or a" if wildcards else "name a"
        return [
            f"{path}: {', '.join(without)} gets no certificate that browsers accept. For one, {how} certificate of "
            "your own in ssl"
        ]


def share_certificates(apps: Mapping[str, dict[str, Any]]) -> None:
    """An app that has paths of a name only needs no certificate of its own for it, where the app with all other paths
    has one on all of its hosts."""
    owners = [app for app in apps.values() if app["https"] and not app["route"]["path_prefix"]]
    for app in apps.values():
        if app["https"] and app["route"]["path_prefix"] and any(_covers(owner, app) for owner in owners):
            app["https"] = None
            app["route"]["own_certificate"] = False


def _covers(owner: Mapping[str, Any], app: Mapping[str, Any]) -> bool:
    names, hosts = set(owner["https"]["names"]), set(owner.get("hosts", ()))
    return names.issuperset(app["https"]["names"]) and hosts.issuperset(app.get("hosts", ()))
