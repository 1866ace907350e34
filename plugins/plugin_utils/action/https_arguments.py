# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts keys and certificates into a module's option ``https`` right before it is run, as `secret_arguments` does it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.acme.image import LEGO_IMAGE, PYTHON_IMAGE
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import ANY_HOST
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import DEFAULTS
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates import keys
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.own import OwnCertificate
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile


@dataclass(frozen=True)
class Place:
    """A host among those of its app. ``peers``: where the others serve HTTPS; ``rank``: its number among all."""

    peers: list[str]
    rank: int
    hosts: int

    @classmethod
    def of(cls, app: str, host: str, hosts: list[str], task_vars: Mapping[str, Any], port: int) -> Place:
        known = task_vars.get("hostvars", {})
        # Not always the same host begins: the apps of a fleet are shared out.
        first = zlib.crc32(app.encode()) % len(hosts)
        order = [*hosts[first:], *hosts[:first]]
        others = [address_of(known.get(other, {}), other) for other in order if other != host]
        peers = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in others]
        return cls(peers, order.index(host), len(order))


def address_of(variables: Mapping[str, Any], host: str) -> str:
    """Where the app's other hosts reach a host: the variable ``luma_address`` of the inventory says it where ssh's
    address is for the controller only."""
    return str(variables.get("luma_address") or variables.get("ansible_host") or host)


def with_https(
    arguments: Mapping[str, Any], luma_file: str | None, task_vars: Mapping[str, Any], check_mode: bool
) -> dict[str, Any]:
    """The arguments with ``https.material``, made of the secrets beside ``luma_file``."""
    https = arguments.get("https")
    if not https or https.get("material"):
        return dict(arguments)
    image = (https.get("acme") or {}).get("image")
    secrets = SecretsFile.beside(luma_file).values if luma_file else {}
    if check_mode and not https.get("certificate") and keys.ACME_SECRET not in secrets:
        # A deployment would make it.
        return {**arguments, "https": {**https, "image": image}}
    host, hosts = task_vars["inventory_hostname"], https.get("servers") or []
    port = (arguments.get("proxy") or {}).get("https_port") or DEFAULTS["https_port"]
    place = Place.of(arguments["app"], host, hosts if host in hosts else [host], task_vars, int(port))
    try:
        material = _own(https, secrets) if https.get("certificate") else _by_acme(arguments, https, secrets, place)
    except (OSError, ValueError) as exc:
        app = arguments["app"]
        raise AnsibleActionFail(f"HTTPS of {app} cannot be set up: {exc}. Nothing was changed.") from None
    return {**arguments, "https": {**https, "image": image, "material": json.dumps(material)}}


def _own(https: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    if https["key"] not in secrets:
        raise ValueError(f"the secret {https['key']} is missing")
    own = OwnCertificate.of(Path(https["certificate"]).read_text(encoding="utf-8"), secrets[https["key"]])
    trusted = [host for host in https["hosts"] if own.covers(host) or host == ANY_HOST]
    return {"key": own.key, "certificate": own.chain, "own": True, "names": trusted}


def _by_acme(
    arguments: Mapping[str, Any], https: Mapping[str, Any], secrets: Mapping[str, str], place: Place
) -> dict[str, Any]:
    if keys.ACME_SECRET not in secrets:
        raise ValueError(f"the secret {keys.ACME_SECRET} is missing; make one with: openssl rand -base64 32")
    secret, project = keys.secret_bytes(secrets[keys.ACME_SECRET]), arguments["project"]
    acme = https.get("acme")
    key = keys.app_key(secret, project, arguments["app"], acme["key_type"] if acme else "ec256")
    names = [name for name in https["hosts"] if name != ANY_HOST]
    certificate = keys.self_signed(key, names)
    material = {"key": keys.pem_of(key), "certificate": certificate, "fresh": https.get("fresh", False)}
    if not acme:
        return material
    account = keys.account_key(secret, project)
    eab, dns = acme["eab"], acme["dns"]
    return material | {
        "account_key": keys.pem_of(account),
        "ca": Path(acme["ca_file"]).read_text(encoding="utf-8") if acme["ca_file"] else "",
        "wanted": {
            "names": https["names"],
            "directory": acme["directory"],
            "email": acme["email"],
            "key_type": acme["key_type"],
            "thumbprint": keys.thumbprint_of(account),
            "eab": eab and {kind: secrets[eab[kind]] for kind in ("kid", "hmac")},
            "dns": dns
            and {"provider": dns["provider"], "environment": {name: secrets[name] for name in dns["secret"]}},
            "peers": place.peers,
            "rank": place.rank,
            "hosts": place.hosts,
        },
    }


def run_with_agent(arguments: dict[str, Any], run: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """What a module returns; run without the ACME agent where the agent's image cannot be had, since no deployment
    fails because of a certificate."""
    result = run(arguments)
    https = arguments.get("https") or {}
    missing = result.get("missing_image")
    if not (result.get("failed") and missing and missing in (https.get("image"), LEGO_IMAGE, PYTHON_IMAGE)):
        return result
    again = run({**arguments, "https": {**https, "agent": False}})
    why = result["msg"].removesuffix(" Nothing was changed.")
    warning = (
        f"No certificate is asked for or renewed on this host, which has no image for the ACME agent: {why} "
        "Name one that it can have in proxy_options.acme_image, or take the certificates over yourself (proxy.ssl)."
    )
    return again | {"warnings": [*again.get("warnings", []), warning]}
