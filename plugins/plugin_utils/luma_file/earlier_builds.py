# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps whose image was built before, here or elsewhere, and is deployed by the name of its release."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import MARK
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.image_names import tagged
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

#: What a registry takes as a tag.
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def built_as(release: str, apps: Sequence[Mapping[str, Any]], named: Sequence[str]) -> list[dict[str, Any]]:
    """The apps with the image that has the release as its tag; nothing of them is built. ``named``: the apps that the
    user has named; without one all are meant. Raises `InvalidFile`."""
    _refuse_no_tag(release)
    for app in apps:
        if not app["build"] and len(apps) > 1 and not named:
            raise InvalidFile(
                f"{app['name']} is not built by luma, so that release {release} of the others need not be one of it: "
                f"name the apps that are meant, as in: luma deploy {apps[0]['name']} --release {release}"
            )
        if not app["build"] and "@" in app["image"]:
            raise InvalidFile(
                f"The image of {app['name']}, {app['image']}, is named by its digest, which no other release has: "
                "remove the digest from luma.yml, or leave out --release"
            )
    return [{**app, "release": release, "image": tagged(app["image"], release), **_not_built(app)} for app in apps]


def _not_built(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"build": {**app["build"], "existing": True}} if app["build"] else {}


def _refuse_no_tag(release: str) -> None:
    if MARK in release:
        raise InvalidFile(
            f"{release} is one of several releases of an image. To bring it back, as it was deployed, run: luma "
            f"rollback --to {release}. To deploy its image as luma.yml describes it now, leave out {MARK} and what "
            "follows"
        )
    if not TAG.fullmatch(release):
        raise InvalidFile(
            f"{release} cannot be a release: it is the tag of an image, which has at most 128 letters, digits, _, . "
            "and -, and does not begin with . or -"
        )
