# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of images: the registry that they belong to, and the release that a built one is tagged with."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ansible_collections.luma.deploy.plugins.module_utils.host.registries import DOCKER_HUB, registry_in

DIRTY = "-dirty"


class Home(NamedTuple):
    """An image's full name, and the registry that it is pulled from and pushed to: ``server``, and ``username`` or
    None; None where luma uses no registry for it."""

    image: str
    registry: dict[str, str | None] | None


def home_of(image: str, built: bool, own: Mapping[str, Any] | None, docker: Mapping[str, Any]) -> Home:
    """Where an image is at home. ``own`` is the entry's ``registry``, ``docker`` the file's; ``built`` is whether luma
    makes the image. Raises ValueError where the image names another registry than its entry does."""
    if not own:
        return _default_home(image, built, docker)
    default = docker["registry"] or DOCKER_HUB
    prefix = own["url"] or registry_in(image) or default
    if registry_in(image) not in ("", server_of(prefix)):
        raise ValueError(f"the image's name says that it is in {registry_in(image)}, not in {prefix}")
    shared = docker["username"] if server_of(prefix) == server_of(default) else None
    return Home(_prefixed(image, prefix), {"server": server_of(prefix), "username": own["username"] or shared})


def _default_home(image: str, built: bool, docker: Mapping[str, Any]) -> Home:
    """Built images go to the default registry. Others are where their name says: postgres:17 stays Docker Hub's."""
    if not docker["registry"] and not docker["username"]:
        return Home(image, None)
    prefix = docker["registry"] or DOCKER_HUB
    server = server_of(prefix)
    named = registry_in(image) or (server if built else DOCKER_HUB)
    # Docker Hub takes no image without an account in its name: such a one is not meant to go there.
    nowhere = built and server == DOCKER_HUB and "/" not in image
    if named != server or nowhere:
        return Home(image, None)
    return Home(_prefixed(image, prefix), {"server": server, "username": docker["username"]})


def _prefixed(image: str, prefix: str) -> str:
    """Docker Hub's images are known without its name."""
    return image if registry_in(image) or prefix == DOCKER_HUB else f"{prefix}/{image}"


def server_of(registry: str) -> str:
    """The server of a registry that may be followed by a path."""
    return registry.partition("/")[0]


def tagged(image: str, release: str) -> str:
    """The image's name with this release as its tag, instead of a tag or digest of its own."""
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}:{release}"


def release_of(context: str) -> str:
    """The release of what is built from this folder: git's short hash, with ``-dirty`` where the folder has changes
    that are not committed; the time in UTC where there is no commit."""
    commit = _git(context, "rev-parse", "--short", "HEAD")
    if not commit:
        return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return commit + DIRTY if _git(context, "status", "--porcelain", "--", ".") else commit


def _git(folder: str, *arguments: str) -> str:
    """What git prints; empty where it fails, or is not there."""
    # Without optional locks it does not get into the way of another git that runs there.
    command = ["git", "--no-optional-locks", "-C", folder, *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
