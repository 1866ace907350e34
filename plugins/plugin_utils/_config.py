# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma.yml: its schema, its defaults, and what it says about the apps, ready for the roles."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils._yaml import (
    InvalidFile,
    Named,
    Reader,
    Section,
    Value,
)

COMMANDS = (
    "audit", "deploy", "exec", "help", "init", "lock", "logs", "proxy", "prune", "releases", "rollback", "setup",
    "status",
)  # fmt: skip
ROUTE_KEYS = ("hosts", "app_port", "response_timeout", "forward_headers")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def string(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("has to be a text")
    return str(value)


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("has to be true or false")
    return value


def port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError("has to be a port: a number from 1 to 65535")
    return value


def positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("has to be a whole number, 1 or more")
    return value


def duration(value: Any) -> float:
    """``500ms``, ``5s``, ``1m``, ``1h`` or a number of seconds, as seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", value) if isinstance(value, str) else None
    if not found:
        raise ValueError("has to be a duration such as 500ms, 5s or 1m, or a number of seconds")
    return float(found[1]) * UNITS[found[2] or "s"]


def strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(_is_scalar(item) for item in value):
        raise ValueError("has to be a list of texts")
    return [str(item) for item in value]


def environment(value: Any) -> dict[str, str]:
    """``["K=V"]`` or a map. YAML's numbers and booleans are taken as they would be written in a shell."""
    if isinstance(value, dict) and all(_is_scalar(item) or item is None for item in value.values()):
        return {str(key): _shell_text(item) for key, item in value.items()}
    if not isinstance(value, list) or not all(isinstance(item, str) and "=" in item for item in value):
        raise ValueError('has to be a map, or a list of texts like "KEY=VALUE"')
    return dict(item.split("=", 1) for item in value)


def command(value: Any) -> list[str]:
    """A list, or one text that is split into words as a shell does."""
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as exc:
            raise ValueError(f"cannot be split into words: {exc}") from exc
    return strings(value)


def servers(value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else strings(value)
    if [name for name in names if name != "localhost"]:
        raise ValueError("only localhost is supported so far")
    return names


def path(value: Any) -> str:
    text = string(value)
    # It becomes a word of HAProxy's configuration and of a request line.
    if not re.fullmatch(r"/[!-~]*", text):
        raise ValueError("has to be a path such as /up, without spaces")
    return text


def host_names(value: Any) -> list[str]:
    names = strings(value)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name):
            raise ValueError(f"{name} is not a host name")
    return names


def published_ports(value: Any) -> list[str]:
    ports = strings(value)
    for item in ports:
        if not re.fullmatch(r"(?:(?:[\d.]+|\[[0-9a-fA-F:]+\]):)?(?:\d*(?:-\d+)?:)?\d+(?:/(?:tcp|udp|sctp))?", item):
            raise ValueError(f'{item} is not a published port such as "3000", "8080:3000" or "8080-8083:3000/tcp"')
    return ports


def project_name(value: Any) -> str:
    name = string(value)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
        raise ValueError("has to begin with a letter or digit and hold only a-z, 0-9, _, . and -")
    return name


def app_name(name: str) -> None:
    # It is a DNS name (the alias), a part of container names, and the first word of a command line.
    if not re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", name):
        raise ValueError("an app's name has to hold only a-z, 0-9, - and _, at most 63")
    if name in COMMANDS:
        raise ValueError(f"an app cannot be called like the command luma {name}")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float))


def _shell_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


APP = Section(
    {
        "image": Value(string),
        "build": Section(
            {
                "context": Value(string, "."),
                "dockerfile": Value(string, "Dockerfile"),
                "prepare": Value(command),
            },
            optional=True,
        ),
        "servers": Value(servers, aliases=("server",)),
        "replicas": Value(positive, 1),
        "command": Value(command, []),
        "environment": Section({"plain": Value(environment, {})}),
        "ports": Value(published_ports, []),
        "volumes": Value(strings, []),
        "health_check": Section(
            {
                "path": Value(path, aliases=("http_path",)),
                "command": Value(command),
                "interval": Value(duration, 1.0),
                "timeout": Value(duration, 5.0),
                "retries": Value(positive, 30),
                "start_period": Value(duration, 0.0),
            },
            aliases=("healthcheck",),
        ),
        "proxy": Section(
            {
                "hosts": Value(host_names, []),
                "app_port": Value(port, 80),
                "ssl": Value(boolean, False),
                "ssl_redirect": Value(boolean, False),
                "forward_headers": Value(boolean, False),
                "response_timeout": Value(duration, 30.0),
            },
            optional=True,
        ),
        "drain_timeout": Value(duration, 30.0),
        "stop_timeout": Value(duration, 30.0),
    }
)

LUMA_YML = Section(
    {
        "name": Value(project_name),
        "apps": Named(APP, app_name),
        "proxy": Section(
            {
                "image": Value(string),
                "http_port": Value(port),
                "https_port": Value(port),
                "bind": Value(string),
            }
        ),
    }
)


def load(file: str) -> dict[str, Any]:
    """Reads luma.yml. Returns ``project``, ``folder``, ``proxy`` and ``apps``, a map by name of what the roles take;
    raises `InvalidFile` with every mistake."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as exc:
        raise InvalidFile(
            f"{file}: {exc.strerror}. luma reads luma.yml in the current folder, or the file given with -c."
        ) from exc
    except UnicodeDecodeError as exc:
        raise InvalidFile(f"{file}: this is not a text in UTF-8") from exc
    read = Reader(file).read(text, LUMA_YML)
    folder = Path(file).absolute().parent
    project = read["name"] or _project_from(folder)
    if not read["apps"]:
        raise InvalidFile(f"{file}: there is no app in it; the smallest one is: apps: {{blog: {{image: my-blog}}}}")
    apps = {name: _app(project, folder, name, app, file) for name, app in read["apps"].items()}
    _refuse_shared_hosts(file, apps)
    return {"project": project, "folder": str(folder), "proxy": read["proxy"], "apps": apps}


def _project_from(folder: Path) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", folder.name.lower()).strip("_.-") or "luma"


def _app(project: str, folder: Path, name: str, app: dict[str, Any], file: str) -> dict[str, Any]:
    if not app["image"] and not app["build"]:
        raise InvalidFile(f"{file}: apps.{name}: has neither image nor build: it needs one of them")
    proxied = app["proxy"] if app["proxy"] and app["proxy"]["hosts"] else None
    build = app["build"]
    if build:
        build = build | {"folder": str(folder), "context": str(folder / build["context"])}
    return app | {
        "project": project,
        "name": name,
        "image": app["image"] or f"{project}-{name}",
        "build": build,
        "environment": app["environment"]["plain"],
        "volumes": [_absolute_volume(folder, volume) for volume in app["volumes"]],
        "proxied": proxied is not None,
        "route": proxied and {key: proxied[key] for key in ROUTE_KEYS},
        "health_check": _health_check(app),
    }


def _health_check(app: dict[str, Any]) -> dict[str, Any]:
    """An app that listens on a port is asked for a path, unless a command is given; what has neither is left to the
    image's own HEALTHCHECK."""
    check, proxy = dict(app["health_check"]), app["proxy"]
    if not check["command"] and (check["path"] or proxy):
        check["path"] = check["path"] or "/up"
        check["port"] = proxy["app_port"] if proxy else 80
        check["host"] = proxy["hosts"][0] if proxy and proxy["hosts"] else "localhost"
    return {key: value for key, value in check.items() if value is not None}


def _absolute_volume(folder: Path, volume: str) -> str:
    """A relative host path is relative to luma.yml; a word without a slash is a volume's name."""
    source, separator, rest = volume.partition(":")
    if separator and source.startswith((".", "~")):
        source = os.path.normpath(folder / Path(source).expanduser())
    return source + separator + rest


def _refuse_shared_hosts(file: str, apps: dict[str, dict[str, Any]]) -> None:
    owners: dict[str, str] = {}
    for name, app in apps.items():
        for host in app["proxy"]["hosts"] if app["proxy"] else ():
            if owners.setdefault(host.lower(), name) != name:
                raise InvalidFile(f"{file}: apps.{name}.proxy.hosts: {host} belongs to {owners[host.lower()]} already")
