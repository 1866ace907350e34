# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of an app's or a service's mounts: relative paths of volumes, and files from the controller.

A file is kept under the digest of its content, ``files/PROJECT/NAME/DIGEST/FILE`` in luma's folder, and never changed
there: each color, and each release on record, has what it was made with.
"""

from __future__ import annotations

import base64
import io
import os
import pwd
import shlex
import shutil
import tarfile
import tempfile
import typing as t
import zlib
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: The options of the documentation fragment ``luma.deploy.engine.mounts``, but for ``remote_user``.
MOUNT_OPTIONS: dict[str, t.Any] = {
    "volumes": {"type": "list", "elements": "str", "default": []},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "source": {"type": "str", "required": True},
            "target": {"type": "str", "required": True},
            "access": {"type": "str", "choices": ["ro", "rw"], "default": "ro"},
            "digest": {"type": "str"},
            "content": {"type": "str", "no_log": True},
        },
    },
}
REMOTE_USER_OPTION: dict[str, t.Any] = {"remote_user": {"type": "str"}}

#: What the only entry of an archive is called that the controller sends.
ROOT = "content"


@dataclass(frozen=True)
class HostFile:
    """A file, or a folder, that a container gets. ``path``: where the host keeps it; ``target``: where the container
    has it; ``access``: ``ro`` or ``rw``; ``content``: an archive from the controller, empty where the controller has
    another content by now."""

    path: Path
    target: str
    access: str
    digest: str
    content: str = ""

    @property
    def config(self) -> tuple[str, str, str]:
        """What makes it another configuration."""
        return self.target, self.access, self.digest

    @property
    def mount(self) -> dict[str, t.Any]:
        """The mount as the engine takes it. Unlike a bind, it fails where the file is missing."""
        return {"Type": "bind", "Source": str(self.path), "Target": self.target, "ReadOnly": self.access == "ro"}

    def place(self) -> None:
        """Writes it, where the host does not have it."""
        if self.path.exists():
            return
        folder = self.path.parent
        try:
            # Of all folders that are made, the last gets the mode.
            self.path.parents[3].mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A run that dies leaves nothing under the name.
            new = Path(tempfile.mkdtemp(dir=folder))
            try:
                _unpack(self.content, new)
                (new / ROOT).rename(self.path)
            finally:
                shutil.rmtree(new)
        except OSError as exc:
            raise LumaError(f"Could not write {self.path}: {exc.strerror or exc}. Nothing was changed.") from exc


def files_folder(state_dir: str, project: str) -> Path:
    return Path(state_dir, "files", project)


def files_of(
    state_dir: str, project: str, name: str, options: t.Iterable[t.Mapping[str, t.Any]]
) -> tuple[HostFile, ...]:
    """The files that the option ``files`` of an app or a service asks for."""
    folder = files_folder(state_dir, project) / name
    return tuple(
        HostFile(
            path=folder / each["digest"] / Path(each["source"]).name,
            target=each["target"],
            access=each["access"],
            digest=each["digest"],
            content=each["content"] or "",
        )
        for each in options
    )


@dataclass(frozen=True)
class Mounts:
    """What a container mounts. ``given``: volumes as in ``docker run -v``; ``relative``: the sources among them that
    are relative to a home, each with the path that it means on this host."""

    given: tuple[str, ...] = ()
    files: tuple[HostFile, ...] = ()
    relative: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, volumes: t.Iterable[str], files: tuple[HostFile, ...] = (), user: str | None = None) -> Mounts:
        """With relative paths in ``volumes`` from the home of ``user``, who is logged in to the host."""
        given = tuple(volumes)
        sources = [volume.partition(":")[0] for volume in given if ":" in volume]
        relative = [(source, _path_at_home(source, user)) for source in sources if source.startswith((".", "~"))]
        return cls(given, files, tuple(relative))

    @property
    def volumes(self) -> list[str]:
        """The volumes as the engine takes them, with absolute paths."""
        paths = dict(self.relative)
        parts = [volume.partition(":") for volume in self.given]
        return [paths.get(source, source) + colon + rest for source, colon, rest in parts]

    @property
    def config(self) -> dict[str, t.Any]:
        """Its part of a configuration's hash, which is what it was before there were files. Homes have no part in it:
        a release is the same on all hosts."""
        files = {"files": [file.config for file in self.files]} if self.files else {}
        return dict({"volumes": self.given}, **files)

    @property
    def host(self) -> dict[str, t.Any]:
        """Its part of the engine's host configuration."""
        mounts = {"mounts": [file.mount for file in self.files]} if self.files else {}
        return dict({"binds": self.volumes}, **mounts)

    def refuse_missing(self, name: str) -> None:
        """Raises `LumaError` for what the host lacks. Docker would make an empty folder of it, and a database would
        begin anew."""
        for given, path in self.relative:
            if not Path(path).exists():
                raise LumaError(
                    f"{name} mounts {given}, which on this host is {path}, relative to the home of the user that luma "
                    "logs in as. There is no such file or folder. Nothing was changed.\n"
                    f"To begin with an empty folder: mkdir -p {shlex.quote(path)}\n"
                    "To send a file or folder from beside luma.yml: name it in files: instead of volumes:"
                )
        for file in self.files:
            if not file.content and not file.path.exists():
                raise LumaError(
                    f"{name} needs {file.path.name} as it was when this release was deployed, and this host has no "
                    f"{file.path} any more. The file beside luma.yml is another one, or gone. Nothing was changed.\n"
                    "Bring back that content beside luma.yml, and run: luma deploy"
                )

    def place(self) -> None:
        for file in self.files:
            file.place()


def _path_at_home(source: str, user: str | None) -> str:
    """What ``./path``, ``~/path`` and ``~other/path`` mean for a user."""
    home, _slash, rest = source.partition("/")
    if not home.startswith("~"):
        home, rest = "~", source
    return os.path.normpath(Path(_home_of(home[1:] or user), rest))


def _home_of(user: str | None) -> str:
    # Who has become root is named by what made it so.
    user = user or os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER")
    try:
        return (pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())).pw_dir
    except KeyError:
        raise LumaError(
            f"This host has no user {user}, whose home relative volumes are in. Nothing was changed."
        ) from None


def _unpack(content: str, folder: Path) -> None:
    """Unpacks an archive of files and folders that `plugin_utils.luma_file.mounts` has made."""
    with tarfile.open(fileobj=io.BytesIO(zlib.decompress(base64.b64decode(content)))) as archive:
        for member in archive:
            path = folder / member.name
            if member.isdir():
                path.mkdir()
            else:
                path.write_bytes(t.cast("t.IO[bytes]", archive.extractfile(member)).read())
            path.chmod(member.mode)
