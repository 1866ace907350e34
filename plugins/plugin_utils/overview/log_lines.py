# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log lines of several hosts: the lines for people (``report``), and the same as data, which
`output.document_shapes` describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.utils.color import stringc
from ansible_collections.luma.deploy.plugins.module_utils.proxy.names import CONTAINER
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.access_log import request_in_words, request_of
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import Found, answered

#: Without red, which is for errors.
COLORS = (
    *("cyan", "yellow", "green", "purple", "blue"),
    *("bright cyan", "bright yellow", "bright green", "bright purple", "bright blue"),
)


def log_lines(found: Found, names: Sequence[str] = ()) -> dict[str, Any]:
    """The log lines of all hosts, in the order of time."""
    lines = [(line["at"], host, line) for host, result in answered(found).items() for line in result["lines"]]
    lines.sort(key=lambda each: each[:2])
    told = [{**line, "host": host, "request": _request_of(line)} for _at, host, line in lines]
    return {"lines": told, "report": [log_line(host, line, names) for _at, host, line in lines]}


def log_line(host: str, line: Mapping[str, str], names: Sequence[str]) -> str:
    """A line as the luma command prints it: on a terminal, what stands before it has the color of the app or service,
    which follows from its place among all ``names``. Whether there are colors is for Ansible to know."""
    prefix = f"[{host}] {line['container']} |"
    if line["name"] in names:
        prefix = stringc(prefix, COLORS[names.index(line["name"]) % len(COLORS)])
    request = _request_of(line)
    return f"{prefix} {request_in_words(request) if request else line['text']}"


def _request_of(line: Mapping[str, str]) -> dict[str, Any] | None:
    return request_of(line["text"]) if line["container"] == CONTAINER else None
