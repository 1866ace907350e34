# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a YAML file against a schema and collects every mistake with its place."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import (
    Named,
    Names,
    Pairs,
    Parser,
    Scalar,
    Schema,
    Section,
    Value,
    Values,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mistakes import Mistakes
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import compose

VAULT_TAG = "!vault"
#: What keys begin with that are the user's own, such as a home for YAML's anchors.
EXTENSION = "x-"
VARIABLE = re.compile(r"\$(\$?)\{([^}]*)\}")


@dataclass
class Reader(Mistakes):
    """Reads one file.

    decrypt   returns the plain text of a vault string, or raises ValueError
    only      a path such as ``apps.blog``: other entries of a `Named` are left out, unread
    """

    decrypt: Callable[[str], str]
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    only: str = ""

    def read(self, schema: Section) -> dict[str, Any]:
        """The file's content with all defaults. What is wrong is left out, and added to the mistakes; a file that is no
        YAML raises `InvalidFile`."""
        node = compose(self.file)
        return self._section(node, schema, "") if node else _defaults(schema)

    # --- maps ---------------------------------------------------------------------------------------------------

    def _section(self, node: yaml.Node, section: Section, path: str) -> dict[str, Any]:
        result = _defaults(section)
        seen: set[str] = set()
        for name, key_node, value_node in self._entries(node, path):
            inner = _join(path, name)
            key = _known(name, section)
            if key is None:
                if not (section.extensible and name.startswith(EXTENSION)):
                    self.places[inner] = key_node.start_mark
                    self._mistake(key_node.start_mark, inner, _not_known(name, section))
                continue
            if key in seen:
                self._mistake(key_node.start_mark, inner, f"{key} is there already, under its other name")
            seen.add(key)
            self.places[_join(path, key)] = value_node.start_mark
            result[key] = self._read(value_node, section.keys[key], _join(path, key))
        return result

    def _named(self, node: yaml.Node, named: Named, path: str) -> dict[str, Any]:
        entries = self._listed(node, path) if isinstance(node, yaml.SequenceNode) else self._entries(node, path)
        result = {}
        for name, key_node, value_node in entries:
            inner = _join(path, name)
            if self.only and not f"{inner}.".startswith(f"{self.only}."):
                continue
            self.places[inner] = key_node.start_mark
            self._accepted(key_node, inner, named.check_name, name)
            result[name] = self._section(value_node, named.entry, inner)
        return result

    def _listed(self, node: yaml.SequenceNode, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The entries of a list of maps with ``name``, as those of a map by name."""
        seen = set()
        for index, item in enumerate(node.value):
            names = [pair for pair in item.value if pair[0].value == "name"] if _is_map(item) else []
            scalar = self._scalar(names[0][1], f"{path}[{index}].name") if names else None
            if scalar is None:
                if not names:
                    self._mistake(item.start_mark, f"{path}[{index}]", "has to be a map with name and other keys")
                continue
            if scalar.text in seen:
                self._mistake(names[0][1].start_mark, _join(path, scalar.written), "is there twice")
            seen.add(scalar.text)
            others = [pair for pair in item.value if pair is not names[0]]
            yield scalar.text, names[0][1], yaml.MappingNode(item.tag, others, item.start_mark, item.end_mark)

    def _entries(self, node: yaml.Node, path: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """The keys of a map, each with the nodes of its key and its value; nothing where the value is left empty."""
        if not isinstance(node, yaml.MappingNode):
            if not _is_empty(node):
                self._mistake(node.start_mark, path, "has to be a map (key: value)")
            return []
        entries = {name: (name, key, value) for name, key, value in self._merged(node, path)}
        own = set()
        for key, value in node.value:
            name = str(key.value)
            if name == "<<":
                continue
            if name in own:
                self._mistake(key.start_mark, _join(path, name), "is there twice")
            own.add(name)
            entries[name] = (name, key, value)
        return list(entries.values())

    def _merged(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """What YAML's merge key (``<<: *other``) brings."""
        for key, value in node.value:
            if key.value == "<<":
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in reversed(sources):
                    yield from self._entries(source, path)

    # --- values -------------------------------------------------------------------------------------------------

    def _read(self, node: yaml.Node, schema: Schema, path: str) -> Any:
        match schema:
            case Section(instead=parse) | Values(instead=parse) if parse and _is_value(node):
                return self._value(node, parse, path)
            case Section():
                return self._section(node, schema, path)
            case Named():
                return self._named(node, schema, path)
            case Values():
                return self._values(node, schema, path)
            case Names():
                return self._names(node, schema, path)
            case Pairs():
                return self._pairs(node, schema, path)
            case Value():
                value = self._value(node, schema.parse, path)
                return schema.default if value is None else value

    def _value(self, node: yaml.Node, parse: Parser, path: str) -> Any:
        scalar = self._scalar(node, path)
        return None if scalar is None else self._accepted(node, path, parse, scalar)

    def _values(self, node: yaml.Node, schema: Values, path: str) -> list[Any]:
        if isinstance(node, yaml.SequenceNode):
            items = [(item, self._scalar(item, f"{path}[{index}]")) for index, item in enumerate(node.value)]
        elif schema.from_text and isinstance(node, yaml.ScalarNode) and not _is_empty(node):
            items = [(node, scalar) for scalar in self._split(node, schema.from_text, path)]
        else:
            items = []
            if not _is_empty(node):
                self._mistake(node.start_mark, path, "has to be a list")
        result: list[Any] = []
        for index, (item, scalar) in enumerate(items):
            value = None if scalar is None else self._accepted(item, f"{path}[{index}]", schema.parse, scalar)
            if value is not None:
                # Counted in what is returned, which is what later checks go by.
                self.places[f"{path}[{len(result)}]"] = item.start_mark
                result.append(value)
        return result

    def _names(self, node: yaml.Node, schema: Names, path: str) -> dict[str, str]:
        if not isinstance(node, yaml.MappingNode):
            return {name: name for name in self._values(node, Values(schema.parse), path)}
        result = {}
        for name, key_node, value_node in self._entries(node, path):
            inner = _join(path, name)
            self.places[inner] = key_node.start_mark
            self._accepted(key_node, inner, schema.parse, Scalar(name, "str", name))
            result[name] = self._value(value_node, schema.parse, inner) or name
        return result

    def _split(self, node: yaml.ScalarNode, from_text: Callable[[str], list[str]], path: str) -> list[Scalar]:
        scalar = self._scalar(node, path)
        words = self._accepted(node, path, from_text, scalar.text) if scalar else None
        return [replace(scalar, text=word) for word in words or ()] if scalar else []

    def _pairs(self, node: yaml.Node, schema: Pairs, path: str) -> dict[str, Scalar]:
        result = {}
        for name, place, scalar in self._named_texts(node, schema, path):
            inner = _join(path, name)
            if name in result:
                self._mistake(place.start_mark, inner, "is there twice")
            self.places[inner] = place.start_mark
            self._accepted(place, inner, schema.check_name, name)
            if schema.check_value:
                self._accepted(place, inner, schema.check_value, scalar)
            result[name] = scalar
        return result

    def _named_texts(self, node: yaml.Node, schema: Pairs, path: str) -> Iterator[tuple[str, yaml.Node, Scalar]]:
        if not isinstance(node, yaml.SequenceNode):
            for name, key, value in self._entries(node, path):
                scalar = self._scalar(value, _join(path, name), empty=True)
                if scalar:
                    yield name, key, scalar
            return
        for index, item in enumerate(node.value):
            inner = f"{path}[{index}]"
            scalar = self._scalar(item, inner)
            if scalar is None:
                continue
            name, separator, text = scalar.text.partition("=")
            if separator:
                yield name, item, replace(scalar, text=text)
            elif not schema.from_environment:
                self._mistake(item.start_mark, inner, "has to be KEY=VALUE")
            elif name not in self.environ:
                self._mistake(item.start_mark, inner, f"the environment variable {scalar.written} is not set")
            else:
                yield name, item, replace(scalar, text=self.environ[name])

    def _scalar(self, node: yaml.Node, path: str, empty: bool = False) -> Scalar | None:
        """What a single value says; None where it is none, which is a mistake."""
        if not isinstance(node, yaml.ScalarNode):
            self._mistake(node.start_mark, path, "has to be one value, not a list or a map")
            return None
        if node.tag == VAULT_TAG:
            plain = self._accepted(node, path, self.decrypt, node.value)
            return None if plain is None else Scalar(plain, "str", "the value in the vault", secret=True)
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._mistake(node.start_mark, path, f"the tag {node.tag} is unknown; there is only {VAULT_TAG}")
            return None
        if _is_empty(node):
            if not empty:
                self._mistake(node.start_mark, path, "has no value")
            return Scalar("", "str", "") if empty else None
        return self._accepted(node, path, filled_in, node, self.environ)


def _defaults(section: Section) -> dict[str, Any]:
    return {key: _default(schema) for key, schema in section.keys.items()}


def _default(schema: Schema) -> Any:
    match schema:
        case Value():
            return schema.default
        case Values():
            return None if schema.optional else []
        case Section():
            return None if schema.optional else _defaults(schema)
        case _:
            return {}


def filled_in(node: yaml.ScalarNode, environ: Mapping[str, str]) -> Scalar:
    """The value of a node with each ``${NAME}`` filled in, and ``$${`` as a plain ``${``."""
    names = [name for escaped, name in VARIABLE.findall(node.value) if not escaped]
    for name in names:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"${{{name}}} is not the name of a variable; for a literal ${{ write $${{")
    unset = [name for name in dict.fromkeys(names) if name not in environ]
    if unset:
        are = "variable {} is" if len(unset) == 1 else "variables {} are"
        raise ValueError(f"the environment {are.format(', '.join(unset))} not set; for a literal ${{ write $${{")
    text = VARIABLE.sub(lambda found: f"${{{found[2]}}}" if found[1] else environ[found[2]], node.value)
    return Scalar(text, node.tag.rpartition(":")[2], node.value, secret=bool(names))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_value(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not _is_empty(node)


def _is_map(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def _is_empty(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _known(name: str, section: Section) -> str | None:
    for key, schema in section.keys.items():
        if name == key or name in schema.aliases:
            return key
    return None


def _not_known(name: str, section: Section) -> str:
    if name in section.elsewhere:
        return section.elsewhere[name]
    names = [name for key, schema in section.keys.items() for name in (key, *schema.aliases)]
    near = difflib.get_close_matches(name, names, n=1)
    return "unknown key" + (f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(section.keys)}")
