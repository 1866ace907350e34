# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs are read while a deployment removes containers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.hook_log import HookLog, in_nanoseconds
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
    assert cursor == {"1": "", "2": "2026-11-22T21:03:04.000000000Z", "hooks": ""}


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


def of_hooks(part: Part, cursor: Cursor) -> tuple[list[str], Cursor]:
    def line(second: int) -> Line:
        return {"at": in_nanoseconds(second), "container": "blog release", "name": "blog", "text": str(second)}

    client: Any = SimpleNamespace(containers=lambda **_filters: [])
    lines, after, _names = read_logs(Engine(client), [["luma.app=blog"]], part, cursor, 0, lambda: [line(1), line(2)])
    return [line["text"] for line in lines], after


def test_what_hooks_wrote_is_read_like_the_log_of_one_more_container() -> None:
    end = {"hooks": in_nanoseconds(2)}
    assert of_hooks(Part("all"), {}) == (["1", "2"], end)
    assert of_hooks(Part(1), {})[0] == ["2"]
    assert of_hooks(Part(0), {}) == ([], {"hooks": ""})
    assert of_hooks(Part("all", since=1.5), {})[0] == ["2"]
    assert of_hooks(Part("all", until=1.5), {})[0] == ["1"]
    assert of_hooks(Part(0), {"hooks": in_nanoseconds(1)}) == (["2"], end)
    assert of_hooks(Part(0), end) == ([], end)


def test_of_a_hook_that_writes_much_the_end_is_kept(tmp_path: Path) -> None:
    log = HookLog(str(tmp_path))
    log.add("shop", "blog", "release", [(in_nanoseconds(number), f"{number} {'x' * 2000}") for number in range(1200)])
    log.add("shop", "api", "release", [(in_nanoseconds(1), "foreign")])
    log.add("news", "blog", "release", [(in_nanoseconds(1), "foreign")])
    lines = log.lines("shop", ["blog"])
    assert [line["text"].split()[0] for line in lines] == [str(number) for number in range(200, 1200)]
    assert {len(line["text"]) for line in lines} == {1000}
    assert log.file.stat().st_mode & 0o777 == 0o600
