# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma knows about images: who may pull from where, what a layer is called, what a registry's refusal means."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field

#: The options of the documentation fragment ``luma.deploy.engine.registry``. ``luma_file`` is for the action plugin,
#: which looks the password up; it never comes to the host.
REGISTRY_OPTIONS: dict[str, t.Any] = {
    "registry": {
        "type": "dict",
        "options": {
            "server": {"type": "str"},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
        },
    },
    "luma_file": {"type": "path"},
}

DOCKER_HUB = "docker.io"


def registry_in(image: str) -> str:
    """The registry that an image's name begins with, empty where there is none.

    The rule is Docker's own (distribution/reference): the part before the first slash is a registry where it holds a
    dot or a colon, or is localhost."""
    first, slash, _rest = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def registry_of(image: str) -> str:
    """The registry that an image's name means."""
    return _server(registry_in(image)) or DOCKER_HUB


def has_tag(image: str) -> bool:
    """Whether an image's name has a tag or a digest (``host:5000/name`` does not)."""
    return "@" in image or ":" in image.rsplit("/", 1)[-1]


def name_of_other_id(image_id: str) -> str:
    """The name under which a host knows an image that the controller's engine calls by another id."""
    return "luma/sent:" + image_id.rpartition(":")[2]


def _server(url: str) -> str:
    host = url.rpartition("://")[2].partition("/")[0]
    # Docker itself calls its Hub https://index.docker.io/v1/.
    return DOCKER_HUB if host == "index.docker.io" else host


@dataclass(frozen=True)
class Registry:
    """A registry with a login. ``server`` is a host with or without a port, or a URL; Docker Hub where it is empty."""

    server: str
    username: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, options: t.Mapping[str, str | None] | None) -> Registry | None:
        """The registry that a module's option ``registry`` describes; None where there is no login."""
        if not options or not options.get("username") or not options.get("password"):
            return None
        return cls(options.get("server") or "", options["username"] or "", options["password"] or "")

    def login_for(self, image: str) -> dict[str, str] | None:
        """The login as the SDK takes it, for an image of this registry; no other registry ever sees it."""
        if registry_of(image) != (_server(self.server) or DOCKER_HUB):
            return None
        return {"username": self.username, "password": self.password}


def chain_ids(diff_ids: t.Sequence[str]) -> list[str]:
    """What an engine calls each of an image's layers together with those below it (OCI image specification, "Layer
    ChainID"). ``diff_ids`` is the image's ``RootFS.Layers``."""
    chain: list[str] = []
    for diff_id in diff_ids:
        together = f"{chain[-1]} {diff_id}".encode() if chain else b""
        chain.append("sha256:" + hashlib.sha256(together).hexdigest() if chain else diff_id)
    return chain


def error_in(messages: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    """The error that ended an answer which the engine streams, empty where it went well."""
    error = ""
    for message in messages:
        # "message" is what an answer says that has failed as a whole.
        error = message.get("error") or message.get("message") or error
    return str(error).strip()


#: What the engine says, in lower case, and what it means.
_REFUSALS = (
    (
        ("no space left on device",),
        "its disk is full",
        "Make room, for example with: docker system df, luma prune",
    ),
    (
        ("server gave http response to https client",),
        "the registry {registry} speaks plain HTTP",
        'Give it a certificate, or name it in "insecure-registries" of the engine\'s /etc/docker/daemon.json',
    ),
    (
        ("x509:", "tls:"),
        "the certificate of the registry {registry} is not trusted",
        "Put the certificate of its authority into /etc/docker/certs.d/{registry}/ca.crt",
    ),
    (
        ("repository does not exist or may require",),
        "the registry {registry} has no such image, or shows it to other users only ({user})",
        "Correct the image's name, or registry.username and its password",
    ),
    (
        ("unauthorized", "no basic auth credentials", "denied", "authentication required", "incorrect username"),
        "the registry {registry} refuses it ({user})",
        "Correct registry.username and its password",
    ),
    (
        ("manifest unknown", "name unknown", "not found", "no such image", "does not exist"),
        "the registry {registry} has no such image",
        "Correct the image's name or tag, or push it",
    ),
    (
        ("dial tcp", "lookup ", "connection refused", "timeout", "no route to host", "i/o error", "eof"),
        "the registry {registry} cannot be reached",
        "Correct the registry's name, or see that it runs and that this host may connect to it",
    ),
)


def refusal(image: str, words: str, registry: Registry | None) -> str:
    """What an engine's words about a pull or push mean, and what to do about it."""
    login = registry.login_for(image) if registry else None
    names = {
        "registry": registry_of(image),
        "user": f"as user {login['username']}" if login else "without login",
    }
    for signs, meaning, advice in _REFUSALS:
        if any(sign in words.lower() for sign in signs):
            return f"{meaning.format(**names)}. {advice.format(**names)}. The engine says: {words}"
    return words
