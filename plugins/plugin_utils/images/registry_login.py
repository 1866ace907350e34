# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs a build in to a registry: ``docker buildx`` pulls and pushes by itself, and takes no login in a request as the
engine does. The password is only in the environment of the build, from which a credential helper reads it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible import constants
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import DOCKER_HUB, Registry, registry_of

HELPER = "luma"
VARIABLE = "LUMA_REGISTRY_LOGIN"
#: Docker runs `docker-credential-luma get`, with the registry's name as its input.
SCRIPT = f"""#!/bin/sh
cat >/dev/null
[ "$1" = get ] || exit 1
printf '%s' "${VARIABLE}"
"""
#: What Docker calls its Hub when it looks for a login.
NAMES_OF_HUB = ("https://index.docker.io/v1/", "index.docker.io", DOCKER_HUB)


@contextlib.contextmanager
def login_of(registry: Registry | None) -> Iterator[dict[str, str]]:
    """The variables with which docker logs in to this registry, besides all that the user's own configuration has; none
    without a registry. They are valid until the end."""
    if not registry:
        yield {}
        return
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    server = registry_of(f"{registry.server or DOCKER_HUB}/image")
    login = {"ServerURL": server, "Username": registry.username, "Secret": registry.password}
    with tempfile.TemporaryDirectory(prefix="login-", dir=constants.DEFAULT_LOCAL_TMP) as name:
        folder = Path(name)
        # Plugins, contexts and builders are the user's.
        for entry in own.iterdir() if own.is_dir() else ():
            if entry.name != "config.json":
                (folder / entry.name).symlink_to(entry)
        _write_config(folder, own / "config.json", NAMES_OF_HUB if server == DOCKER_HUB else (server,))
        yield {
            "DOCKER_CONFIG": name,
            "PATH": os.pathsep.join([name, os.environ.get("PATH", os.defpath)]),
            VARIABLE: json.dumps(login),
        }


def _write_config(folder: Path, own: Path, servers: tuple[str, ...]) -> None:
    """The user's configuration, which asks the helper about these registries."""
    config = json.loads(own.read_text(encoding="utf-8")) if own.exists() else {}
    config["credHelpers"] = config.get("credHelpers", {}) | dict.fromkeys(servers, HELPER)
    (folder / "config.json").touch(mode=0o600)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    script = folder / f"docker-credential-{HELPER}"
    script.write_text(SCRIPT, encoding="ascii")
    script.chmod(0o700)
