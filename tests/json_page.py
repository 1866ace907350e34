# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that docs/json.md documents: of each map in a document, by its path, such as ``apps[].hosts[].drain``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.host import ROOT

TOP = "the document"
Keys = dict[str, set[str]]


def _documented(text: str) -> Keys:
    rows = re.findall(r"^\| `?([\w.\[\] ]+?)`? \| (.*) \|$", text, re.MULTILINE)
    return {path: set(re.findall(r"`(\w+)`", keys)) for path, keys in rows if path != "in"}


def common() -> set[str]:
    """The keys that every command's document has."""
    return _documented(_parts()[0])[TOP]


def by_command() -> dict[str, Keys]:
    """The keys of each command, less the common ones."""
    return {name: _documented(part) for part in _parts()[1:] for name in part.partition("\n")[0].split(", ")}


def _parts() -> list[str]:
    return re.split(r"^## ", (ROOT / "docs" / "json.md").read_text(), flags=re.MULTILINE)


def produced(value: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """The keys of every map of a document."""
    if isinstance(value, dict):
        yield path or TOP, set(value)
        for name, inner in value.items():
            yield from produced(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for each in value:
            yield from produced(each, f"{path}[]")
