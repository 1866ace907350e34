# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of keys that a schema is made of: a tree of `Section`, `Named`, `Value`, `Values`, `Names` and `Pairs`.

The parsers of single values get a `Scalar` and raise `ValueError` with what they expect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scalar:
    """One value of the file.

    text     its text, with the variables filled in
    type     what YAML takes it for: str, int, float, bool, null …
    written  what the file says, which is what a message may show
    secret   whether any of it came from the environment or from a vault
    """

    text: str
    type: str
    written: str
    secret: bool = False


Parser = Callable[[Scalar], Any]


@dataclass(frozen=True)
class Value:
    """A key with one value; ``aliases`` are other names of the key."""

    parse: Parser
    default: Any = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Values:
    """A key with a list; ``from_text`` makes a list of a lone text, where that is accepted too. ``optional``: None
    where it is absent, instead of an empty list. ``instead``: reads a lone value that may stand in place of a list."""

    parse: Parser
    from_text: Callable[[str], list[str]] | None = None
    optional: bool = False
    aliases: tuple[str, ...] = ()
    instead: Parser | None = None


@dataclass(frozen=True)
class Pairs:
    """A map of texts, or a list of KEY=VALUE, read as a map of `Scalar`. ``from_environment``: whether the list may
    hold names alone, whose values are those of the environment. ``check_value``: what a value has to be."""

    check_name: Callable[[str], None]
    from_environment: bool = False
    check_value: Parser | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    """A list of names, or a map of names to those that stand for them elsewhere; read as such a map."""

    parse: Parser
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A map with known keys. ``optional``: None where it is absent, instead of its defaults. ``extensible``: keys that
    begin with ``x-`` are the user's own, and not looked at. ``elsewhere``: keys that belong to another place, with what
    to say of them. ``instead``: reads a lone value that may stand in place of a map."""

    keys: Mapping[str, Schema]
    optional: bool = False
    aliases: tuple[str, ...] = ()
    extensible: bool = False
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    instead: Parser | None = None


@dataclass(frozen=True)
class Named:
    """A map by names that the user chooses, or a list of entries with ``name``; each has the same keys."""

    entry: Section
    check_name: Callable[[str], None]
    aliases: tuple[str, ...] = ()


Schema = Value | Values | Names | Pairs | Section | Named
