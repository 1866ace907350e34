# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tab key offers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luma_command.arguments import find_command, global_parser, option_names, split
from luma_command.commands import COMMANDS, GLOBAL_OPTIONS, UsageError


def complete(words: Sequence[str]) -> list[str]:
    """What the last of these words may become. Nothing where that is a file's name or cannot be known."""
    *before, current = words or [""]
    before, _after = split(before)
    expects_value = {flag for each in GLOBAL_OPTIONS if "metavar" in each.settings for flag in each.flags}
    if "--" in words[:-1] or (before and before[-1] in expects_value):
        return []
    try:
        options, before = global_parser().parse_known_args(before)
        command, _given = find_command(before)
    except UsageError:
        candidates = [name.split()[len(before)] for name in COMMANDS if name.split()[: len(before)] == before]
        return matching(current, [*candidates, *option_names(GLOBAL_OPTIONS)])
    candidates = option_names((*command.arguments, *GLOBAL_OPTIONS))
    kinds = ("services",) if "--services" in before else command.takes
    candidates += [name for kind in kinds for name in names_in(options.config, kind) if name not in before]
    return matching(current, candidates)


def matching(current: str, candidates: Sequence[str]) -> list[str]:
    """Options are offered once a dash is there."""
    wanted = [name for name in dict.fromkeys(candidates) if name.startswith("-") == current.startswith("-")]
    return [name for name in wanted if name.startswith(current)]


def names_in(file: str, kind: str) -> list[str]:
    """The apps, processes or services of a luma.yml, which may have mistakes; this is not the place to tell them."""
    import yaml  # Takes as long as all the rest of this file, and only the tab key needs it.

    def entries(node: Any, name: str) -> dict[str, Any]:
        """What a key of a map has by names: in a map, or in a list of maps with ``name``."""
        found = next((value for key, value in node.value if key.value == name), None)
        if isinstance(found, yaml.MappingNode):
            return {key.value: entry for key, entry in found.value}
        listed = found.value if isinstance(found, yaml.SequenceNode) else []
        return {value.value: entry for entry in listed for key, value in entry.value if key.value == "name"}

    try:
        root: Any = yaml.compose(Path(file).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        if kind != "processes":
            return list(entries(root, kind))
        apps = {name: app for name, app in entries(root, "apps").items() if isinstance(app, yaml.MappingNode)}
        return [f"{name}-{process}" for name, app in apps.items() for process in entries(app, "processes")]
    except (OSError, ValueError, yaml.YAMLError, AttributeError, TypeError):
        return []
