# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a YAML file, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass
class Mistakes:
    """The mistakes of one file, with line and column. ``places``: where its values are, by path."""

    file: str
    places: dict[str, yaml.Mark] = field(default_factory=dict, kw_only=True)
    mistakes: set[tuple[str, int, int, str]] = field(default_factory=set, kw_only=True)

    def refuse(self, path: str, text: str) -> None:
        """Adds a mistake at the place of a path, or of what it belongs to where it is absent."""
        place = path
        while place and place not in self.places:
            place = place.rpartition(".")[0]
        self._mistake(self.places.get(place), path, text)

    def lines(self) -> list[str]:
        """The mistakes in the order of the file: ``file:line:column: path: what is wrong``."""
        return [f"{file}:{line}:{column}: {text}" for file, line, column, text in sorted(self.mistakes)]

    def _mistake(self, mark: yaml.Mark | None, path: str, text: str) -> None:
        file, line, column = (mark.name, mark.line + 1, mark.column + 1) if mark else (self.file, 1, 1)
        self.mistakes.add((file, line, column, f"{path}: {text}" if path else text))

    def _accepted(self, node: yaml.Node, path: str, parse: Callable[..., Any], *arguments: Any) -> Any:
        """What a parser returns, None where it refuses."""
        try:
            return parse(*arguments)
        except ValueError as exc:
            self._mistake(node.start_mark, path, str(exc))
            return None
