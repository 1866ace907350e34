# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma.yml says of how an app is reached through luma-proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.proxy.pages import CLASSES, MAINTENANCE, STATUSES
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile

ROUTE_KEYS = (
    "hosts",
    "app_port",
    "path_prefix",
    "strip_path_prefix",
    "response_timeout",
    "stream_timeout",
    "hold",
    "ssl_redirect",
    "hsts",
    "basic_auth",
    "sticky",
)
#: What `proxy` says of every route, and not of the proxy's container.
ROUTE_KEYS_OF_PROXY = ("keep_alive",)

NOT_LOGINS = "has to be USER:PASSWORD; several are lines of one value"

#: A page has to fit into one of HAProxy's buffers (`tune.bufsize`), with its headers.
LARGEST_PAGE = 64 * 1024


def login_mistakes(names: Sequence[str], secrets: SecretsFile) -> Iterator[tuple[str, str]]:
    """What is wrong with the secrets of ``basic_auth``, each with the key of the app's ``proxy`` that it is told of."""
    for index, name in enumerate(names):
        if name not in secrets.values:
            yield f"basic_auth[{index}]", secrets.missing(name, "USER:PASSWORD")
        elif secrets.values.is_here(name) and not are_logins(secrets.values[name]):
            yield f"basic_auth[{index}]", f"the secret {name} {NOT_LOGINS}"


def pages_in(path: str) -> dict[str, str]:
    """The pages of the folder ``error_pages`` that the proxy has a use for, by what they are for; other files of it are
    the app's own. Raises `ValueError`."""
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    files = {each: folder / f"{each}.html" for each in (*STATUSES, *CLASSES, MAINTENANCE)}
    pages = {each: _page(file) for each, file in files.items() if file.is_file()}
    if not pages:
        names = ", ".join(f"{each}.html" for each in ("503", *CLASSES, MAINTENANCE))
        raise ValueError(f"{folder} has no page, such as {names}")
    return pages


def _page(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as exc:
        raise ValueError(f"{file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ValueError(f"{file} is not a text in UTF-8") from exc
    if not text or len(text.encode()) > LARGEST_PAGE:
        raise ValueError(f"{file} is empty, or larger than {LARGEST_PAGE // 1024} KB")
    return text


def are_logins(secret: str) -> bool:
    """Whether each line of a secret's value is USER:PASSWORD."""
    lines = logins_of(secret)
    return bool(lines) and all(user and password for user, _colon, password in (line.partition(":") for line in lines))


def logins_of(secret: str) -> list[str]:
    return [line.strip() for line in secret.splitlines() if line.strip()]


def route_of(
    proxied: Mapping[str, Any], of_all: Mapping[str, Any], ssl: bool, pages: Mapping[str, str]
) -> dict[str, Any]:
    """The option ``route`` of the modules; ``of_all`` is the file's own ``proxy``."""
    # A list of those whose headers are trusted, or whether all are.
    forward = proxied["forward_headers"]
    return {key: proxied[key] for key in ROUTE_KEYS} | {
        **{key: of_all[key] for key in ROUTE_KEYS_OF_PROXY},
        "forward_headers": bool(forward),
        "forward_from": forward if isinstance(forward, list) else [],
        "allow": proxied["allow"],
        "max_body": proxied["max_body"] or 0,
        "redirects": {name: target.text for name, target in proxied["redirects"].items()},
        "error_pages": pages,
        "ssl": ssl,
        "own_certificate": True,
    }


def probe_path(proxied: Mapping[str, Any], path: str) -> str:
    """A path by which visitors get an answer of the app, like that of its health check, which is asked behind the
    proxy."""
    for prefix in proxied["path_prefix"][:1]:
        return f"{prefix}{path}" if proxied["strip_path_prefix"] else path if path.startswith(f"{prefix}/") else prefix
    return path
