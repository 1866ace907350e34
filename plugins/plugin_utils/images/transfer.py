# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an image from the controller's engine to a host that lacks it, over Ansible's connection."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import posixpath
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import NEVER, chain_ids, has_tag
from ansible_collections.luma.deploy.plugins.plugin_utils.images import progress
from ansible_collections.luma.deploy.plugins.plugin_utils.images.progress import Sent
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.quick_module import QuickModule
from ansible_collections.luma.deploy.plugins.plugin_utils.text import size_in_words

#: What both modules are told about the host's engine.
ENGINE_OPTIONS = ("docker_host", "engine_timeout")
#: How long sending an image may take until the run that does it counts as silent, in seconds.
SENDING_SECONDS = 900

#: An archive is sent in parts of at least this many bytes, in at most `PARTS` of them; each is a line of progress.
PART_BYTES = 16_000_000
PARTS = 10
CHUNK = 1_000_000
#: zlib's quickest level, so that a fast network does not wait for the compression.
COMPRESSION = 1
#: Where these are left out, an archive is of Docker's own format only.
OCI_FILES = ("index.json", "oci-layout")


def local_image(name: str) -> dict[str, Any] | None:
    """The inspect result of an image of the controller's engine; None where there is no such image, or no engine."""
    if not shutil.which("docker"):
        return None
    command = ["docker", "image", "inspect", name]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return dict(json.loads(done.stdout)[0]) if done.returncode == 0 else None


def missing_here(arguments: Mapping[str, Any]) -> str:
    """What is to be said of an image of a module's arguments that this machine could not send either."""
    say = "The machine where luma runs does not have it either"
    if arguments.get("pull") != NEVER:
        return f"{say}."
    return f"{say}: build it there with luma build, or choose another release."


@contextmanager
def alone_with(image: str, host: str) -> Iterator[bool]:
    """The processes of an app are prepared at the same time and miss the same image: meanwhile no other one sends it to
    the host. Whether one has in this run."""
    name = hashlib.sha256(f"{host} {image}".encode()).hexdigest()[:32]
    with Path(constants.DEFAULT_LOCAL_TMP, f"luma-sent-{name}").open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield os.fstat(file.fileno()).st_size > 0
        file.write("sent\n")


class WithImage(QuickModule):
    """Runs the module of an action's name, and where that misses an image which the controller's engine has, sends the
    image to the host and runs the module again."""

    def run_module(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's result. Its ``report`` says which images were sent."""
        report: list[str] = []
        sent, awaited = set[str](), set[str]()
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        while (name := result.get("missing_image", "")) and name not in sent and (image := local_image(name)):
            kept = self._keep_lock(task_vars)
            if kept.get("failed"):
                return kept
            with alone_with(name, task_vars["inventory_hostname"]) as has_been_sent:
                if has_been_sent and name not in awaited:
                    awaited.add(name)
                else:
                    sent.add(name)
                    report += self._send_image(name, image["Id"], result["layers"], task_vars)
            result = self._execute_module(module_args=arguments, task_vars=task_vars)
        if name and name not in sent:
            result["msg"] += f" {missing_here(arguments)}"
        return result | {"report": report + result.get("report", [])} if report else result

    def _keep_lock(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Meanwhile no module gives a sign of life on the host."""
        given = self._task.args
        if not given.get("run"):
            return {}
        options = {key: given[key] for key in ("project", "app", "state_dir") if key in given}
        options |= {"state": "renewed", "run": {"id": given["run"]}, "lease": SENDING_SECONDS}
        result: dict[str, Any] = self._execute_module("luma.deploy.deploy_lock", options, task_vars=task_vars)
        return result

    def _send_image(self, name: str, image_id: str, known: Collection[str], task_vars: dict[str, Any]) -> list[str]:
        """Sends an image, without the layers that the host is ``known`` to have, and has it loaded there. Returns the
        lines of the report.

        An engine that needs them nevertheless, as with containerd's image store, gets all of them.
        """
        with (
            progress.shown(task_vars["inventory_hostname"]),
            tempfile.TemporaryDirectory(prefix="image-", dir=constants.DEFAULT_LOCAL_TMP) as folder,
        ):
            saved = Path(folder, "saved")
            # A name without a tag would mean all tags.
            run_docker("save", "--output", str(saved), name if has_tag(name) else f"{name}:latest")
            archive = Archive.of(saved, known)
            result = self._send_archive(archive, name, image_id, task_vars)
            if result.get("failed") and archive.layers < archive.all_layers:
                archive = Archive.of(saved, ())
                result = self._send_archive(archive, name, image_id, task_vars)
        if result.get("failed"):
            raise AnsibleActionFail(result["msg"])
        return list(result["report"])

    def _send_archive(self, archive: Archive, name: str, image_id: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        began = time.monotonic()
        host = task_vars["inventory_hostname"]
        self._tell(host, Sent(0, archive.size), f"Sending image {name}: {archive}...")
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        try:
            load = {key: self._task.args[key] for key in ENGINE_OPTIONS if key in self._task.args}
            load |= {"image": name, "image_id": image_id, "files": self._send_parts(archive, name, host, folder)}
            result: dict[str, Any] = self._execute_module("luma.deploy.image_load", load, task_vars=task_vars)
        finally:
            self._remove_tmp_path(folder)
        return result | {"report": [f"Sent image {name}: {archive}, in {time.monotonic() - began:.1f} s"]}

    def _send_parts(self, archive: Archive, name: str, host: str, folder: str) -> list[str]:
        """Sends the archive to a folder of the host; returns the files there, in their order."""
        files: list[str] = []
        done, size = 0, archive.size
        for number, part in enumerate(archive.parts()):
            if number:
                self._tell(
                    host, Sent(done, size), f"Sending image {name}: {size_in_words(done)} of {size_in_words(size)}..."
                )
            done += part.stat().st_size
            files.append(self._connection._shell.join_path(folder, f"image-{number}"))
            try:
                self._transfer_file(str(part), files[-1])
            except AnsibleConnectionFailure:
                raise
            except AnsibleError as exc:
                raise AnsibleActionFail(
                    f"Image {name} ({size_in_words(size)}) could not be sent to {host}: {exc}. "
                    f"{self._room(folder)} Nothing was changed."
                ) from None
        progress.note(host, Sent(done, size))
        self._fixup_perms2([folder, *files], execute=False)
        return files

    def _room(self, folder: str) -> str:
        """How much room the file system of a folder on the host has, in a sentence."""
        answer = self._low_level_execute_command(f"df -Pk {self._connection._shell.quote(folder)}")
        row = answer["stdout"].strip().splitlines()[-1:]
        free = row[0].split()[3] if row and len(row[0].split()) > 5 else ""
        return f"{size_in_words(int(free) * 1024)} are free in {posixpath.dirname(folder)}." if free.isdigit() else ""

    def _tell(self, host: str, sent: Sent, text: str) -> None:
        if not progress.note(host, sent):
            # Progress is no result: what reads the output reads none of it.
            self._display.display(f"[{host}] {text}", stderr=True)


def run_docker(*arguments: str) -> None:
    done = subprocess.run(["docker", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AnsibleActionFail(f"docker {arguments[0]} failed on the controller: {done.stderr.strip()}")


@dataclass(frozen=True)
class Archive:
    """A compressed archive of an image, with some or all of its layers."""

    file: Path
    layers: int
    all_layers: int

    @classmethod
    def of(cls, saved: Path, known: Collection[str]) -> Archive:
        """An archive beside ``saved``, the output of ``docker save``, without layers whose chain id is ``known``: an
        engine does not look at the files of layers that it has."""
        file = saved.with_name("archive")
        with (
            tarfile.open(saved) as source,
            tarfile.open(file, "w:gz", compresslevel=COMPRESSION) as target,
        ):
            layers = dict(_layers(source))
            missing = {chain: path for chain, path in layers.items() if chain not in known}
            left_out = set(layers.values()) - {target for path in missing.values() for target in _files(source, path)}
            if left_out:
                # An image store that reads these would take the archive for complete.
                left_out.update(OCI_FILES)
            for member in source:
                if member.name not in left_out:
                    target.addfile(member, source.extractfile(member) if member.isreg() else None)
        return cls(file, len(missing), len(layers))

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    def __str__(self) -> str:
        return f"{size_in_words(self.size)}, {self.layers} of {self.all_layers} layers"

    def parts(self) -> Iterator[Path]:
        """The archive in parts, one after the other under the same name."""
        step = max(PART_BYTES, -(-self.size // PARTS))
        part = self.file.with_name("part")
        with self.file.open("rb") as content:
            for begin in range(0, self.size, step):
                with part.open("wb") as copy:
                    for offset in range(0, min(step, self.size - begin), CHUNK):
                        copy.write(content.read(min(CHUNK, step - offset)))
                yield part


def _layers(saved: tarfile.TarFile) -> Iterator[tuple[str, str]]:
    """Chain id and file of each layer, the lowest first."""
    (image,) = json.load(_opened(saved, "manifest.json"))
    config = json.load(_opened(saved, image["Config"]))
    return zip(chain_ids(config["rootfs"]["diff_ids"]), image["Layers"], strict=True)


def _opened(saved: tarfile.TarFile, name: str) -> Any:
    return saved.extractfile(name)


def _files(saved: tarfile.TarFile, path: str) -> set[str]:
    """A layer's file, and the one that it is a link to: older engines save a layer that occurs twice that way."""
    member = saved.getmember(path)
    if not member.issym():
        return {path}
    return {path, posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))}
