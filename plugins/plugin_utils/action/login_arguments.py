# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts who may come to an app into a module's option ``route`` right before it is run, as `secret_arguments` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.proxy.logins import digest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import backend_name
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.routes import NOT_LOGINS, are_logins, logins_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import NoValue
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile


def with_logins(arguments: Mapping[str, Any], luma_file: str | None) -> dict[str, Any]:
    """The arguments with ``route.logins``, made of the secrets beside ``luma_file`` that ``route.basic_auth`` names."""
    route = arguments.get("route") or {}
    names = route.get("basic_auth")
    if not names:
        return dict(arguments)
    backend = backend_name(arguments["project"], arguments["app"])
    logins = [digest(backend, login) for login in logins_in(names, luma_file)]
    return {**arguments, "route": {**route, "logins": logins}}


def logins_in(names: Collection[str], luma_file: str | None) -> list[str]:
    """All USER:PASSWORD of these secrets beside ``luma_file``."""
    values = SecretsFile.beside(luma_file).values if luma_file else {}
    try:
        return [login for name in names for login in _logins(name, values)]
    except (NoValue, ValueError) as exc:
        raise AnsibleActionFail(f"proxy.basic_auth: {exc}. Nothing was changed.") from None


def _logins(name: str, values: Mapping[str, str]) -> list[str]:
    if name not in values:
        raise ValueError(f"the secret {name} is missing")
    if not are_logins(values[name]):
        raise ValueError(f"the secret {name} {NOT_LOGINS}")
    return logins_of(values[name])
