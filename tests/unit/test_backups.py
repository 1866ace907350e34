# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services are backed up, and the files of their backups."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.plugin_utils.action.backup_file import (
    Series,
    refuse_what_is_no_file,
    whole_file,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.backups import backed_up, refuse_several
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

from tests.unit.luma_file import mistakes, read

SERVICES = """\
services:
  db: {image: x, servers: [one, two], backup: {command: dump -v shop, to: ../kept, extension: .tar.gz}}
  queue: {image: x, servers: [one], backup: {command: [save]}}
  cache: {image: x, servers: [one]}
"""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_all_services_with_a_backup_are_meant_or_those_that_are_named(tmp_path: Path) -> None:
    services = read(tmp_path, SERVICES, inventory=Inventory(["one", "two"]))["services"]
    db, queue = backed_up(list(services.values()), [], str(tmp_path))
    assert db["backup"] == {
        "command": ["dump", "-v", "shop"], "to": str(tmp_path.parent / "kept"), "extension": "tar.gz", "keep": None,
        "by_host": True,
    }  # fmt: skip
    assert (queue["backup"]["to"], queue["backup"]["by_host"]) == (str(tmp_path / "backups"), False)
    for named in (["cache"], []):
        with pytest.raises(InvalidFile, match=r"^cache: luma\.yml does not say how .*; add services\.cache\.backup"):
            backed_up([services["cache"]], named, str(tmp_path))
    refuse_several([queue])
    with pytest.raises(InvalidFile, match=r"would be 2: db on one, db on two\. Name one"):
        refuse_several([db])


@pytest.mark.parametrize(
    ("backup", "mistake"),
    [
        ("{to: x}", "luma.yml:2:26: services.db.backup: has no command, whose output is the backup"),
        ("{command: a, extension: a/b}", "services.db.backup.extension: has to be the end of a file's name"),
        ("{command: a, keep: 0}", "services.db.backup.keep: has to be a whole number, 1 or more"),
    ],
)
def test_what_is_no_backup(backup: str, mistake: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, f"services:\n  db: {{image: x, backup: {backup}}}\n")
    assert mistake in found


def test_only_older_files_of_the_same_series_are_removed(tmp_path: Path) -> None:
    series = Series(tmp_path, "db", "dump")
    for day in (3, 1, 2):
        series.at(datetime(2026, 11, day, 3, 15, tzinfo=UTC)).touch()
    others = ["db-20200101T000000Z.sql", "db@one-20200101T000000Z.dump", "db-2-20200101T000000Z.dump", "dbXdump"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / "db-20200101T000000Z.dump").mkdir()
    before = names(tmp_path)
    assert series.remove_older(3) == []
    assert names(tmp_path) == before
    assert [file.name for file in series.remove_older(1)] == ["db-20261101T031500Z.dump", "db-20261102T031500Z.dump"]
    assert names(tmp_path) == sorted([*others, "db-20200101T000000Z.dump", "db-20261103T031500Z.dump"])
    assert [file.name for file in Series(tmp_path, "db", "dump", "one").all()] == ["db@one-20200101T000000Z.dump"]


def interrupted(file: IO[bytes]) -> None:
    file.write(b"half of the second")
    raise KeyboardInterrupt


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "backups" / "db.dump"
    with whole_file(path) as file:
        file.write(b"first")
        assert not path.exists()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"first", 0o600)
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        interrupted(file)
    assert (names(path.parent), path.read_bytes()) == (["db.dump"], b"first")


def test_no_device_or_folder_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(AnsibleActionFail, match="is no file: name another one"):
            refuse_what_is_no_file(path)
    refuse_what_is_no_file(tmp_path / "new")
