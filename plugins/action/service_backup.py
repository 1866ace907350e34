# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings what a command writes in a service's container into a file; documented in the module of the same name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in
from ansible_collections.luma.deploy.plugins.plugin_utils.action import hook_command
from ansible_collections.luma.deploy.plugins.plugin_utils.action.attachment import command_line, hand_over
from ansible_collections.luma.deploy.plugins.plugin_utils.action.backup_file import (
    Series,
    refuse_what_is_no_file,
    whole_file,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import with_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.quick_module import QuickModule
from ansible_collections.luma.deploy.plugins.plugin_utils.text import shown_path, size_in_words

#: What the module on the host takes.
OF_THE_MODULE = ("project", "service", "command", "docker_host", "engine_timeout", "state_dir")
STDOUT = "-"
#: The last lines of the error output that a failure's message has.
LINES = 20


class NoBackup(Exception):
    """The command has not made one."""


class ActionModule(QuickModule):
    """Asks the module for the command line that attaches to the container, and runs it here: what the command writes
    goes from the connection into the file."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given, host = self._task.args, (task_vars or {})["inventory_hostname"]
        result |= {"service": given["service"]}
        output = given.get("output") or ""
        if output and output != STDOUT:
            refuse_what_is_no_file(Path(output))
        options = {name: given[name] for name in OF_THE_MODULE if name in given}
        found = self._execute_module(module_args=options, task_vars=task_vars)
        if "attach" not in found:
            return result | found
        command = command_line(self._connection, found["attach"], terminal=False)
        if output == STDOUT:
            return result | {"changed": True, "container": found["container"], "report": hand_over(command)}
        return result | {"container": found["container"]} | self._backed_up(command, output, host)

    def _backed_up(self, command: Sequence[str], output: str, host: str) -> dict[str, Any]:
        """The result of writing a file. Raises `AnsibleActionFail` where that is not possible."""
        given = self._task.args
        by_host = host if given.get("by_host") else ""
        series = Series(Path(given.get("folder", ".")), given["service"], given.get("extension", "dump"), by_host)
        path = Path(output) if output else series.at(datetime.now(UTC))
        try:
            ended, size = self._write(command, path)
            keep = int(given.get("keep") or 0)
            removed = series.remove_older(keep) if keep and not output else []
        except OSError as exc:
            raise AnsibleActionFail(f"The backup of {given['service']} could not be written: {exc}") from exc
        except NoBackup as exc:
            (ended,) = exc.args
            return self._failed(ended)
        older = f"; removed {len(removed)} older" if removed else ""
        lines, where = self._hidden(ended.output), shown_path(str(path))
        return {
            "changed": True,
            "file": str(path.absolute()),
            "bytes": size,
            "seconds": round(ended.seconds, 3),
            "removed": [str(file.absolute()) for file in removed],
            "report": [
                *(f"{given['service']} | {line}" for line in lines),
                f"Backup of {given['service']}: {where}, {size_in_words(size)} in {ended.seconds:.1f} s{older}",
            ],
        }

    def _write(self, command: Sequence[str], path: Path) -> tuple[hook_command.Ended, int]:
        """Raises `NoBackup` where the command fails, or writes nothing."""
        parent = os.getppid()
        with whole_file(path) as file:
            ended = hook_command.run(
                command, ".", {}, lambda: "" if os.getppid() == parent else "ansible-playbook is gone", file
            )
            size = os.fstat(file.fileno()).st_size
            if ended.code or ended.stopped or not size:
                raise NoBackup(ended)
        return ended, size

    def _failed(self, ended: hook_command.Ended) -> dict[str, Any]:
        how = ended.in_words if ended.code or ended.stopped else f"wrote nothing in {ended.seconds:.1f} s"
        lines = "".join(f"\n  {line}" for line in self._hidden(ended.output[-LINES:]))
        service = self._task.args["service"]
        message = f"No backup of {service} was made, and earlier ones are as they were: the command {how}{lines}"
        return {"failed": True, "interrupted": bool(ended.stopped), "msg": message}

    def _hidden(self, lines: Sequence[str]) -> list[str]:
        """The lines without values of the service's secrets."""
        given = self._task.args
        if not lines or not given.get("secret_names"):
            return list(lines)
        names = {"secret_names": given["secret_names"]}
        try:
            known = with_secrets(names, given.get("luma_file"), "services", given["service"], self._loader)
        except AnsibleActionFail as exc:
            return [f"Its error output is not shown, since there may be secrets in it: {exc}"]
        return list(hidden_in(list(lines), known["secrets"]))
