# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma.yml as an Ansible inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: luma
short_description: The hosts of luma.yml
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Takes the servers of luma.yml as hosts, with a group for each app and each service.
  - A server may be a host or a group of another inventory, which has to come before this one
    (C(-i hosts.yml -i luma.yml)), an address, or a name that resolves.
  - An app without servers goes to all hosts of the inventory, and to this machine if there are none.
  - What C(ssh) says in luma.yml become variables of the group C(all), so that any other variable overrides it. But
    C(ssh.become) becomes a variable of each host that is not this machine.
  - A host for which neither luma.yml nor an inventory nor Ansible's configuration names a user gets the one that ssh's
    configuration has for it, and else V(root).
  - V(localhost) connects locally, unless another inventory says otherwise.
  - A character that the name of a group cannot have becomes V(_), as in Ansible's own inventory plugins. A group that
    the inventory has already is left as it is.
  - Ansible asks only plugins that are enabled. This one has to come before V(yaml), which would take apps for groups.
options:
  invalid_file:
    description:
      - What to do with a file that has mistakes.
      - V(fail) prints all of them and ends the run with exit code 2.
      - V(ignore) says nothing, for runs in which M(luma.deploy.project) reads the file as well and reports them.
    type: str
    choices: [fail, ignore]
    default: fail
    env:
      - name: LUMA_INVENTORY_INVALID_FILE
"""

EXAMPLES = r"""
# ansible.cfg:
# [inventory]
# enable_plugins = luma.deploy.luma, host_list, script, auto, yaml, ini, toml

# ansible-inventory -i luma.yml --graph
name: shop
ssh:
  username: deploy
apps:
  blog:
    image: my-blog
    servers: [203.0.113.10, 203.0.113.11]
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.host import Host
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible_collections.luma.deploy.plugins.plugin_utils import bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import vault_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import (
    LOCALHOST,
    Inventory,
    configured_users,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load

INVALID_INPUT = 2
OWN_KEYS = {"apps", "services"}
OWN_NAMES = {"luma.yml", "luma.yaml"}
# What the top of a YAML inventory has, or of the configuration of another plugin; and what a group in it has.
INVENTORY_KEYS = {"all", "plugin", "ungrouped"}
GROUP_KEYS = {"hosts", "children", "vars"}
SSH_VARIABLES = {"username": "ansible_user", "port": "ansible_port", "key_file": "ansible_ssh_private_key_file"}
USERS = {"ansible_user", "ansible_ssh_user"}
DEFAULT_USER = "root"


class InventoryModule(BaseInventoryPlugin):
    """Adds what is missing in the inventory; changes nothing that is there."""

    NAME = "luma.deploy.luma"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and is_luma_file(Path(path))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self.set_options()
        known = inventory_of(inventory)
        try:
            project = load(path, vault_of(loader), known)
        except InvalidFile as exc:
            self._reject(str(exc))
            return
        entries = (*project["apps"].values(), *project["services"].values())
        for entry in entries:
            for host in entry["hosts"]:
                self.inventory.add_host(host)
            self._add_group(entry["name"], entry["hosts"], known)
        self._reach_over_ssh(project["ssh"], {host for entry in entries for host in entry["hosts"]})
        if LOCALHOST in self.inventory.hosts:
            # As Ansible's own localhost, which is there where an inventory has none.
            self._default(LOCALHOST, {"ansible_connection": "local", "ansible_python_interpreter": sys.executable})

    def _reject(self, mistakes: str) -> None:
        """An error would only make Ansible hand the file to its YAML plugin, which takes an app for a group."""
        if self.get_option("invalid_file") == "fail":
            self.display.display(mistakes, color=constants.COLOR_ERROR, stderr=True)
            raise SystemExit(INVALID_INPUT)

    def _reach_over_ssh(self, ssh: dict[str, Any], hosts: set[str]) -> None:
        """Says how the hosts are reached, where the inventory does not."""
        self._default("all", {variable: ssh[key] for key, variable in SSH_VARIABLES.items() if ssh[key]})
        if ssh["proxy_jump"]:
            self._default("all", {"ansible_ssh_common_args": f"-o ProxyJump={ssh['proxy_jump']}"})
        given = {host: self._variables(host) for host in sorted(hosts - {LOCALHOST})}
        remote = [host for host, known in given.items() if known.get("ansible_connection") != "local"]
        for host in remote if ssh["become"] else ():
            self._default(host, {"ansible_become": True})
        if constants.DEFAULT_REMOTE_USER:
            return
        silent = {host: given[host].get("ansible_host", host) for host in remote if not USERS & given[host].keys()}
        users = configured_users(list(dict.fromkeys(silent.values())))
        for host, address in silent.items():
            self._default(host, {"ansible_user": users.get(address, DEFAULT_USER)})

    def _variables(self, host: str) -> dict[str, Any]:
        # As long as sources are read, its groups are no children of all.
        return {**self.inventory.groups["all"].get_vars(), **variables_of(self.inventory.hosts[host])}

    def _default(self, name: str, variables: dict[str, Any]) -> None:
        """Sets variables of a host or a group that are not there yet."""
        owner: Any = self.inventory.hosts.get(name) or self.inventory.groups[name]
        there = self._variables(name) if name in self.inventory.hosts else owner.get_vars()
        for variable, value in variables.items():
            if variable not in there:
                self.inventory.set_variable(name, variable, value)

    def _add_group(self, entry: str, hosts: list[str], known: Inventory) -> None:
        name = to_safe_group_name(entry, force=True, silent=True)
        if name in known.groups and set(known.groups[name]) != set(hosts):
            self.display.warning(f"The inventory's group {name} has other hosts than {name} has in luma.yml")
        if name in known.groups or name in self.inventory.hosts:
            return
        self.inventory.add_group(name)
        for host in hosts:
            self.inventory.add_child(name, host)


def inventory_of(data: InventoryData) -> Inventory:
    groups = {name: [host.name for host in group.get_hosts()] for name, group in data.groups.items()}
    # Groups become children of all only when every source has been read.
    return Inventory(list(data.hosts), groups | {"all": list(data.hosts)})


def variables_of(host: Host) -> dict[str, Any]:
    """What the inventory says about a host, itself or by its groups."""
    variables: dict[str, Any] = {}
    for group in host.get_groups():
        variables |= group.get_vars()
    return variables | host.get_vars()


def is_luma_file(path: Path) -> bool:
    """Whether this is a luma.yml, by whatever name, and no inventory of Ansible's own."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    has_key = re.search(rf"^({'|'.join(OWN_KEYS)})[ \t]*:", text, re.MULTILINE)
    if not has_key and path.name not in OWN_NAMES:
        return False
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        # Its mistake is luma's to report.
        return True
    top = keys_of(node)
    groups = [key for key in OWN_KEYS & top.keys() if keys_of(top[key]) and keys_of(top[key]).keys() <= GROUP_KEYS]
    return not INVENTORY_KEYS & top.keys() and not groups


def keys_of(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
