# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image is, on any engine. Its id is not that: an engine of the classical image store calls it by the digest of
its configuration, one of containerd's by that of its manifest, which has the compressed layers in it."""

from __future__ import annotations

import hashlib
import json
import typing as t

#: What the engines tell of an image's configuration and a container is made of; they leave out different ones if empty.
CONFIG_KEYS = (
    *("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal", "User"),
    *("Volumes", "WorkingDir"),
)


def content_of(image: t.Mapping[str, t.Any] | None) -> str:
    """A hash of an image's layers and configuration, as the engine describes it; empty without an image."""
    if not image:
        return ""
    config = image.get("Config") or {}
    told = {
        "architecture": image.get("Architecture"),
        "layers": image["RootFS"].get("Layers"),
        "config": {key: config[key] for key in CONFIG_KEYS if config.get(key)},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
