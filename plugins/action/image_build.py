# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds an app's image where Ansible runs; documented in the module of the same name."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import REGISTRY_OPTIONS, Registry
from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import with_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.images.push import push
from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import local_image
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.overlay import environment

OPTIONS = {
    "project": {"type": "str", "required": True},
    "app": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "context": {"type": "path", "required": True},
    "dockerfile": {"type": "str", "default": "Dockerfile"},
    "args": {"type": "dict", "default": {}},
    "target": {"type": "str"},
    "platform": {"type": "str"},
    "prepare": {"type": "list", "elements": "str"},
    "folder": {"type": "path", "default": "."},
    "existing": {"type": "bool", "default": False},
    "announce": {"type": "bool", "default": False},
    **REGISTRY_OPTIONS,
}
OUTPUT_LINES = 30


class Row(NamedTuple):
    """An image of the app that the engine has under one name. ``digest`` is what the registry of that name calls it,
    ``<none>`` where it was never pushed or pulled."""

    id: str
    name: str
    digest: str


class ActionModule(ActionBase):
    """Runs the command that prepares the build, ``docker build``, and a push, on the controller."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        result |= {"app": options["app"], "image": options["image"], "pushed": False}
        result["release"] = release_in(options["image"])
        began = time.monotonic()
        image = options["image"]
        if options["existing"]:
            return result | {"changed": False, "image_id": existing_id(options), "stdout_lines": [], "report": []}
        if options["prepare"]:
            run(options["prepare"], options["folder"], f"build.prepare of {image}")
        known = images_of(options["project"], options["app"])
        image_id, output = build(options, tag=not self._task.check_mode)
        if all(row.id != image_id for row in known) and not self._task.check_mode:
            # An engine with containerd's image store calls it otherwise than the build does.
            image_id = (local_image(image) or {"Id": image_id})["Id"]
        changed = all(row.id != image_id for row in known)
        report = [f"Built image {image} in {time.monotonic() - began:.1f} s"] if changed else []
        if options["registry"] and not self._task.check_mode and not is_pushed(image, image_id, known):
            report.append(self._push(image, options))
            changed = True
        if options["announce"]:
            report.append(announcement(options))
        return result | {
            "changed": changed,
            "pushed": bool(options["registry"]) and not self._task.check_mode,
            "image_id": image_id,
            "stdout_lines": output.splitlines(),
            "report": [] if self._task.check_mode else report,
        }

    def _push(self, image: str, options: dict[str, Any]) -> str:
        began = time.monotonic()
        completed = with_secrets(options, options["luma_file"], "apps", options["app"], self._loader)
        push(image, Registry.of(completed["registry"]))
        return f"Pushed image {image} in {time.monotonic() - began:.1f} s"


def release_in(image: str) -> str:
    """The release that an image was built as, which is its tag."""
    return image.rpartition(":")[2]


def announcement(options: dict[str, Any]) -> str:
    """What was built, and what to type next."""
    app, image = options["app"], options["image"]
    release = release_in(image)
    command = f"luma -d {environment()}" if environment() else "luma"
    place = "is in the registry, as" if options["registry"] else "is in the engine of this machine, as"
    return f"Release {release} of {app} {place} {image}. To deploy it, run: {command} deploy {app} --release {release}"


def existing_id(options: dict[str, Any]) -> str:
    """The id of an image that was built before, if this engine has it, and not a registry."""
    found = None if options["registry"] else local_image(options["image"])
    return str(found["Id"]) if found else ""


def images_of(project: str, app: str) -> list[Row]:
    """The images that were built for an app, dangling ones too."""
    label_filters = [f"--filter=label=luma.project={project}", f"--filter=label=luma.app={app}"]
    row_format = "{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}"
    command = ["docker", "image", "ls", "--no-trunc", "--digests", *label_filters, "--format", row_format]
    return [Row(*line.split()) for line in run(command, ".", "The list of images", subprocess.DEVNULL).splitlines()]


def is_pushed(image: str, image_id: str, known: Sequence[Row]) -> bool:
    """Whether a registry has the image under this name already."""
    return any((row.id, row.name) == (image_id, image) and row.digest != "<none>" for row in known)


def build(options: dict[str, Any], tag: bool) -> tuple[str, str]:
    """Runs ``docker build``; returns the image's id, and the build's output."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=constants.DEFAULT_LOCAL_TMP) as folder:
        id_file = Path(folder, "id")
        command = ["docker", "build", "--file", str(Path(options["context"], options["dockerfile"]))]
        command += ["--iidfile", str(id_file)]
        command += ["--label", f"luma.project={options['project']}", "--label", f"luma.app={options['app']}"]
        # Not with the tag, which is the release: it would make another image of the same content.
        command += ["--label", f"luma.repository={repository_of(options['image'])}"]
        command += ["--tag", options["image"]] if tag else []
        for name in ("target", "platform"):
            command += [f"--{name}", options[name]] if options[name] else []
        for name, value in options["args"].items():
            command += ["--build-arg", f"{name}={value}"]
        output = run([*command, options["context"]], options["folder"], f"The build of {options['image']}")
        return id_file.read_text(encoding="ascii").strip(), output


def repository_of(image: str) -> str:
    """An image's name without its tag, by which `luma prune` knows the names that luma gave."""
    folder, slash, name = image.rpartition("/")
    return folder + slash + name.partition(":")[0]


def run(command: Sequence[str], folder: str, what: str, errors: int = subprocess.STDOUT) -> str:
    """Runs a command and returns its output, with what it says as an error unless that goes elsewhere (``errors``, as
    `subprocess.run` takes it); a failure shows the last lines of it."""
    if not shutil.which(command[0], path=None) and "/" not in command[0]:
        raise AnsibleActionFail(f"{what} needs the command {command[0]}, which is not installed here.")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # BuildKit's attestations have the time in them: the same files would be another image with each build.
            env={**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
            text=True,
            check=False,
        )
    except OSError as exc:
        raise AnsibleActionFail(f"{what} could not be started: {exc}") from exc
    if done.returncode:
        lines = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-OUTPUT_LINES:])
        raise AnsibleActionFail(f"{what} failed with exit code {done.returncode}; nothing was deployed.\n{lines}")
    return done.stdout
