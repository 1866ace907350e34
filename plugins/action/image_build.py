# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds an app's image where Ansible runs; documented in the module of the same name."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

OUTPUT_LINES = 30


class ActionModule(ActionBase):
    """Runs the command that prepares the build, then ``docker build``, on the controller."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "image": {"type": "str", "required": True},
                "context": {"type": "path", "required": True},
                "dockerfile": {"type": "str", "default": "Dockerfile"},
                "prepare": {"type": "list", "elements": "str"},
                "folder": {"type": "path", "default": "."},
            }
        )
        if self._task.check_mode:
            return result | {"skipped": True, "msg": "no image is built in check mode"}
        began = time.monotonic()
        if arguments["prepare"]:
            run(arguments["prepare"], arguments["folder"], f"build.prepare of {arguments['image']}")
        before = image_id(arguments["image"])
        file = f"{arguments['context']}/{arguments['dockerfile']}"
        build = ["docker", "build", "--file", file, "--tag", arguments["image"], arguments["context"]]
        output = run(build, arguments["folder"], f"The build of {arguments['image']}")
        after = image_id(arguments["image"])
        seconds = time.monotonic() - began
        return result | {
            "changed": before != after,
            "image_id": after,
            "stdout_lines": output.splitlines(),
            "report": [f"Built image {arguments['image']} in {seconds:.1f} s"] if before != after else [],
        }


def run(command: Sequence[str], folder: str, what: str) -> str:
    """Runs a command and returns its output; an error shows the last lines of it."""
    if not shutil.which(command[0], path=None) and "/" not in command[0]:
        raise AnsibleActionFail(f"{what} needs the command {command[0]}, which is not installed here.")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as exc:
        raise AnsibleActionFail(f"{what} could not be started: {exc}") from exc
    if done.returncode:
        lines = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-OUTPUT_LINES:])
        raise AnsibleActionFail(f"{what} failed with exit code {done.returncode}; nothing was deployed.\n{lines}")
    return done.stdout


def image_id(image: str) -> str:
    """The id of a local image, empty where there is none."""
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout.strip()
