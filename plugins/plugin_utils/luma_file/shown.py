# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma.yml as it is read, for people: one YAML file, each value with the file and the line that it comes from.

Variables and vault strings are shown as they are written: no value of a secret is in it. Of a URL of ``notify`` only
the host is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.notify import hidden
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.overlay import expanded
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.reader import VAULT_TAG

INDENT = "  "
#: Where the places begin, if the values are not longer.
COLUMN = 60


@dataclass(frozen=True)
class Setting:
    """One value. ``path`` as in ``apps.blog.image``; ``depth``: how far its key is indented; ``key`` with its colon, or
    the dash of a list's entry; ``value``: empty for a map or a list with entries, which follow."""

    path: str
    depth: int
    key: str
    value: str
    file: str
    line: int

    def __str__(self) -> str:
        text = f"{INDENT * self.depth}{self.key} {self.value}".rstrip()
        return f"{text:{COLUMN}}  # {self.file}:{self.line}" if self.value else text


def settings(node: yaml.Node | None, path: str = "", depth: int = 0) -> Iterator[Setting]:
    """All values of a file, in its order."""
    if isinstance(node, yaml.MappingNode):
        # A key that is there twice has its last value.
        for name, (key, value) in {str(key.value): (key, value) for key, value in expanded(node)}.items():
            yield from _setting(key, value, f"{path}.{name}".removeprefix("."), depth, f"{_scalar(key)}:")
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _setting(value, value, f"{path}[{index}]", depth, "-")


def _setting(at: yaml.Node, value: yaml.Node, path: str, depth: int, key: str) -> Iterator[Setting]:
    text, mark = _in_a_line(_without_paths(value) if path == "notify" else value), at.start_mark
    yield Setting(path, depth, key, text, mark.name, mark.line + 1)
    if not text:
        yield from settings(value, path, depth + 1)


def _without_paths(node: yaml.Node) -> yaml.Node:
    """URLs of chats, which may be secret, without what follows the host."""
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, list(map(_without_paths, node.value)), node.start_mark, node.end_mark)
    if not isinstance(node, yaml.ScalarNode) or node.tag == VAULT_TAG:
        return node
    return yaml.ScalarNode(node.tag, hidden(node.value), node.start_mark, node.end_mark)


def _in_a_line(node: yaml.Node) -> str:
    """A value that fits behind its key; empty for one that has entries with keys."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if not node.value:
        return "{}" if isinstance(node, yaml.MappingNode) else "[]"
    if isinstance(node, yaml.SequenceNode) and all(isinstance(each, yaml.ScalarNode) for each in node.value):
        return f"[{', '.join(_scalar(each, in_list=True) for each in node.value)}]"
    return ""


def _scalar(node: yaml.Node, in_list: bool = False) -> str:
    if node.tag == VAULT_TAG:
        return f"{VAULT_TAG} …"
    if "\n" in node.value or (in_list and any(sign in node.value for sign in ",[]{}")):
        return json.dumps(node.value, ensure_ascii=False)
    return str(yaml.serialize(node, allow_unicode=True, width=float("inf"))).removesuffix("...\n").strip()
