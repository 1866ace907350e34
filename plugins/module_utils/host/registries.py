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
#: Whether an image is pulled: where the registry has another one; where the host has none; never.
ALWAYS, MISSING, NEVER = "always", "missing", "never"


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


def pulled_digest(messages: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    """The digest that an engine names while it pulls, empty where it names none."""
    says = "Digest: "
    found = (str(message.get("status", "")) for message in messages)
    return next((status[len(says) :].strip() for status in found if status.startswith(says)), "")


def digests_of(image: t.Mapping[str, t.Any] | None, name: str) -> list[str]:
    """What the registry of this name calls an image, as the engine describes it: empty where it was not pulled by this
    name, nor pushed. There are several where a registry gave the same image to several platforms' lists."""
    pairs = (digest.partition("@") for digest in (image or {}).get("RepoDigests") or ())
    return [digest for repository, _at, digest in pairs if _repository(repository) == _repository(name)]


def is_official(image: str) -> bool:
    """Whether a name has neither a registry nor an account: Docker's own image, or one that is in no registry."""
    return "/" not in image


def _repository(image: str) -> tuple[str, str]:
    """The registry, and an image's name in it without tag and digest."""
    named = registry_in(image)
    path = image.partition("@")[0][len(named) :].lstrip("/")
    folder, slash, name = path.rpartition("/")
    path = folder + slash + name.partition(":")[0]
    return registry_of(image), path[len("library/") :] if path.startswith("library/") else path


#: What the engine says, in lower case, where a registry answers, but does not give the image.
_NO_ACCESS = ("repository does not exist or may require",)
_REFUSED = ("unauthorized", "no basic auth credentials", "denied", "authentication required", "incorrect username")
_UNKNOWN = ("manifest unknown", "name unknown", "not found", "no such image", "does not exist")

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
        _NO_ACCESS,
        "the registry {registry} has no such image, or shows it to other users only ({user})",
        "Correct the image's name, or registry.username and its password",
    ),
    (
        _REFUSED,
        "the registry {registry} refuses it ({user})",
        "Correct registry.username and its password",
    ),
    (
        _UNKNOWN,
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
    meaning, advice = _meaning(image, words, registry)
    return f"{meaning}. {advice}. The engine says: {words}" if meaning else words


@dataclass(frozen=True)
class Answer:
    """What a registry says that it has under a name: a ``digest``, or else the ``problem``. ``not_there``: it answers,
    but does not know the name, or does not show it."""

    digest: str = ""
    problem: str = ""
    not_there: bool = False


def answer_of(image: str, words: str, registry: Registry | None) -> Answer:
    """The answer that an engine's words about a question mean."""
    meaning, _advice = _meaning(image, words, registry)
    not_there = any(sign in words.lower() for sign in (*_NO_ACCESS, *_REFUSED, *_UNKNOWN))
    return Answer(problem=meaning or words.partition("\n")[0], not_there=not_there)


def _meaning(image: str, words: str, registry: Registry | None) -> tuple[str, str]:
    """What an engine's words mean, and an advice; empty where that is not known."""
    login = registry.login_for(image) if registry else None
    names = {
        "registry": registry_of(image),
        "user": f"as user {login['username']}" if login else "without login",
    }
    for signs, meaning, advice in _REFUSALS:
        if any(sign in words.lower() for sign in signs):
            return meaning.format(**names), advice.format(**names)
    return "", ""


def short_id(image_id: str) -> str:
    """An image id as `docker images` shows it: twelve digits."""
    return image_id.rpartition(":")[2][:12]
