# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a name means now: what its registry has under it, or what the host has.

A tag is asked for its digest, which costs no pull where the host has it. A registry that cannot say is a warning: the
host's own image is taken.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.host.architecture import refuse_foreign
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    ALWAYS,
    NEVER,
    digests_of,
    is_official,
    short_id,
)


@dataclass(frozen=True)
class WantedImage:
    """The image that a name means on one host. ``found`` is its inspect result, None in check mode where it would have
    to be brought; ``digest`` what its registry calls it, empty where that is not known; ``confirmed``: the registry
    said so in this run; ``warning``: why it could not, empty without a reason to warn; ``built_id``: its id where it
    was built."""

    name: str
    found: t.Mapping[str, t.Any] | None
    digest: str = ""
    confirmed: bool = False
    warning: str = ""
    built_id: str = ""

    @property
    def id(self) -> str:
        """Its id on the host, empty where that is not known before it is pulled."""
        return str(self.found["Id"]) if self.found else self.built_id

    @property
    def reference(self) -> str:
        """The name to make containers of: with the digest it cannot mean another image meanwhile."""
        return f"{self.name}@{self.digest}" if self.confirmed and "@" not in self.name else self.name

    @property
    def shown(self) -> str:
        return short_id(self.id) or (f"{self.name}@{self.digest[:19]}" if self.digest else self.name)

    def facts(self) -> dict[str, t.Any]:
        """The image as a module returns it."""
        return {
            "name": self.reference,
            "id": self.id or None,
            "digest": self.digest or None,
            "confirmed": self.confirmed,
        }


def wanted_image(
    engine: Engine, name: str, image_id: str = "", pull: str = ALWAYS, check_mode: bool = False
) -> WantedImage:
    """Finds an image, and brings it unless in check mode. Only a tag is asked for, and only of an image that the host
    has pulled or pushed by that name: others are in no registry. For ``image_id`` see `Engine.find_image`: what was
    built is known. Raises `LumaError` where the host cannot run it."""
    image = _wanted_image(engine, name, image_id, pull, check_mode)
    refuse_foreign(engine, name, image.found or {})
    return image


def _wanted_image(engine: Engine, name: str, image_id: str, pull: str, check_mode: bool) -> WantedImage:
    if check_mode:
        found, pulled = engine.find_image(name, image_id), ""
    else:
        found, pulled = engine.bring_image(name, image_id, pull != NEVER)
    if pulled and not image_id:
        return WantedImage(name, found, pulled, confirmed=True)
    known = digests_of(found, name)
    image = WantedImage(name, found, known[0] if known else "", built_id=image_id)
    if pull != ALWAYS or image_id or "@" in name or (found and not known):
        return image
    return _asked_for(engine, image, known, check_mode)


def _asked_for(engine: Engine, image: WantedImage, known: t.Sequence[str], check_mode: bool) -> WantedImage:
    """The image that the registry has; the given one, with a warning, where it does not say. ``known``: the digests of
    the given one."""
    name, answer = image.name, engine.ask_registry(image.name)
    if not answer.digest:
        # containerd's image store gives digests also to images that were built or loaded.
        is_local = answer.not_there and is_official(name)
        warning = f"{name} is the image that this host has: {answer.problem}"
        return image if is_local or not image.found else WantedImage(name, image.found, image.digest, warning=warning)
    if answer.digest in known:
        return WantedImage(name, image.found, answer.digest, confirmed=True)
    if check_mode:
        return WantedImage(name, None, answer.digest, confirmed=True)
    renewed, digest = engine.renew_image(name)
    return WantedImage(name, renewed, digest or answer.digest, confirmed=True)
