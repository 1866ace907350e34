# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets with which the TypeScript luma reached hosts, and which nothing here reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.processes import Member
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile

#: Secrets that the TypeScript luma used by itself, with what is to be used instead.
FORMER_SECRETS = {
    "DEFAULT_SSH_KEY_PATH": "name the key in luma.yml, as ssh.key_file",
    "DEFAULT_SSH_PASSWORD": "log in with a key (ssh-copy-id), or give ansible_password in an inventory (luma -i)",
}
#: The same for those of one host, whose name follows.
FORMER_SECRETS_OF_A_HOST = {
    "SSH_KEY_": "name the key in ~/.ssh/config, as IdentityFile of {0}",
    "SSH_PASSWORD_": "log in to {0} with a key (ssh-copy-id), or give ansible_password in an inventory (luma -i)",
}


def former_secrets(read: Mapping[str, Any], members: Sequence[Member], secrets: SecretsFile) -> list[str]:
    """Warnings of those that the file of secrets has, with what to use instead."""
    entries = [*(member.entry for member in members), *read["services"].values()]
    environments = [read["environment"], *(entry["environment"] for entry in entries)]
    used = {name for environment in environments for name in environment["secret"].values()}
    hosts = {server.replace(".", "_").upper(): server for entry in entries for server in entry["servers"]}
    former = FORMER_SECRETS | {
        f"{prefix}{name}": instead.format(host)
        for name, host in hosts.items()
        for prefix, instead in FORMER_SECRETS_OF_A_HOST.items()
    }
    return [
        f"{secrets.path}: {name} is not used: {instead}"
        for name, instead in former.items()
        if name in secrets.values and name not in used
    ]
