# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a YAML file against a schema and collects every mistake with its place.

A schema is a tree of `Value`, `Section`, and `Named`; what reads it is in `Reader`. The parsers of single values raise
`ValueError` with what they expect.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass(frozen=True)
class Value:
    """A key with one value. ``parse`` gets the plain value (str, int, list, dict …) and returns it as luma uses it;
    ``aliases`` are other names of the key."""

    parse: Callable[[Any], Any]
    default: Any = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A map with known keys. ``optional``: None where it is absent, instead of its defaults."""

    keys: Mapping[str, Value | Section | Named]
    optional: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """A map by names that the user chooses; each entry has the same keys. ``check_name`` raises ValueError."""

    entry: Section
    check_name: Callable[[str], None]
    aliases: tuple[str, ...] = ()


class InvalidFile(Exception):
    """A file that luma does not accept; its text has one line for each mistake."""


@dataclass
class Reader:
    """Reads one file; ``errors`` collects the mistakes in the order of the file."""

    path: str
    errors: list[tuple[int, int, str]] = field(default_factory=list)

    def read(self, text: str, schema: Section) -> dict[str, Any]:
        """Returns the file's content with all defaults; raises `InvalidFile` with all mistakes at once."""
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark
            place = f"{self.path}:{mark.line + 1}:{mark.column + 1}" if mark else self.path
            raise InvalidFile(f"{place}: this is not YAML: {exc.problem}") from exc
        result = self._section(node, schema, "") if node else self._defaults(schema)
        self.raise_errors()
        return result

    def raise_errors(self) -> None:
        if self.errors:
            raise InvalidFile(
                "\n".join(f"{self.path}:{line}:{column}: {text}" for line, column, text in sorted(self.errors))
            )

    def _error(self, node: yaml.Node, path: str, text: str) -> None:
        where = f"{path}: " if path else ""
        self.errors.append((node.start_mark.line + 1, node.start_mark.column + 1, where + text))

    def _section(self, node: yaml.Node, section: Section, path: str) -> dict[str, Any]:
        result = self._defaults(section)
        for name, key_node, value_node in self._entries(node, path):
            key = self._known(name, section)
            inner = f"{path}.{name}" if path else name
            if key is None:
                self._error(key_node, inner, f"unknown key{self._suggestion(name, section)}")
            else:
                result[key] = self._read(value_node, section.keys[key], inner)
        return result

    def _read(self, node: yaml.Node, schema: Value | Section | Named, path: str) -> Any:
        if isinstance(schema, Section):
            return self._section(node, schema, path)
        if isinstance(schema, Named):
            return {
                name: self._named(name, key, value, schema, f"{path}.{name}")
                for name, key, value in self._entries(node, path)
            }
        try:
            return schema.parse(plain(node))
        except ValueError as exc:
            self._error(node, path, str(exc))
            return schema.default

    def _named(self, name: str, key: yaml.Node, value: yaml.Node, schema: Named, path: str) -> dict[str, Any]:
        try:
            schema.check_name(name)
        except ValueError as exc:
            self._error(key, path, str(exc))
        return self._section(value, schema.entry, path)

    def _entries(self, node: yaml.Node, path: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            if node.tag != "tag:yaml.org,2002:null":
                self._error(node, path, "has to be a map (key: value)")
            return []
        entries: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in entries:
                self._error(key, f"{path}.{name}" if path else name, "is there twice")
            entries[name] = (name, key, value)
        return list(entries.values())

    @staticmethod
    def _known(name: str, section: Section) -> str | None:
        for key, schema in section.keys.items():
            if name == key or name in schema.aliases:
                return key
        return None

    @staticmethod
    def _suggestion(name: str, section: Section) -> str:
        near = difflib.get_close_matches(name, list(section.keys), n=1)
        return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(section.keys)}"

    def _defaults(self, section: Section) -> dict[str, Any]:
        return {key: self._default(schema) for key, schema in section.keys.items()}

    def _default(self, schema: Value | Section | Named) -> Any:
        if isinstance(schema, Value):
            return schema.default
        if isinstance(schema, Named):
            return {}
        return None if schema.optional else self._defaults(schema)


def plain(node: yaml.Node) -> Any:
    """The Python value of a node."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as exc:
        raise ValueError(f"cannot be read: {exc}") from exc
    finally:
        loader.dispose()
