# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release is called: after its commit or its image and, where another one on record is called so already, with a
number, as in ``3f2a9c8~2``.

All hosts of a deployment have to come to the same name. So they number by what any of them has on record, which they
tell when they give their lock.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

#: Stands before the number. An image's tag, and so the name without a number, never has it.
MARK = "~"

#: The option of a module that names a release. Each entry is one of `recorded`.
KNOWN_OPTION: dict[str, t.Any] = {"type": "list", "elements": "dict", "default": []}


def record_file(state_dir: str, project: str, app: str) -> Path:
    """The record of an app's releases, see `release.records`."""
    return Path(state_dir, "releases", project, app + ".json")


def identity(image_id: str, config_hash: str, replicas: int) -> list[t.Any]:
    """What tells a release from others: what its containers are, on any host."""
    return [image_id, config_hash, replicas]


def recorded(state_dir: str, project: str, app: str) -> list[dict[str, t.Any]]:
    """The name and the `identity` of each release on record; none where it cannot be read, which is told where it is
    written."""
    try:
        releases = json.loads(record_file(state_dir, project, app).read_text(encoding="utf-8"))
        return [
            {
                "release": each["release"],
                "identity": identity(each["image_id"], each["config_hash"], each["spec"].get("replicas", 1)),
            }
            for each in releases
        ]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def name_of(base: str, wanted: t.Sequence[t.Any], known: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """What a release of this identity is called whose commit or image is ``base``: as it is on record already, or with
    the next free number."""
    base, _number = _split(base)
    same = [each for each in known if _split(each["release"])[0] == base]
    for each in same:
        if list(each["identity"]) == list(wanted):
            return str(each["release"])
    return f"{base}{MARK}{max(_split(each['release'])[1] for each in same) + 1}" if same else base


def _split(release: str) -> tuple[str, int]:
    """A release's name without a number, and the number; the first one has none."""
    base, _mark, number = release.rpartition(MARK)
    return (base, int(number)) if base and number.isdigit() else (release, 1)
