# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an app's or a service's mounts only the controller knows: files beside luma.yml, its folder, and the user
that luma logs in to a host as."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import ROOT

#: What may be sent, with 512 bytes for each file: it goes with the arguments of a module.
MOST_BYTES = 1_000_000
HEADER_BYTES = 512

#: The permissions of folders and programs, and of other files. A container's user may be anybody; on the host nobody
#: but root comes into the folder that they are in.
MODES = {"ro": (0o755, 0o644), "rw": (0o777, 0o666)}


@dataclass(frozen=True)
class Entry:
    """A file, or a folder (``data`` is None), by its path below what is sent, which is empty for that itself."""

    path: str
    mode: int
    data: bytes | None


@dataclass(frozen=True)
class Content:
    """A file or a folder as it is sent."""

    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, source: str, access: str) -> Content:
        """What ``source`` has now. Raises ValueError with what is wrong with it."""
        try:
            return cls(tuple(_entries(Path(source), access)))
        except FileNotFoundError as exc:
            raise ValueError(f"there is no {exc.filename}") from exc
        except OSError as exc:
            raise ValueError(f"{exc.filename}: {exc.strerror}") from exc

    @property
    def digest(self) -> str:
        facts = [
            (entry.path, entry.mode, entry.data is not None and hashlib.sha256(entry.data).hexdigest())
            for entry in self.entries
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    @property
    def archive(self) -> str:
        """A compressed archive, as a text."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for entry in self.entries:
                info = tarfile.TarInfo(f"{ROOT}/{entry.path}".rstrip("/"))
                info.mode = entry.mode
                info.type = tarfile.DIRTYPE if entry.data is None else tarfile.REGTYPE
                info.size = len(entry.data or b"")
                archive.addfile(info, io.BytesIO(entry.data or b""))
        return base64.b64encode(zlib.compress(file.getvalue())).decode()


def _entries(source: Path, access: str) -> Iterator[Entry]:
    executable, ordinary = MODES[access]
    size = 0
    for path in [source, *(sorted(source.rglob("*")) if source.is_dir() else ())]:
        status = path.stat()
        is_folder = path.is_dir() and (path == source or not path.is_symlink())
        if not is_folder and not path.is_file():
            raise ValueError(f"{path} is neither a file nor a folder")
        size += HEADER_BYTES + (0 if is_folder else status.st_size)
        if size > MOST_BYTES:
            raise ValueError(
                f"{source} is larger than {MOST_BYTES / 1e6:g} MB, the most that files: sends. Put it into the image, "
                "or on the hosts and name it in volumes:"
            )
        name = "" if path == source else path.relative_to(source).as_posix()
        mode = executable if is_folder or status.st_mode & 0o100 else ordinary
        yield Entry(name, mode, None if is_folder else path.read_bytes())


def path_beside(folder: Path, path: str) -> str:
    """A path of luma.yml on this machine, which is relative to the file's folder."""
    return os.path.normpath(folder / Path(path).expanduser())


def volume_beside(folder: Path, volume: str) -> str:
    """A volume whose relative host path is one of this machine; a word without a slash is a volume's name."""
    source, colon, rest = volume.partition(":")
    return path_beside(folder, source) + colon + rest if colon and source.startswith((".", "~")) else volume


def with_mounts(arguments: Mapping[str, Any], luma_file: str | None, action: ActionBase) -> dict[str, Any]:
    """The arguments with the content of ``files``, and on this machine with ``volumes`` relative to luma.yml. Elsewhere
    the module takes them as relative to a home."""
    completed = dict(arguments)
    if luma_file and action._connection.transport == "local":
        completed["volumes"] = [volume_beside(Path(luma_file).parent, each) for each in arguments.get("volumes") or ()]
    if arguments.get("files"):
        completed["files"] = [_with_content(file) for file in arguments["files"]]
    return completed


def _with_content(file: Mapping[str, Any]) -> dict[str, Any]:
    """A file with its content. Where another content is wanted than it has now, as by a rollback, the host has to have
    that already."""
    wanted = file.get("digest")
    try:
        content = Content.read(file["source"], file.get("access") or "ro")
    except ValueError as exc:
        if not wanted:
            raise AnsibleActionFail(f"files: {exc}") from None
        return dict(file)
    if wanted and wanted != content.digest:
        return dict(file)
    return {**file, "digest": content.digest, "content": content.archive}


def remote_user(action: ActionBase) -> str | None:
    """The user that luma logs in to the host as; None where the connection does not say."""
    try:
        user = action._connection.get_option("remote_user")
    except KeyError:
        user = action._play_context.remote_user
    return str(user) if user else None
