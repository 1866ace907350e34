# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbook of a command, which does all the work, and says how it ended."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from luma_command.arguments import Request
from luma_command.commands import COLLECTIONS, ROOT

# With -P nothing beside that file can be taken for a module of Ansible's.
ANSIBLE = [sys.executable, "-P", str(Path(__file__).with_name("ansible_playbook.py"))]

FAILED = 1
INVALID_INPUT = 2
INTERRUPTED = 130
RESULT_FILE = "result"
# As in plugins/plugin_utils/action/attachment.py.
ATTACH_FILE = "attach"
# What ansible-playbook exits with after Ctrl-C.
ANSIBLE_INTERRUPTED = 99

# macOS ends a process that was forked, as Ansible's are, where a library uses Objective-C in it. One does so to ask the
# system for proxies, and only if no variable says anything of proxies.
FOR_FORKS_ON_MACOS = {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES", "no_proxy": "localhost"}

# As in plugins/plugin_utils/output/document_shapes.py.
JSON_SCHEMA = 1


def ansible_arguments(request: Request) -> list[str]:
    options = request.options
    arguments = [str(request.command.playbook), "-e", json.dumps(request.variables)]
    for inventory in inventories(options.inventory, request.variables["luma_file"]):
        arguments += ["-i", inventory]
    if options.ask_vault_pass:
        arguments.append("--ask-vault-pass")
    if options.ask_become_pass:
        arguments.append("--ask-become-pass")
    if options.vault_password_file:
        arguments += ["--vault-password-file", options.vault_password_file]
    if request.plan:
        arguments += ["--check", "--diff"]
    return arguments + ["-v"] * request.verbosity


def inventories(given: Sequence[str], luma_file: str) -> list[str]:
    """The user's inventories, and luma.yml after them: what they say about a host wins."""
    configured = [name for name in os.environ.get("ANSIBLE_INVENTORY", "").split(",") if name]
    return [*(given or configured), *([luma_file] if Path(luma_file).exists() else [])]


def ansible_environment(request: Request, folder: Path) -> dict[str, str]:
    """``folder``: one of this run's own."""
    callbacks = [os.environ.get("ANSIBLE_CALLBACKS_ENABLED", ""), "luma.deploy.result"]
    environment = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        **FOR_FORKS_ON_MACOS,
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "default" if request.verbosity else "luma.deploy.luma",
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(filter(None, callbacks)),
        # Else Ansible goes on without an inventory that it cannot read, and would deploy to this machine.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        # The playbook reads luma.yml as well, and says what is wrong with it.
        "LUMA_INVENTORY_INVALID_FILE": "ignore",
        "LUMA_RESULT_FILE": str(folder / RESULT_FILE),
        # For what commands of .luma/secrets print, so that each is run once, and for what is to be attached to.
        "LUMA_RUN_FOLDER": str(folder),
        "LUMA_SECRETS_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        # What others are told who find an app locked.
        "LUMA_COMMAND": shlex.join(["luma", *sys.argv[1:]]),
    }
    if "NO_PROXY" in os.environ and "no_proxy" not in os.environ:
        # The one in small letters would count.
        del environment["no_proxy"]
    # Who brings a configuration says there where collections are.
    if "ANSIBLE_COLLECTIONS_PATH" in os.environ or "ANSIBLE_CONFIG" not in os.environ:
        environment["ANSIBLE_COLLECTIONS_PATH"] = collections_path()
    if request.options.quiet:
        environment["LUMA_QUIET"] = "true"
    if request.options.environment is not None:
        environment["LUMA_ENVIRONMENT"] = request.options.environment
    if os.environ.get("NO_COLOR") or not (sys.stdout.isatty() and sys.stderr.isatty()):
        environment |= {"ANSIBLE_NOCOLOR": "true", "ANSIBLE_FORCE_COLOR": "false"}
    return environment


def collections_path() -> str:
    """Where Ansible looks for collections: first for that of this command, of which there may be another version."""
    elsewhere = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or "~/.ansible/collections:/usr/share/ansible/collections"
    return f"{COLLECTIONS}:{elsewhere}"


def run(request: Request) -> int:
    """Runs the playbook; returns the exit code of luma. What the playbook leaves to attach to takes luma's place."""
    as_json = request.options.json
    with tempfile.TemporaryDirectory(prefix="luma-") as folder:
        result_file, errors_file = Path(folder, RESULT_FILE), Path(folder, "errors")
        with errors_file.open("w") as errors:
            ansible = subprocess.Popen(
                [*ANSIBLE, *ansible_arguments(request)],
                env=ansible_environment(request, Path(folder)),
                # What the user pipes in is for the command in the container.
                stdin=subprocess.DEVNULL if request.variables.get("stdin") else None,
                stdout=(sys.stderr if request.verbosity else subprocess.DEVNULL) if as_json else None,
                stderr=errors if as_json else None,
            )
            pass_signals_on(ansible)
            code = ansible.wait()
        result = json.loads(result_file.read_text() or "{}") if result_file.exists() else None
        code = exit_code(code, result)
        if as_json:
            text = errors_file.read_text(encoding="utf-8")
            sys.stderr.write(text)
            if result is None or result.get("exit_code") is None:
                result = {**(result or {}), "errors": text.splitlines()}
            print_document(request.command.name, code, result)
        attach_file = Path(folder, ATTACH_FILE)
        attach = json.loads(attach_file.read_text(encoding="utf-8")) if attach_file.exists() and not code else None
    if attach:
        sys.stdout.flush()
        # The terminal, its size and its Ctrl-C belong to the command from now on.
        os.execvp(attach[0], attach)
    return code


def pass_signals_on(ansible: subprocess.Popen[bytes]) -> None:
    """Lets Ansible clean up and end. A terminal sends its Ctrl-C to Ansible, too; others know luma's process only."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT or not in_foreground():
            ansible.send_signal(number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, pass_on)


def in_foreground() -> bool:
    """Whether a terminal's Ctrl-C comes to this process, and to all of its process group."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def exit_code(ansible_code: int, result: dict[str, Any] | None) -> int:
    """The exit code that the callback `luma.deploy.result` found out. It has left no file (None) where Ansible refused
    the inventory or the vault's password before it began, and one without an exit code where the run broke off."""
    if ansible_code == ANSIBLE_INTERRUPTED:
        return INTERRUPTED
    if ansible_code < 0:
        return 128 - ansible_code
    if result is None:
        return INVALID_INPUT
    found = result.get("exit_code")
    return FAILED if found is None else int(found) or (FAILED if ansible_code else 0)


def print_document(command: str | None, code: int, result: dict[str, Any]) -> None:
    """Without a result of the callback there are only the keys that all commands have."""
    common = {"schema": JSON_SCHEMA, "command": command, "exit_code": code, "changed": False}
    lines: dict[str, Any] = {"report": [], "errors": [], "warnings": []}
    document = {**common, **({} if "report" in result else lines), **result, "command": command, "exit_code": code}
    print(json.dumps(document, indent=2, ensure_ascii=False))
