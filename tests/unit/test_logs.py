# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs are read while a deployment removes containers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.logs import Cursor, Line, Part, moment, read_logs
from docker.errors import APIError, NotFound

LISTED = [{"Id": "1", "Names": ["/blog-blue"]}, {"Id": "2", "Names": ["/blog-green"]}]


def read(answer: Exception) -> tuple[list[Line], Cursor, list[str]]:
    """What is read where the engine answers so for the blue container."""

    def logs(container: str, **_options: Any) -> bytes:
        if container == "1":
            raise answer
        return b"2026-11-22T21:03:04.000000000Z listening\n"

    client: Any = SimpleNamespace(containers=lambda **_filters: LISTED, logs=logs)
    return read_logs(Engine(client), [["luma.app=blog"]], Part(10), cursor={}, wait=0)


@pytest.mark.parametrize(
    "answer",
    [
        NotFound("404", explanation="No such container: 1"),
        # Its words in the engine's daemon/logs.go.
        APIError("409", explanation="can not get logs from container which is dead or marked for removal"),
    ],
)
def test_a_container_that_is_being_removed_says_nothing(answer: Exception) -> None:
    lines, cursor, _containers = read(answer)
    assert [line["container"] for line in lines] == ["blog-green"]
    assert cursor == {"1": "", "2": "2026-11-22T21:03:04.000000000Z"}


def test_other_errors_are_told() -> None:
    with pytest.raises(LumaError, match="Could not read the logs of blog-blue: configured logging driver"):
        read(APIError("500", explanation="configured logging driver does not support reading"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 910), ("10m", 400), ("0d", 1000), ("1970-01-01T00:10:00Z", 600), ("1970-01-01T00:10:00+00:00", 600)],
)
def test_a_time(text: str, seconds: float) -> None:
    assert moment(text, now=1000.0) == seconds


@pytest.mark.parametrize("text", ["", "10", "yesterday", "10 m", "-5m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(LumaError, match="is no time: write 10m, 2h, 1d, or 2026"):
        moment(text, now=1000.0)
