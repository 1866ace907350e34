# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``build`` of an app says: the values of its keys, and what the image's build is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.image_names import tagged
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Scalar
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import path_beside

#: `cache: registry`, and the tag under which the registry has that cache.
REGISTRY_CACHE, CACHE_TAG = "registry", "buildcache"


def platform(value: Scalar) -> str:
    if not re.fullmatch(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?", value.text):
        raise ValueError("has to be a platform, such as linux/arm64")
    return value.text


def platforms_in(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


def whole_cache(value: Scalar) -> str:
    if value.text != REGISTRY_CACHE:
        raise ValueError(f"has to be {REGISTRY_CACHE}, or a map with from and to")
    return value.text


def build_of(build: Mapping[str, Any], folder: Path, image: str) -> dict[str, Any]:
    """The build of an app as `luma.deploy.image_build` takes it. ``folder`` is that of luma.yml; ``image`` the full
    name of what is built."""
    cache = build["cache"] or {}
    if cache == REGISTRY_CACHE:
        reference = f"type=registry,ref={tagged(image, CACHE_TAG)}"
        # All stages, and not only what got into the image.
        cache = {"from": [reference], "to": [f"{reference},mode=max"]}
    return {
        **{key: value for key, value in build.items() if key != "cache"},
        "folder": str(folder),
        "context": path_beside(folder, build["context"]),
        "args": {name: value.text for name, value in build["args"].items()},
        "cache_from": cache.get("from", []),
        "cache_to": cache.get("to", []),
    }


def build_mistakes(build: Mapping[str, Any], made: Mapping[str, Any], has_registry: bool) -> Iterator[tuple[str, str]]:
    """What is wrong, each with its key. ``build`` is what the file says, ``made`` what `build_of` makes of it."""
    context = made["context"]
    # What is to be prepared need not be there yet.
    if not build["prepare"] and not Path(context).is_dir():
        yield "context", f"there is no folder {context}"
    elif not build["prepare"] and not Path(context, build["dockerfile"]).is_file():
        yield "dockerfile", f"there is no {build['dockerfile']} in {context}"
    registry = "it needs a registry: name one, as registry.url of the app or docker.registry of all apps"
    if len(build["platform"]) > 1 and not has_registry:
        yield "platform", f"an engine has an image for one platform; for several {registry}"
    if build["cache"] == REGISTRY_CACHE and not has_registry:
        yield "cache", registry
