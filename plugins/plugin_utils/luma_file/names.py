# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that users choose in luma.yml."""

from __future__ import annotations

import re

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Scalar

#: An app called so could not be told from luma's command.
COMMANDS = (
    "audit", "build", "cert", "check", "config", "deploy", "exec", "help", "init", "lock", "logs", "maintenance",
    "proxy", "prune", "releases", "remove", "restart", "rollback", "run", "services", "setup", "start", "status",
    "stop", "takeover",
)  # fmt: skip


def project_name(value: Scalar) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", value.text):
        raise ValueError("has to begin with a letter or digit and hold only a-z, 0-9, _, . and -")
    return value.text


def check_app_name(name: str) -> None:
    _check_name(name, "an app")
    if name in COMMANDS:
        raise ValueError(f"an app cannot have the name of the command luma {name}")


def check_former_app_name(name: str) -> None:
    """An app that was there before the command of its name is still one."""
    _check_name(name, "an app")


def check_process_name(name: str) -> None:
    _check_name(name, "a process")


def check_service_name(name: str) -> None:
    _check_name(name, "a service")


def _check_name(name: str, what: str) -> None:
    # It is a DNS name (the alias), a part of container names, and the first word of a command line.
    if not re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", name):
        raise ValueError(f"the name of {what} has to hold only a-z, 0-9, - and _, at most 63")


def file_extension(value: Scalar) -> str:
    """What stands behind the dot of a file's name."""
    if not re.fullmatch(r"\.?[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*", value.text):
        raise ValueError("has to be the end of a file's name, such as sql or tar.gz")
    return value.text.removeprefix(".")
