# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on the host: found, pulled, loaded, and what their registries have now."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import (
    REQUEST_ERRORS,
    Client,
    docker,
    explanation,
    in_parallel,
    requests,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    Answer,
    Registry,
    answer_of,
    chain_ids,
    error_in,
    has_tag,
    name_of_other_id,
    pulled_digest,
    refusal,
    registry_of,
)

#: An archive goes to the engine in pieces of this many bytes.
CHUNK = 1 << 20

#: How long a registry may take to say what a tag means, in seconds: a run does not wait for one that hangs.
ASK_SECONDS = 10


class Images(Client):
    """The calls about images. ``registry`` is what images of it are pulled with."""

    registry: Registry | None = None

    def image(self, name: str) -> dict[str, t.Any] | None:
        """The inspect result of an image, by name or id, or None where the host does not have it."""
        return self.inspect("image", self.client.inspect_image, name)

    def find_image(self, name: str, image_id: str = "") -> dict[str, t.Any] | None:
        """The image of this name or, where ``image_id`` is given, the image that the controller's engine calls so."""
        if not image_id:
            return self.image(name)
        return self.image(image_id) or self.image(name_of_other_id(image_id))

    def need_image(self, name: str, image_id: str = "", pull: bool = True) -> dict[str, t.Any]:
        """The image alone of what `bring_image` returns."""
        return self.bring_image(name, image_id, pull)[0]

    def bring_image(self, name: str, image_id: str = "", pull: bool = True) -> tuple[dict[str, t.Any], str]:
        """What `find_image` finds, pulled where the host does not have it; with ``image_id`` it gets the name. Also the
        digest that was pulled, empty where none was.

        Where it is missing and cannot, or with ``pull=False`` must not, be pulled, the error's facts are
        ``missing_image``, its name, and ``layers``, the chain ids of what the host has.
        """
        found, digest, reason = self.find_image(name, image_id), "", "it is in no registry"
        if found is None:
            digest, reason = self._pull(name) if pull else ("", reason)
            found = None if reason else self.image(name)
        if found is None:
            raise LumaError(
                f"Image {name} is not on this host and could not be pulled: {reason}. Nothing was changed.",
                missing_image=name,
                layers=self._layers(),
            )
        self._name_image(found["Id"], name, image_id)
        return found, digest

    def renew_image(self, name: str) -> tuple[dict[str, t.Any], str]:
        """Pulls what the registry has under a name that means another image on this host; returns it and its digest."""
        digest, reason = self._pull(name)
        found = None if reason else self.image(name)
        if found is None:
            raise LumaError(
                f"The registry has another image {name} than this host, which could not be pulled: {reason}. "
                "Nothing was changed."
            )
        return found, digest

    def ask_registry(self, name: str) -> Answer:
        """What an image's registry has under its name; nothing is pulled. A request of its own, since one that waits
        for a hanging registry must not wait as long as a pull may."""
        login = self.registry.login_for(name) if self.registry else None
        version, timeout = self.client.api_version, ASK_SECONDS
        try:
            with contextlib.closing(docker.APIClient(self.docker_host, version=version, timeout=timeout)) as client:
                return Answer(client.inspect_distribution(name, auth_config=login)["Descriptor"]["digest"])
        except requests.exceptions.Timeout:
            return Answer(problem=f"the registry {registry_of(name)} did not answer within {timeout} s")
        except REQUEST_ERRORS as exc:
            return answer_of(name, explanation(exc), self.registry)

    def load_image(self, name: str, files: t.Sequence[str], image_id: str = "") -> dict[str, t.Any]:
        """Loads an archive made by ``docker save``, which may be compressed and in several files. ``image_id`` is what
        the engine that saved the image calls it."""
        try:
            error = error_in(self.client.load_image(_content(files)))
        except REQUEST_ERRORS as exc:
            error = explanation(exc)
        found = None if error else self.image(name)
        if found is None:
            raise LumaError(f"Could not load image {name}: {error or 'it is not in the archive'}")
        self._name_image(found["Id"], name, image_id)
        return found

    def _pull(self, name: str) -> tuple[str, str]:
        """Pulls an image; returns its digest, and why that was not possible, empty where it was."""
        login = self.registry.login_for(name) if self.registry else None
        tag = None if has_tag(name) else "latest"
        try:
            # The stubs do not know an answer that is decoded.
            messages: t.Any = list(self.client.pull(name, tag=tag, stream=True, decode=True, auth_config=login))
        except REQUEST_ERRORS as exc:
            return "", refusal(name, explanation(exc), self.registry)
        error = error_in(messages)
        return pulled_digest(messages), refusal(name, error, self.registry) if error else ""

    def _name_image(self, found_id: str, name: str, image_id: str) -> None:
        """Gives an image the name that it was found for under ``image_id``, and where the two engines do not call it
        the same, since they store images in different ways, a name by which it is found the next time."""
        names = [name] if image_id else []
        if image_id not in ("", found_id):
            names.append(name_of_other_id(image_id))
        for new in names:
            repository, _colon, tag = new.rpartition(":") if has_tag(new) else (new, "", "latest")
            self.call(f"name image {new}", self.client.tag, found_id, repository, tag)

    def _layers(self) -> list[str]:
        """The chain ids of all layers that images on this host have."""
        rows = self.call("list images", self.client.images)
        images = in_parallel(lambda row: self.image(row["Id"]), rows)
        found = (chain_ids(image["RootFS"].get("Layers") or ()) for image in images if image)
        return sorted({chain for chains in found for chain in chains})


def _content(files: t.Sequence[str]) -> t.Iterator[bytes]:
    """The content of the files, one after the other."""
    for name in files:
        with Path(name).open("rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")
