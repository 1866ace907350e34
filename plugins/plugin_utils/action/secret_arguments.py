# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts secret values into a module's arguments right before it is run; until then only their names are anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import NoValue
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import (
    SecretsFile,
    environment_secrets,
    registry_password,
    vault_of,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile


def with_secrets(
    arguments: Mapping[str, Any],
    luma_file: str | None,
    kind: Literal["apps", "services"],
    name: str,
    loader: DataLoader,
) -> dict[str, Any]:
    """The arguments with the values of ``secret_names`` as ``secrets``, and with ``registry.password``, as `luma_file`
    has them for this app or service; without what only the controller needs. ``loader`` is the action's own."""
    completed = {key: value for key, value in arguments.items() if key not in ("luma_file", "secret_names")}
    names, registry = arguments.get("secret_names") or (), arguments.get("registry") or {}
    given = arguments.get("secrets") or {}
    if not luma_file:
        missing = [name for name in names if name not in given]
        if missing:
            raise AnsibleActionFail(f"There is no value of {', '.join(missing)}: name a luma_file, or give secrets.")
        return completed
    try:
        if names:
            # A release that is rolled back to may have had a secret that luma.yml no longer names.
            values = SecretsFile.beside(luma_file).values
            own = environment_secrets(luma_file, kind, name, vault_of(loader))
            missing = [name for name in names if name not in own and name not in values]
            if missing:
                raise InvalidFile(f"{luma_file}: {kind}.{name} has no secret {', '.join(missing)}")
            completed["secrets"] = {name: own[name] if name in own else values[name] for name in names} | given
        if registry.get("username") and not registry.get("password"):
            password = registry_password(luma_file, kind, name, vault_of(loader))
            completed["registry"] = registry | {"password": password}
    except (InvalidFile, NoValue) as exc:
        raise AnsibleActionFail(str(exc)) from None
    return completed


def build_secrets_of(names: Mapping[str, str], luma_file: str | None, app: str) -> dict[str, str]:
    """The values of an app's ``build.secrets``. ``names``: what they are called in ``.luma/secrets``, by their ids."""
    if not names:
        return {}
    if not luma_file:
        raise AnsibleActionFail(f"There is no value of {', '.join(names.values())} of {app}: name a luma_file.")
    secrets = SecretsFile.beside(luma_file)
    missing = [name for name in names.values() if name not in secrets.values]
    if missing:
        raise AnsibleActionFail(f"{secrets.path}: there is no {', '.join(missing)} in it")
    try:
        return {key: secrets.values[name] for key, name in names.items()}
    except NoValue as exc:
        raise AnsibleActionFail(str(exc)) from None
