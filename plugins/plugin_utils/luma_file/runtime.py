# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma.yml says of how the engine runs a container, as the modules take it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import RUNTIME

#: Maps whose values the reader leaves as they are written.
PAIRS = ("ulimits", "sysctls", "labels")
DEFAULT_LOG_DRIVER = "json-file"


def runtime_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an app or a service says; nothing of what it is silent about."""
    found = {key: entry[key] for key in RUNTIME if entry[key] not in (None, {})}
    found |= {key: _texts(found[key]) for key in PAIRS if key in found}
    if "logging" in found:
        log = found["logging"]
        found["logging"] = {"driver": log["driver"] or DEFAULT_LOG_DRIVER, "options": _texts(log["options"])}
    return found


def _texts(pairs: Mapping[str, Any]) -> dict[str, str]:
    return {name: value.text for name, value in pairs.items()}


def without_runtime(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in RUNTIME}
