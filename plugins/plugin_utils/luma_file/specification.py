# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma.yml says, ready for the roles: the specifications of its apps and services, and all of its mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.host.registries import NEVER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import example_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file import notify, schedule
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.builds import build_mistakes, build_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.consistency import Consistency, hosts_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.former_secrets import former_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.https import HttpsFile, share_certificates
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.image_names import home_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import Content, path_beside
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.overlay import environment, file_over
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.placement import Placement
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.processes import Member, members
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.reader import Reader
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.routes import (
    ROUTE_KEYS_OF_PROXY,
    login_mistakes,
    pages_in,
    probe_path,
    route_of,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.runtime import runtime_of, without_runtime
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import LUMA_YML, REGISTRY_PASSWORD
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import (
    Decrypt,
    SecretsFile,
    environment_of,
    no_vault,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.text import shown_path

NO_OVERLAP = (
    "an app with proxy.hosts is never stopped before its successor serves; overlap is for processes without a route"
)


def load(
    file: str, decrypt: Decrypt = no_vault, inventory: Inventory | None = None, may_be_empty: bool = False
) -> dict[str, Any]:
    """Reads luma.yml and the secrets beside it.

    Returns ``project``, ``folder`` and ``file`` (absolute), ``proxy``, ``ssh``, ``warnings``, ``notify`` (whether it
    names anybody), and three maps by name of what the roles take: ``apps`` has all that runs by colors, each process of
    an app by itself; ``whole_apps`` what is deployed as one, with ``processes``, the specifications of its processes,
    if there are any; and ``services``. With an inventory each of them has ``hosts``, and a server that is no host is a
    mistake, and so is a file without any of them, unless it ``may_be_empty``. Raises `InvalidFile` with every
    mistake."""
    reader = Reader(shown_path(file), decrypt)
    read = reader.read(LUMA_YML)
    project = Project(file, reader, read)
    apps = {member.name: project.app(member) for member in project.members}
    services = {name: project.service(name, service) for name, service in read["services"].items()}
    project.check(may_be_empty)
    if inventory:
        Placement(reader, read, project.members, inventory).assign({"apps": apps, "services": services})
    share_certificates(apps)
    mistakes = [*reader.lines(), *project.secrets.mistakes]
    if mistakes:
        raise InvalidFile("\n".join(mistakes))
    return {
        "project": project.name,
        "folder": str(project.folder),
        "file": str(project.folder / Path(file).name),
        "proxy": {key: value for key, value in read["proxy"].items() if key not in ROUTE_KEYS_OF_PROXY},
        "ssh": project.ssh(),
        "apps": apps,
        "whole_apps": {name: project.whole_app(name, apps) for name in read["apps"]},
        "services": services,
        # Not who: a URL may be a secret.
        "notify": bool(read["notify"]),
        "warnings": [
            *project.secrets.warnings,
            *former_secrets(read, project.members, project.secrets),
            *project.warnings,
        ],
    }


class Project:
    """Turns what was read into specifications. What is wrong with more than one value goes to the reader's mistakes."""

    def __init__(self, file: str, reader: Reader, read: dict[str, Any]) -> None:
        self.reader = reader
        self.read = read
        self.folder = Path(file).absolute().parent
        self.secrets = SecretsFile.beside(reader.file)
        self.https = HttpsFile(read["proxy_options"], read["proxy"], self.secrets, self.folder)
        self.warnings: list[str] = []
        self.name = self._project_name(read["name"] or _name_of(self.folder))
        self.members = members(read["apps"])

    def _project_name(self, name: str) -> str:
        """An environment is a project of its own, so that several can share a host."""
        over = file_over(self.reader.file)
        own = over and self._has("name") and self.reader.places["name"].name == over
        return f"{name}-{environment()}" if over and not own else name

    # --- specifications -----------------------------------------------------------------------------------------

    def app(self, member: Member) -> dict[str, Any]:
        path, app = member.app_path, member.entry
        if not app["image"] and not app["build"] and not self._has(f"{path}.image"):
            self.reader.refuse(path, "has neither image nor build: it needs one of them")
        proxied = {**app["proxy"], "hosts": hosts_of(app)} if hosts_of(app) else None
        default = f"{self.name}-{member.app}"
        https = self._https(member.place_of("proxy"), proxied) if proxied else None
        if proxied and not app["overlap"]:
            self.reader.refuse(member.place_of("overlap"), NO_OVERLAP)
        for key, text in schedule.mistakes(app) if app["schedule"] else ():
            self.reader.refuse(member.place_of(key), text)
        hooks = _overridden(self.read["hooks"], app["hooks"])
        streams = app["stream_drain_timeout"]
        common = self._common(path, member.name, {**app, "image": app["image"] or default}, built=bool(app["build"]))
        return (
            without_runtime({key: value for key, value in app.items() if key != "processes"})
            | common
            | {
                "app": member.app,
                "release": None,
                # What is built and belongs to no registry is on the controller only.
                "pull": NEVER if app["build"] and not common["registry"] else app["pull"],
                "build": app["build"] and self._build(path, app["build"], common),
                "proxied": proxied is not None,
                "route": proxied and self._route(member.place_of("proxy"), proxied, https is not None),
                "https": https,
                "health_check": (check := _health_check(app, https is not None)),
                "probe_path": probe_path(proxied, check.get("path", "/")) if proxied else None,
                "deploy": _overridden(self.read["deploy"], app["deploy"]),
                # Nothing of it is started by a deployment.
                "overlap": app["overlap"] or bool(app["schedule"]),
                "stream_drain_timeout": app["drain_timeout"] if streams is None else streams,
                "releases": self.read["releases"],
                # An empty command takes away what is for all apps.
                "hooks": {hook: command or None for hook, command in hooks.items()},
            }
        )

    def whole_app(self, name: str, apps: dict[str, Any]) -> dict[str, Any]:
        """What is deployed as one: an app, or with ``processes`` what they share."""
        app = self.read["apps"][name]
        if not app["processes"]:
            return apps[name] | {"processes": []}
        processes = [spec for spec in apps.values() if spec["app"] == name]
        hosts = list(dict.fromkeys(host for spec in processes for host in spec.get("hosts", ())))
        return self.app(Member(name, f"apps.{name}", name, app)) | {"processes": processes, "hosts": hosts}

    def _route(self, place: str, proxied: dict[str, Any], ssl: bool) -> dict[str, Any]:
        for key, text in login_mistakes(proxied["basic_auth"], self.secrets):
            self.reader.refuse(f"{place}.{key}", text)
        pages = dict[str, str]()
        try:
            pages = pages_in(self._path(proxied["error_pages"])) if proxied["error_pages"] is not None else {}
        except ValueError as exc:
            self.reader.refuse(f"{place}.error_pages", str(exc))
        return route_of(proxied, self.read["proxy"], ssl, pages)

    def _https(self, path: str, proxied: dict[str, Any]) -> dict[str, Any] | None:
        https = self.https.of(proxied["hosts"], proxied["ssl"])
        mistakes = self.https.mistakes(https, path) if https else []
        for place, text in mistakes:
            self.reader.refuse(place, text)
        if https and not mistakes:
            self.warnings += [f"{self.reader.file}: {text}" for text in self.https.warnings(https, path)]
        return https

    def service(self, name: str, service: dict[str, Any]) -> dict[str, Any]:
        path = f"services.{name}"
        if not service["image"] and not self._has(f"{path}.image") and not self._has(f"{path}.build"):
            self.reader.refuse(path, "has no image")
        common = self._common(path, name, service | {"image": service["image"] or name}, built=False)
        check = {key: value for key, value in service["health_check"].items() if value is not None}
        return without_runtime(service) | common | {"health_check": check}

    def ssh(self) -> dict[str, Any]:
        ssh: dict[str, Any] = self.read["ssh"]
        return ssh | {"key_file": ssh["key_file"] and self._path(ssh["key_file"])}

    def _common(self, path: str, name: str, entry: Mapping[str, Any], built: bool) -> dict[str, Any]:
        """What apps and services have in common."""
        image, registry = self._home(path, entry, built)
        kind, _dot, _name = path.partition(".")
        environment = environment_of(kind, self.read, entry)
        plain = environment["plain"]
        filled_in = [key for key, value in plain.items() if value.secret]
        return {
            "project": self.name,
            "name": name,
            "image": image,
            "registry": registry,
            "environment": {key: value.text for key, value in plain.items() if not value.secret},
            # The names of the variables whose values are secret: given as secrets, or from the environment or a vault.
            "secrets": sorted({*filled_in, *environment["secret"]}),
            "files": self._files(path, entry),
            "runtime": runtime_of(entry),
        }

    def _home(self, path: str, entry: Mapping[str, Any], built: bool) -> tuple[str, dict[str, str | None] | None]:
        own, docker = entry["registry"], self.read["docker"]
        try:
            image, registry = home_of(entry["image"], built, own, docker)
        except ValueError as exc:
            self.reader.refuse(f"{path}.registry.url", str(exc))
            return entry["image"], None
        secret = own["password_secret"] if own else REGISTRY_PASSWORD
        if registry and registry["username"] and secret not in self.secrets.values:
            place = f"{path}.registry" if own else "docker.username"
            self.reader.refuse(place, f"the password is missing: {self.secrets.add_line(secret)}")
        if registry and not registry["username"] and self._has(f"{path}.registry.password_secret"):
            self.reader.refuse(f"{path}.registry", "has a password, but no username")
        return image, registry

    def _check_secrets(self, path: str, environment: dict[str, Any]) -> None:
        for key, place in self._refuse_missing(f"{path}.secret", environment["secret"]).items():
            if key in environment["plain"]:
                self.reader.refuse(place, f"{key} is in plain as well")

    def _refuse_missing(self, path: str, names: Mapping[str, str]) -> dict[str, str]:
        """Refuses secrets that have no value; returns the place of each."""
        places = {}
        for index, (key, name) in enumerate(names.items()):
            places[key] = f"{path}[{index}]" if self._has(f"{path}[{index}]") else f"{path}.{key}"
            if name not in self.secrets.values:
                self.reader.refuse(places[key], self.secrets.missing(name))
        return places

    def _build(self, path: str, build: dict[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
        made = build_of(build, self.folder, common["image"])
        for key, text in build_mistakes(build, made, bool(common["registry"])):
            self.reader.refuse(f"{path}.build.{key}", text)
        self._refuse_missing(f"{path}.build.secrets", build["secrets"])
        return made

    def _files(self, path: str, entry: Mapping[str, Any]) -> list[dict[str, str]]:
        """The files that hosts get, each with the digest of what it has now."""
        mounted = [volume.split(":")[1] for volume in entry["volumes"] if ":" in volume]
        files = []
        for index, (given, target, access) in enumerate(entry["files"]):
            place, source = f"{path}.files[{index}]", self._path(given)
            if target in mounted:
                self.reader.refuse(place, f"{target} is mounted already")
            mounted.append(target)
            try:
                digest = Content.read(source, access).digest
            except ValueError as exc:
                self.reader.refuse(place, str(exc))
            else:
                files.append({"source": source, "target": target, "access": access, "digest": digest})
        return files

    def _path(self, path: str) -> str:
        return path_beside(self.folder, path)

    def _has(self, path: str) -> bool:
        return path in self.reader.places

    # --- what concerns several entries --------------------------------------------------------------------------

    def check(self, may_be_empty: bool) -> None:
        if not self.members and not self.read["services"] and not may_be_empty and not self.reader.mistakes:
            self.reader.refuse("", "there is no app in it; the smallest is: apps: {blog: {image: my-blog}}")
        for path, said in _environments(self.read):
            self._check_secrets(path, said)
        for index, name in enumerate(self.read["notify"]):
            if notify.is_secret(name) and (text := notify.mistake(name, self.secrets)):
                self.reader.refuse(f"notify[{index}]", text)
        Consistency(self.reader, self.read, self.members, self.name).check()


def _environments(read: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every environment of the file, by its path."""
    yield "environment", read["environment"]
    for kind in ("apps", "services"):
        for name, entry in read[kind].items():
            yield f"{kind}.{name}.environment", entry["environment"]
            for process, own in entry.get("processes", {}).items():
                yield f"{kind}.{name}.processes.{process}.environment", own["environment"]


def _name_of(folder: Path) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", folder.name.lower()).strip("_.-") or "luma"


def _overridden(for_all: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Settings for all apps, with an app's own in their place, key by key."""
    return for_all | {key: value for key, value in own.items() if value is not None}


def _health_check(app: Mapping[str, Any], https: bool) -> dict[str, Any]:
    """An app that listens on a port is asked for a path, unless a command is given; what has neither is left to the
    image's own HEALTHCHECK."""
    check, proxy = dict(app["health_check"]), app["proxy"]
    if not check["command"] and (check["path"] or proxy):
        check["path"] = check["path"] or "/up"
        check["port"] = proxy["app_port"] if proxy else 80
        check["https"] = https
        check["host"] = check["host"] or (example_of(proxy["hosts"][0]) if proxy and proxy["hosts"] else "localhost")
    return {key: value for key, value in check.items() if value is not None}
