# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments (``luma -d staging``): ``luma.staging.yml`` is laid over luma.yml, ``.luma/secrets.staging`` over
``.luma/secrets``. Which one is meant is in a variable, so that all that reads luma.yml means the same."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

VARIABLE = "LUMA_ENVIRONMENT"
NULL = "tag:yaml.org,2002:null"


def environment() -> str:
    """The environment that is meant; empty without one. Raises `ValueError`."""
    name = os.environ.get(VARIABLE, "")
    if name and not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name):
        raise ValueError(f"the name of an environment has to hold only a-z, 0-9 and -, not {name}")
    return name


def file_over(luma_yml: str) -> str:
    """The file that is laid over a luma.yml; empty without an environment."""
    name, path = environment(), Path(luma_yml)
    return str(path.with_name(f"{path.stem}.{name}{path.suffix}")) if name else ""


def secrets_files(luma_yml: str) -> list[Path]:
    """The files of secrets, each laid over the one before."""
    name, path = environment(), Path(luma_yml).parent / ".luma" / "secrets"
    return [path, path.with_name(f"secrets.{name}")] if name else [path]


def laid_over(base: yaml.Node | None, over: yaml.Node | None) -> yaml.Node | None:
    """Maps are merged key by key, and so are lists of entries with ``name``; anything else takes the place of what was
    there, and an empty value takes it away."""
    if base is None or over is None:
        return base or over
    base_keys, over_keys = _keys(base), _keys(over)
    if base_keys is None or over_keys is None:
        return over
    keys = dict(base_keys)
    for name, (key, value) in over_keys.items():
        if name in keys:
            value = laid_over(keys[name][1], value) or value
        keys[name] = (key, value)
    left = [pair for name, pair in keys.items() if not _is_empty(over_keys.get(name))]
    return yaml.MappingNode("tag:yaml.org,2002:map", left, base.start_mark, base.end_mark)


Pair = tuple[yaml.Node, yaml.Node]


def _keys(node: yaml.Node) -> dict[str, Pair] | None:
    """The pairs of a map, or of a list whose entries have names; None of anything else."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): (key, value) for key, value in expanded(node)}
    entries = list(map(_named, node.value)) if isinstance(node, yaml.SequenceNode) else []
    return {str(pair[0].value): pair for pair in entries if pair} if entries and all(entries) else None


def _named(entry: yaml.Node) -> Pair | None:
    """An entry of such a list as a pair of a map."""
    if not isinstance(entry, yaml.MappingNode):
        return None
    names = [pair for pair in entry.value if pair[0].value == "name"]
    others = [pair for pair in entry.value if pair not in names]
    inner = yaml.MappingNode("tag:yaml.org,2002:map", others, entry.start_mark, entry.end_mark)
    return (names[0][1], inner) if names else None


def expanded(node: yaml.MappingNode) -> Iterator[Pair]:
    """The pairs of a map with what YAML's merge key (``<<``) brings, which comes first: what follows wins."""
    for key, value in node.value:
        if key.value == "<<":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                yield from expanded(source)
    yield from ((key, value) for key, value in node.value if key.value != "<<")


def _is_empty(pair: Pair | None) -> bool:
    return pair is not None and pair[1].tag == NULL
