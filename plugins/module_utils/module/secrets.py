# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret values on a host: they go into a container's environment, and nowhere else."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import Registry
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App

#: The options of the documentation fragment ``luma.deploy.engine.secrets``. ``secret_names`` is for the action plugin,
#: which looks the values up; it never comes to the host.
SECRET_OPTIONS: dict[str, t.Any] = {
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "secret_names": {"type": "list", "elements": "str", "default": [], "no_log": False},
}

#: What Ansible itself shows in place of such an option.
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def take_secrets(module: AnsibleModule, options: dict[str, t.Any]) -> dict[str, str]:
    """The values of ``secrets`` in a module's ``options`` (its parameters, or suboptions), where only the names stay.

    Ansible would hide every secret value wherever it occurs in a result. A user's name "blog" would then be missing in
    the names of containers, on which the roles go on working. So the values are taken out of the parameters instead,
    and hidden in errors only, see `hidden_in_errors`.
    """
    secrets = {name: str(value) for name, value in options["secrets"].items()}
    options["secrets"] = dict.fromkeys(secrets, HIDDEN)
    module.no_log_values.difference_update(secrets.values())
    return secrets


def take_registry(options: dict[str, t.Any]) -> Registry | None:
    """The registry of a module's ``options``, where its password no longer is: it may be the value of a secret, too,
    which `take_secrets` no longer lets Ansible hide."""
    given = options["registry"] or {}
    if given.get("password"):
        options["registry"] = dict(given, password=HIDDEN)
    return Registry.of(given)


def secrets_of(engine: Engine, app: App, color: str, names: t.Collection[str]) -> dict[str, str]:
    """The values of these variables in the environment of a color's containers, which are alike."""
    containers = engine.containers(app.project, app.name, app.network) if names else []
    first = next((container for container in containers if container.color == color), None)
    variables = (engine.description(first.id)["Config"]["Env"] or []) if first else []
    values = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    return {name: value for name, value in values.items() if name in names}
