# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads of luma's modules, kept over runs: to build one takes Ansible up to half a second, in each run anew."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

from ansible import constants
from ansible.release import __version__

#: How long payloads are kept that no run has used, in seconds.
UNUSED_SECONDS = 7 * 24 * 3600
PLUGINS = Path(__file__).resolve().parents[2]
#: Where Ansible keeps the payloads of one run, in its temporary folder (`executor/module_common.py`, 2.19 to 2.21).
OF_ONE_RUN = "ansiballz_cache"


def kept_folder() -> Path:
    """The folder for payloads made of the code as it is now. The names, sizes and times of its files tell."""
    state = [sys.version, __version__]
    for file in sorted((*PLUGINS.glob("modules/*.py"), *PLUGINS.glob("module_utils/**/*.py"))):
        facts = file.stat()
        state.append(f"{file} {facts.st_size} {facts.st_mtime_ns}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "luma" / "payloads" / hashlib.sha256("\n".join(state).encode()).hexdigest()[:32]


@contextmanager
def kept(module: str) -> Iterator[None]:
    """Meanwhile Ansible may build the payload of a module (`luma.deploy.NAME`): it finds one that an earlier run has
    built, and what it builds is kept. What cannot be kept is built as ever."""
    name, of_one_run = _name(module) + "-*", _of_one_run()
    try:
        # With several hosts another one's process has been here.
        folder = None if any(_whole(of_one_run, name)) else kept_folder()
    except (OSError, RuntimeError):
        # A user without a home.
        folder = None
    if folder is None:
        yield
        return
    with suppress(OSError):
        _copy(folder, of_one_run, name)
    yield
    with suppress(OSError):
        if not folder.exists():
            _remove_unused(folder.parent)
        _copy(of_one_run, folder, name)
        os.utime(folder)


def content_digest(module: str, archive: str) -> str:
    """The digest of what is in a module's payload, of which ``archive`` is the text as Ansible sends it. It is kept
    beside the payload: to unpack that takes 13 ms."""
    key = hashlib.sha256(archive.encode()).hexdigest()[:32]
    file = _of_one_run() / f"{_name(module)}-content-{key}"
    with suppress(OSError):
        return file.read_text(encoding="ascii")
    digest = digest_of(b64decode(archive))
    with suppress(OSError):
        part = file.with_name(f"{file.name}.{os.getpid()}-part")
        part.write_text(digest, encoding="ascii")
        part.rename(file)
    return digest


def digest_of(archive: bytes) -> str:
    """The digest of what is in an archive, whenever it was made."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(BytesIO(archive)) as content:
        for name in sorted(content.namelist()):
            digest.update(f"{name} ".encode() + content.read(name))
    return digest.hexdigest()[:32]


def _name(module: str) -> str:
    return f"ansible_collections.luma.deploy.plugins.modules.{module.rpartition('.')[2]}"


def _of_one_run() -> Path:
    return Path(constants.DEFAULT_LOCAL_TMP, OF_ONE_RUN)


def _remove_unused(folders: Path) -> None:
    """Removes payloads of earlier code."""
    for folder in folders.glob("*"):
        if time.time() - folder.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _whole(folder: Path, name: str) -> Iterator[Path]:
    """The files of a name, without those that are being written."""
    return (file for file in folder.glob(name) if not file.name.endswith((".lock", "-part")))


def _copy(source: Path, target: Path, name: str) -> None:
    """Copies the payloads of a name that the target lacks; several processes may do so at once."""
    for file in _whole(source, name):
        new = target / file.name
        if new.exists():
            continue
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target / f".{file.name}.{os.getpid()}"
        shutil.copyfile(file, part)
        part.rename(new)
