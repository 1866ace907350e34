# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that builds an image: ``docker build``, or ``docker buildx build`` for what BuildKit alone can do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in

OUTPUT_LINES = 30
#: What stands before the name of a secret in the environment of the build: it is called as it likes, also PATH.
SECRET_PREFIX = "LUMA_BUILD_SECRET_"
INSTALL = (
    "Install Docker's buildx here: the package docker-buildx-plugin of Docker's own repository, or docker-buildx of "
    "Debian 13 and Ubuntu"
)


class Built(NamedTuple):
    """What a build made. ``id``: the image's, empty if it is in no engine here; ``digest``: what its registry calls it,
    empty if the build did not push it."""

    id: str
    digest: str
    output: str


def buildx_keys(options: Mapping[str, Any]) -> list[str]:
    """The keys of ``build`` in luma.yml that need buildx."""
    needs = {
        "secrets": options["secrets"],
        "ssh": options["ssh"],
        "cache": options["cache_from"] or options["cache_to"],
        "builder": options["builder"],
        "platform": len(options["platform"]) > 1,
    }
    return [f"build.{key}" for key, needed in needs.items() if needed]


def pushes(options: Mapping[str, Any]) -> bool:
    """Whether the build itself pushes the image: one for several platforms, or of a builder elsewhere, need not come to
    this machine's engine."""
    return bool(options["registry"]) and (len(options["platform"]) > 1 or bool(options["builder"]))


def build(options: Mapping[str, Any], tag: bool, secrets: Mapping[str, str], login: Mapping[str, str]) -> Built:
    """Builds an image. ``tag``: whether it gets its name, and is pushed if the build does that; ``secrets``: the
    values of ``options["secrets"]``; ``login``: the variables by which the build logs in to the registry."""
    keys = buildx_keys(options)
    if keys:
        _require_buildx(options, keys)
    with tempfile.TemporaryDirectory(prefix="build-", dir=constants.DEFAULT_LOCAL_TMP) as folder:
        id_file, metadata_file = Path(folder, "id"), Path(folder, "metadata")
        command = ["docker", *(["buildx"] if keys else []), "build"]
        command += ["--file", str(Path(options["context"], options["dockerfile"])), "--iidfile", str(id_file)]
        command += ["--label", f"luma.project={options['project']}", "--label", f"luma.app={options['app']}"]
        # Not with the tag, which is the release: it would make another image of the same content.
        command += ["--label", f"luma.repository={repository_of(options['image'])}"]
        command += ["--tag", options["image"]] if tag else []
        command += ["--target", options["target"]] if options["target"] else []
        command += ["--platform", ",".join(options["platform"])] if options["platform"] else []
        for name, value in options["args"].items():
            command += ["--build-arg", f"{name}={value}"]
        command += [*_buildx_options(options, tag), "--metadata-file", str(metadata_file)] if keys else []
        variables = {f"{SECRET_PREFIX}{name}": value for name, value in secrets.items()} | dict(login)
        command.append(options["context"])
        output = run(command, options["folder"], f"The build of {options['image']}", variables=variables, hide=secrets)
        if keys and pushes(options):
            return Built("", _digest_in(metadata_file), output)
        return Built(id_file.read_text(encoding="ascii").strip(), "", output)


def _buildx_options(options: Mapping[str, Any], tag: bool) -> list[str]:
    words = []
    for name in options["secrets"]:
        words += ["--secret", f"id={name},env={SECRET_PREFIX}{name}"]
    for each in options["ssh"]:
        words += ["--ssh", each]
    for each in options["cache_from"]:
        words += ["--cache-from", each]
    # A plan leaves nothing behind.
    for each in options["cache_to"] if tag else ():
        words += ["--cache-to", each]
    words += ["--builder", options["builder"]] if options["builder"] else []
    if not pushes(options):
        return [*words, "--load"]
    return [*words, "--push"] if tag else [*words, "--output", "type=cacheonly"]


def _require_buildx(options: Mapping[str, Any], keys: Sequence[str]) -> None:
    done = subprocess.run(["docker", "buildx", "version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise AnsibleActionFail(f"{', '.join(keys)} of {options['app']}: {INSTALL}. Nothing was built.")


def _digest_in(metadata_file: Path) -> str:
    """The digest of what was pushed, as buildx has written it down; it writes nothing about a build that is kept."""
    if not metadata_file.exists():
        return ""
    return str(json.loads(metadata_file.read_text(encoding="utf-8")).get("containerimage.digest", ""))


def digest_in_registry(options: Mapping[str, Any], login: Mapping[str, str]) -> str:
    """What the registry has under the image's name; empty if that is nothing, or it does not say."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", options["image"]]
    environment = {**os.environ, **login}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
    return str(json.loads(done.stdout)["digest"]) if done.returncode == 0 else ""


def repository_of(image: str) -> str:
    """An image's name without its tag, by which `luma prune` knows the names that luma gave."""
    folder, slash, name = image.rpartition("/")
    return folder + slash + name.partition(":")[0]


def run(
    command: Sequence[str],
    folder: str,
    what: str,
    errors: int = subprocess.STDOUT,
    variables: Mapping[str, str] | None = None,
    hide: Mapping[str, str] | None = None,
) -> str:
    """Runs a command and returns its output, with what it says as an error unless that goes elsewhere (``errors``, as
    `subprocess.run` takes it); a failure shows the last lines of it. ``variables`` are added to its environment; the
    values of ``hide`` are hidden in what it says."""
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
            env={**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", **(variables or {})},
            text=True,
            check=False,
        )
    except OSError as exc:
        raise AnsibleActionFail(f"{what} could not be started: {exc}") from exc
    output: str = hidden_in(done.stdout, hide or {})
    if done.returncode:
        lines = "\n".join(f"  {line}" for line in output.splitlines()[-OUTPUT_LINES:])
        raise AnsibleActionFail(f"{what} failed with exit code {done.returncode}; nothing was deployed.\n{lines}")
    return output
