# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's way to the host: its payload is built once, and lies there as a folder with bytecode."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.luma.deploy.plugins.plugin_utils.payload import kept as kept_module
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.kept import OF_ONE_RUN, digest_of, kept, kept_folder
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.quick_module import with_folder
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.unpacked import unpacked

ROOT = Path(__file__).parents[2]
LOCK = "ansible_collections/luma/deploy/plugins/module_utils/run"
WEEK = 7 * 24 * 3600


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "payload.zip"
    with zipfile.ZipFile(file, "w") as content:
        content.writestr("things/__init__.py", "")
        content.writestr("things/one.py", "NUMBER = 1\n")
    return file


def lock(state_dir: Path, cache: Path, *options: str, interpreter: str = sys.executable) -> str:
    """Takes a lock by Ansible on this machine; returns what it said."""
    ansible = str(Path(sys.executable).with_name("ansible"))
    arguments = f"project=shop app=blog state=released force=true state_dir={state_dir}"
    interpreter = f"ansible_python_interpreter={interpreter}"
    done = subprocess.run(
        [ansible, "localhost", "-m", "luma.deploy.deploy_lock", "-a", arguments, "-e", interpreter, *options],
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "ANSIBLE_STDOUT_CALLBACK": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_module_runs_from_a_folder_that_later_runs_use(tmp_path: Path) -> None:
    """Also what keeps this in step with the Ansible that is installed: where it sends modules in another way, they run,
    and this fails."""
    state_dir, cache = tmp_path / "state", tmp_path / "cache"
    assert "SUCCESS" in lock(state_dir, cache, "--check")
    assert not state_dir.exists()
    (payload,) = (cache / "luma" / "payloads").glob("*/*")
    assert "SUCCESS" in lock(state_dir, cache)
    kept_files = {file.name for file in (cache / "luma" / "payloads").glob("*/*")}
    assert sum("-content-" in name for name in kept_files) == 1
    assert len(kept_files) == 2
    (folder,) = (state_dir / "code").iterdir()
    (code,) = (folder / LOCK / "__pycache__").glob("lock.*.pyc")
    made = folder.stat().st_ctime_ns, payload.stat().st_ino
    assert "SUCCESS" in lock(state_dir, cache)
    assert list((state_dir / "code").iterdir()) == [folder]
    assert {file.name for file in (cache / "luma" / "payloads").glob("*/*")} == kept_files
    assert made[1] == payload.stat().st_ino

    # It is this code that runs.
    code.unlink()
    (folder / LOCK / "lock.py").unlink()
    assert "run.lock" in lock(state_dir, cache)


def test_a_host_that_has_had_the_code_of_a_module_is_sent_no_more_than_its_arguments(tmp_path: Path) -> None:
    python, sizes = tmp_path / "python", tmp_path / "sizes"
    counts = f'tee "{tmp_path}/sent" | {sys.executable} "$@"; wc -c <"{tmp_path}/sent" >>"{sizes}"'
    python.write_text(f"#!/bin/sh\n{counts}\n")
    python.chmod(0o700)

    def sent() -> list[bool]:
        """Whether each thing that is sent is brief."""
        sizes.write_text("")
        assert "SUCCESS" in lock(tmp_path / "state", tmp_path / "cache", interpreter=str(python))
        return [int(size) < 50_000 for size in sizes.read_text().split()]

    assert sent() == [True, False]
    assert sent() == [True]
    (tmp_path / "state" / "code").chmod(0o777)
    assert sent() == [True, False]


def test_a_payload_is_kept_for_the_code_that_it_was_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "first"))
    built = tmp_path / "first" / OF_ONE_RUN / "ansible_collections.luma.deploy.plugins.modules.bake-ZIP_DEFLATED-none"
    with kept("luma.deploy.bake"):
        assert not built.exists()
        built.parent.mkdir(parents=True)
        built.write_text("the payload")
        built.with_name(built.name + ".lock").touch()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "second"))
    with kept("luma.deploy.bake"):
        assert [file.name for file in (tmp_path / "second" / OF_ONE_RUN).iterdir()] == [built.name]

    earlier = kept_folder()
    then = time.time() - WEEK - 60
    os.utime(earlier, (then, then))
    monkeypatch.setattr(kept_module, "__version__", "2.99")
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "third"))
    with kept("luma.deploy.bake"):
        assert not (tmp_path / "third").exists()
        built = tmp_path / "third" / OF_ONE_RUN / built.name
        built.parent.mkdir(parents=True)
        built.write_text("another payload")
    assert not earlier.exists()
    assert (kept_folder() / built.name).read_text() == "another payload"


def test_without_a_place_for_it_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
    with kept("luma.deploy.bake"):
        (tmp_path / "run").mkdir()


def test_an_archive_is_unpacked_once(archive: Path, tmp_path: Path) -> None:
    home = tmp_path / "state" / "code"
    folder = Path(unpacked(str(archive), "d1", str(home)))
    assert folder == home / "d1"
    assert len(list(folder.rglob("one.*.pyc"))) == 1
    (folder / "mark").touch()
    assert unpacked(str(archive), "d1", str(home)) == str(folder)
    assert (folder / "mark").exists()
    assert list(home.iterdir()) == [folder]


def test_a_folder_that_nothing_has_used_for_a_week_is_removed(archive: Path, tmp_path: Path) -> None:
    for digest, age in (("d1", WEEK + 60), ("d2", WEEK - 60)):
        folder = unpacked(str(archive), digest, str(tmp_path / "code"))
        then = time.time() - age
        os.utime(folder, (then, then))
    unpacked(str(archive), "d3", str(tmp_path / "code"))
    assert sorted(folder.name for folder in (tmp_path / "code").iterdir()) == ["d2", "d3"]


def test_where_there_can_be_no_folder_the_archive_is_used(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert unpacked(str(archive), "d1", str(tmp_path / "file" / "code")) == str(archive)
    (tmp_path / "broken.zip").write_text("no archive")
    assert unpacked(str(tmp_path / "broken.zip"), "d1", str(tmp_path / "code")) == str(tmp_path / "broken.zip")
    assert list((tmp_path / "code").iterdir()) == []


def test_a_folder_that_others_may_write_to_is_not_used(archive: Path, tmp_path: Path) -> None:
    unpacked(str(archive), "d1", str(tmp_path / "code"))
    (tmp_path / "code").chmod(0o777)
    assert unpacked(str(archive), "d1", str(tmp_path / "code")) == str(archive)


def test_the_time_of_an_archive_is_not_in_its_digest(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as content, zipfile.ZipFile(tmp_path / "later.zip", "w") as later:
        for name in reversed(content.namelist()):
            later.writestr(zipfile.ZipInfo(name, (2030, 1, 1, 0, 0, 0)), content.read(name))
    assert digest_of(archive.read_bytes()) == digest_of((tmp_path / "later.zip").read_bytes())


def test_a_wrapper_that_looks_otherwise_stays_as_it_is() -> None:
    for text in ("", "def _ansiballz_main(\n", "        sys.path.insert(0, modlib_path)\n\nzip_data='UEs='"):
        assert with_folder(text, "/var/lib/luma/code", str) == text
