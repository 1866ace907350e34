# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads luma.yml on the controller; documented in the module of the same name."""

from __future__ import annotations

import difflib
import os
import platform
import socket
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.keys import ACME_SECRET, new_secret
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.removal import app_to_remove
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.run import identity
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.backups import backed_up, refuse_several
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.earlier_builds import built_as
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.image_names import release_of, tagged
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import NoValue
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import (
    Decrypt,
    SecretsFile,
    add_secret,
    environment_secrets,
    notify_addresses,
    registry_password,
    vault_of,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import LOCALHOST, Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load
from ansible_collections.luma.deploy.plugins.plugin_utils.page.file import begin_report

ENGINE_SOCKET = "/var/run/docker.sock"
Entry = dict[str, Any]


class ActionModule(ActionBase):
    """Returns what the playbooks need of luma.yml. Nothing is contacted but the engine's socket on this machine."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            {
                "file": {"type": "str", "default": "luma.yml"},
                "apps": {"type": "list", "elements": "str", "default": []},
                "services": {"type": "str", "choices": ["none", "with", "only", "named"], "default": "none"},
                "backups": {"type": "str", "choices": ["none", "one", "several"], "default": "none"},
                "whole": {"type": "bool", "default": False},
                "announce": {"type": "bool", "default": False},
                "make_secret": {"type": "bool", "default": False},
                "removal": {"type": "bool", "default": False},
                "only_hosts": {"type": "list", "elements": "str", "default": []},
                "release": {"type": "str", "default": ""},
                "only_built": {"type": "bool", "default": False},
                "probe": {"type": "bool", "default": False},
                "report_file": {"type": "path", "default": ""},
            }
        )
        inventory = inventory_of(task_vars or {})
        try:
            project = load(arguments["file"], vault_of(self._loader), inventory, may_be_empty=arguments["removal"])
            services: list[Entry] = []
            owners: dict[str, None] = {}
            if arguments["removal"]:
                whole_apps = [app_to_remove(project, arguments["apps"], arguments["only_hosts"], inventory)]
                apps = whole_apps[0]["processes"] or whole_apps
            else:
                apps, services = chosen(project, arguments["apps"], arguments["services"], arguments["whole"])
                if arguments["backups"] != "none":
                    services = backed_up(services, arguments["apps"], project["folder"])
                owners = dict.fromkeys(app["app"] for app in apps)
                whole_apps = with_images([project["whole_apps"][name] for name in owners], arguments)
                apps = [app for app in apps if app["app"] in {whole["name"] for whole in whole_apps}]
            told = [] if arguments["removal"] else only_on(arguments["only_hosts"], apps, services, whole_apps)
            if arguments["backups"] == "one":
                refuse_several(services)
            # What runs elsewhere is of no concern to an app that is named.
            all_meant = not (apps and arguments["apps"]) or arguments["services"] == "named"
            concerned = [*apps, *services] if all_meant else apps
            hosts = sorted({host for entry in concerned for host in entry["hosts"]})
            refuse_unreachable(hosts, inventory, project["file"])
            if not arguments["only_built"]:
                refuse_what_is_not_linux(hosts, (task_vars or {}).get("hostvars", {}))
            made = make_acme_secret(project, apps) if arguments["make_secret"] and not self._task.check_mode else []
            if arguments["make_secret"]:
                refuse_without_values(project["file"], apps, services, vault_of(self._loader))
                refuse_build_without_values(project["file"], whole_apps)
                if project["notify"] and whole_apps:
                    notify_addresses(project["file"], vault_of(self._loader))
            report_file = begin_report(arguments["report_file"], arguments["probe"], self._task.check_mode)
        except (InvalidFile, NoValue) as exc:
            return result | {"failed": True, "invalid_input": True, "msg": str(exc)}
        return result | {
            "changed": False,
            **{key: project[key] for key in ("project", "folder", "file", "proxy", "notify", "warnings")},
            "apps": apps if arguments["removal"] else with_release(apps, whole_apps),
            "whole_apps": whole_apps,
            "named_apps": [app["name"] for app in whole_apps if app["name"] in (arguments["apps"] or owners)],
            "app_hosts": {name: app["hosts"] for name, app in project["apps"].items()},
            "services": services,
            "service_names": list(project["services"]),
            "hosts": hosts,
            "service_hosts": service_hosts(hosts, services),
            "run": identity(os.getppid()),
            "report_file": report_file,
            "engine_missing": LOCALHOST in hosts and not engine_listens(),
            "report": [*(announcement(whole_apps) + told if arguments["announce"] else []), *made],
        }


def inventory_of(task_vars: dict[str, Any]) -> Inventory:
    groups = task_vars.get("groups", {})
    return Inventory(groups.get("all", ()), groups)


def chosen(project: dict[str, Any], names: list[str], services: str, whole: bool) -> tuple[list[Entry], list[Entry]]:
    """The apps and the services that are meant. With ``services`` `only`, names are those of services, and there are no
    apps; `with`, they are those of apps, and there are all services; `named`, they are those of either. Without a name
    all are meant. The name of an app with processes means all of them; ``whole``: the name of one alone is refused."""
    if services == "only":
        refuse_unknown("service", project["services"], names)
        return [], of_these(project["services"], names)
    either = project["services"] if services == "named" else {}
    kind = "app or service" if either else "app"
    for process in (project["apps"][name] for name in names if whole and name in project["apps"]):
        if process["app"] != process["name"]:
            raise InvalidFile(
                f"{process['name']} is a process of {process['app']}, whose processes are one release: name "
                f"{process['app']} instead"
            )
    refuse_unknown(kind, {**project["whole_apps"], **({} if whole else project["apps"]), **either}, names)
    names = members_named(project, names)
    apps = of_these(project["apps"], names)
    if services == "named":
        return apps, of_these(project["services"], names)
    return apps, list(project["services"].values()) if services == "with" else []


def members_named(project: dict[str, Any], names: list[str]) -> list[str]:
    """The names, with that of an app replaced by those of its processes."""
    members = {name: [each["name"] for each in app["processes"]] for name, app in project["whole_apps"].items()}
    return list(dict.fromkeys(member for name in names for member in members.get(name) or [name]))


def of_these(entries: dict[str, Entry], names: list[str]) -> list[Entry]:
    """The entries with these names, in the order of the names; all without one."""
    return [entries[name] for name in names or entries if name in entries]


def refuse_unknown(kind: str, entries: dict[str, Entry], names: list[str]) -> None:
    for name in names:
        if name not in entries:
            near = difflib.get_close_matches(name, list(entries), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(entries) or 'none'}"
            raise InvalidFile(f"There is no {kind} {name} in luma.yml; {hint}")


def service_hosts(hosts: list[str], services: list[Entry]) -> list[str]:
    """Those of the hosts that a run is about which services go to: what runs elsewhere is left alone."""
    return [host for host in hosts if any(host in service["hosts"] for service in services)]


def refuse_unreachable(hosts: list[str], inventory: Inventory, file: str) -> None:
    """Ansible goes only to hosts of its inventory, and to this machine."""
    missing = [host for host in hosts if host not in inventory.hosts and host != LOCALHOST]
    if missing:
        raise InvalidFile(f"{', '.join(missing)}: not in Ansible's inventory; add {file} to it: -i {file}")


def refuse_what_is_not_linux(hosts: list[str], variables: Mapping[str, Mapping[str, Any]]) -> None:
    """A host that is this machine runs what is deployed. Raises `InvalidFile`."""
    system = platform.system()
    if system == "Linux":
        return
    here = [host for host in hosts if variables.get(host, {}).get("ansible_connection") == "local"]
    if here:
        name = "macOS" if system == "Darwin" else system
        raise InvalidFile(
            f"{', '.join(here)} is this machine, which runs {name}. luma deploys to Linux: name the servers in "
            "luma.yml, such as servers: [web1.example.com], or a virtual machine that ssh reaches"
        )


def with_images(apps: list[Entry], arguments: dict[str, Any]) -> list[Entry]:
    """The apps with the names of the images that they are to run. Raises `InvalidFile`."""
    if arguments["only_built"]:
        return [released(app) for app in of_these_built(apps, arguments["apps"])]
    if not arguments["release"]:
        return [released(app) for app in apps]
    if arguments["services"] == "only":
        raise InvalidFile("A service has no releases: leave out --release or --services")
    return built_as(arguments["release"], apps, arguments["apps"])


def of_these_built(apps: list[Entry], named: list[str]) -> list[Entry]:
    """The apps that are built. Raises `InvalidFile` if there is none, or if others are ``named``."""
    built = [app for app in apps if app["build"]]
    others = [app["name"] for app in apps if not app["build"]]
    if others and (named or not built):
        raise InvalidFile(f"Nothing is built of {', '.join(others)}: luma.yml gives an image instead of build")
    return built


def released(app: Entry) -> Entry:
    """An app that is built gets a release, which is the tag of its image."""
    if not app["build"]:
        return app
    release = release_of(app["build"]["context"])
    return app | {"release": release, "image": tagged(app["image"], release)}


def only_on(wanted: list[str], apps: list[Entry], services: list[Entry], whole_apps: list[Entry]) -> list[str]:
    """Leaves only these of their hosts to all entries; with none of them an entry is out. Returns what that means.
    Raises `InvalidFile`."""
    if not wanted:
        return []
    known = {host for entry in (*apps, *services) for host in entry["hosts"]}
    for host in wanted:
        if host not in known:
            raise InvalidFile(f"{host} is no host of what is deployed; there are: {', '.join(sorted(known))}")
    everywhere = {app["name"]: app["hosts"] for app in whole_apps}
    for whole in whole_apps:
        whole["processes"] = [each for each in whole["processes"] if set(each["hosts"]) & set(wanted)]
    for entries in (apps, services, whole_apps):
        for entry in entries:
            entry["hosts"] = [host for host in entry["hosts"] if host in wanted]
        entries[:] = [entry for entry in entries if entry["hosts"]]
    left = {app["name"]: [host for host in everywhere[app["name"]] if host not in wanted] for app in whole_apps}
    return [
        f"⚠️ Only a part of the hosts of {name} is deployed: {', '.join(hosts)} stay as they are, and users may get two "
        f"releases until you run: luma deploy {name}"
        for name, hosts in left.items()
        if hosts
    ]


def with_release(apps: list[Entry], whole_apps: list[Entry]) -> list[Entry]:
    """What is built for an app is what all of its processes run. They are changed in the whole app, too."""
    members: dict[str, Entry] = {}
    for whole in whole_apps:
        built = {key: whole[key] for key in ("image", "release")}
        whole["processes"] = [process | built for process in whole["processes"]]
        members |= {process["name"]: process for process in whole["processes"] or [whole]}
    return [members[app["name"]] for app in apps]


def announcement(apps: list[Entry]) -> list[str]:
    return [f"Starting blue-green deployment for {app['name']}..." for app in apps]


def make_acme_secret(project: dict[str, Any], apps: list[Entry]) -> list[str]:
    """Makes the secret of which the keys of all certificates are made, where it is needed and missing. Returns what is
    to be said."""
    need = [app for app in apps if app["https"] and not app["https"]["certificate"]]
    secrets = SecretsFile.beside(project["file"])
    if not need or ACME_SECRET in secrets.values:
        return []
    for app in need:
        # Hosts that have keys already keep them.
        app["https"]["fresh"] = True
    try:
        add_secret(project["file"], ACME_SECRET, new_secret(), "The keys of all certificates are made of it.")
    except OSError as exc:
        raise InvalidFile(
            f"{secrets.path}: the secret {ACME_SECRET} is missing, and could not be added: {exc.strerror}. Add a line "
            f"{ACME_SECRET}=... with what this prints: openssl rand -base64 32"
        ) from exc
    return [
        f"Made {ACME_SECRET} in {secrets.path}: the keys of all certificates follow from it. Keep it with your other "
        "secrets, such as those of your CI"
    ]


def refuse_without_values(file: str, apps: list[Entry], services: list[Entry], decrypt: Decrypt) -> None:
    """Asks for all secrets that are needed, before anything is contacted. Raises `NoValue`."""
    secrets = SecretsFile.beside(file).values
    if all(map(secrets.is_here, secrets)):
        return
    for app in apps:
        environment_secrets(file, "apps", app["name"], decrypt)
        registry_password(file, "apps", app["name"], decrypt)
        if (app["https"] or {}).get("key"):
            secrets[app["https"]["key"]]
    for service in services:
        environment_secrets(file, "services", service["name"], decrypt)
        registry_password(file, "services", service["name"], decrypt)


def refuse_build_without_values(file: str, whole_apps: list[Entry]) -> None:
    """Asks for the secrets of what is built now. Raises `NoValue`."""
    secrets = SecretsFile.beside(file).values
    for app in whole_apps:
        if app["build"] and not app["build"].get("existing"):
            for name in app["build"]["secrets"].values():
                secrets[name]


def engine_listens() -> bool:
    """Whether an engine accepts connections on this machine; one that DOCKER_HOST names is the user's own affair."""
    if os.environ.get("DOCKER_HOST"):
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        return connection.connect_ex(ENGINE_SOCKET) == 0
