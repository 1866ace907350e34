# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's plugin buildx for a test, of Debian's package, and servers as its builders."""

from __future__ import annotations

import contextlib
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.host import ROOT, docker
from tests.testbed.servers import SSH_KEY, Server

IMAGE = "luma-test/buildx"
PLUGIN = "/usr/libexec/docker/cli-plugins/docker-buildx"


def docker_config(folder: Path) -> Path:
    """A folder for DOCKER_CONFIG in which docker finds buildx. The package is fetched once."""
    subprocess.run([ROOT / "examples" / "debian-image", IMAGE, "trixie", "docker-buildx"], stdout=2, check=True)
    plugins = folder / "cli-plugins"
    plugins.mkdir()
    container = docker("create", IMAGE, "true")
    try:
        docker("cp", f"{container}:{PLUGIN}", str(plugins))
    finally:
        docker("rm", container)
    return folder


def with_ssh(folder: Path) -> str:
    """A PATH on which ssh knows the key of the tests' servers, as docker calls it without options."""
    script = folder / "ssh"
    options = f"-i {SSH_KEY} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    script.write_text(f'#!/bin/sh\nexec /usr/bin/ssh {options} "$@"\n')
    script.chmod(0o700)
    return f"{folder}:{os.environ['PATH']}"


@contextlib.contextmanager
def builder(name: str, server: Server, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A builder of buildx: the BuildKit in a server's engine, at the socket of a relay to it."""
    environment = {**os.environ, **environment}
    host = f"host=ssh://root@127.0.0.1:{server.port(22)}"
    subprocess.run(["docker", "context", "create", name, "--docker", host], env=environment, check=True)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            command = ["docker", "--context", name, "buildx", "dial-stdio"]
            subprocess.run(command, stdin=self.request, stdout=self.request, env=environment, check=False)

    address = folder / "buildkit.sock"
    with socketserver.ThreadingUnixStreamServer(str(address), Relay) as relay:
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        create = ["docker", "buildx", "create", "--name", f"{name}-builder", "--driver", "remote", f"unix://{address}"]
        subprocess.run(create, env=environment, check=True)
        try:
            yield
        finally:
            relay.shutdown()
