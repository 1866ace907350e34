# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers to deploy to: containers of this machine's engine, each with its own sshd and Docker engine.

    with temporary_server("26.1") as server:
        server.load_images("luma-example/haproxy")
        print(server.run("docker version"), server.inventory_vars, server.port(80))

They come in the engine versions that Debian's releases carry (`ENGINES`), are reached over ssh as root,
and publish ssh and the HTTP ports 80 and 8080 on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
DEBIAN_IMAGE = REPOSITORY / "examples" / "debian-image"
SSH_KEY = REPOSITORY / ".cache" / "testbed" / "id_ed25519"

ENGINES = {"20.10": "bookworm", "26.1": "trixie", "28.5": "sid"}
"""The versions of the engine that a server can have, and the Debian release that each comes from."""

PACKAGES = [
    *("openssh-server", "docker.io", "iptables", "python3", "python3-docker"),
    *("ca-certificates", "cron", "curl", "git", "iproute2", "libfaketime", "mount", "procps"),
]

READY_TIMEOUT = 60.0
"""Seconds until a server or its engine has to answer. It takes about one on an idle machine."""

OWNER_LABEL = "luma.testbed.owner"

PORTS = iter(random.sample(range(20000, 32000), k=12000))
"""The ports that servers are still to be given, each once."""
PORTS_LOCK = threading.Lock()


def build_server_image(engine: str) -> str:
    """Make the image of servers with that engine (a key of `ENGINES`), once; returns its name.

    The first time it takes about a minute, then a moment.
    """
    suite = ENGINES[engine]
    packages = PACKAGES if suite == "bookworm" else [*PACKAGES, "docker-cli"]  # part of docker.io before
    version = hashlib.sha256(" ".join([suite, *packages]).encode()).hexdigest()[:8]
    image = f"luma-testbed/server:{engine}-{version}"
    subprocess.run([DEBIAN_IMAGE, image, suite, *packages], stdout=2, check=True)  # what it says is progress
    _warn_of_another_engine(image, engine)
    return image


@functools.cache
def _warn_of_another_engine(image: str, engine: str) -> None:
    """Debian's releases move on. That is no reason to fail, but whoever reads the tests' names has to know."""
    version = _call("docker", "run", "--rm", "--network=none", image, "dockerd", "--version").strip()
    if not version.startswith(f"Docker version {engine}."):
        warnings.warn(f"{image} has {version}: name in ENGINES what {ENGINES[engine]} has now.", stacklevel=2)


def build_server_images(engines: Iterable[str] = tuple(ENGINES)) -> None:
    """Make the images of servers with those engines, side by side."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(build_server_image, engines))


class Server:
    """The server of that name, which `create_server` has made."""

    def __init__(self, name: str) -> None:
        self.name = name

    def kill(self) -> None:
        """Cut its power."""
        _call("docker", "kill", self.name)

    def start(self) -> None:
        """Boot it after `kill`, with the disk and the ports that it had."""
        _call("docker", "start", self.name)
        self.wait_until_ready()

    def stop_engine(self) -> None:
        """Stop its engine, and with it all of its containers, as `systemctl stop docker` does."""
        self.run("pkill --pidfile /run/docker.pid")
        _wait(lambda: self._answers("test ! -e /run/docker.pid"), f"the engine of {self.name} does not stop")

    def start_engine(self) -> None:
        """Start its engine again after `stop_engine`."""
        # Its output joins that of the first one, in `logs`.
        _call("docker", "exec", "--detach", self.name, "sh", "-c", "exec dockerd >/proc/1/fd/1 2>&1")
        self.wait_until_ready()

    def store_images_in_containerd(self) -> None:
        """Let its engine store images as newer ones do by default; those that it has are not seen any more."""
        self.run(
            """mkdir -p /etc/docker && echo '{"features":{"containerd-snapshotter":true}}' >/etc/docker/daemon.json"""
        )
        self.stop_engine()
        self.start_engine()

    def clear(self) -> None:
        """Remove what its engine has, and what luma and Ansible have left on it: quicker than another server."""
        self.run("docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes")
        self.run("docker system prune --all --force --volumes && rm -rf /var/lib/luma /root/.ansible")

    def remove(self) -> None:
        """Remove it, and all that is on it. It may be gone already."""
        if _call("docker", "ps", "--all", "--quiet", "--filter", f"name=^{self.name}$"):
            _call("docker", "rm", "--force", "--volumes", self.name)

    def wait_until_ready(self) -> None:
        """Wait until its engine and its sshd answer. `start` and `start_engine` do that themselves."""

        def ready() -> bool:
            return self._answers("docker version") and _greets_as_sshd(self.port(22))

        try:
            _wait(ready, f"{self.name} does not get ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{self.logs()}") from None

    # What can be done with it

    def run(self, command: str) -> str:
        """Run a shell command on it as root; returns what it printed.

        :raises subprocess.CalledProcessError: where the command fails; it holds `stdout` and `stderr`.
        """
        return _call("docker", "exec", self.name, "sh", "-c", command)

    def copy(self, source: Path, target: str) -> None:
        """Copy a file or a folder of this machine to where nothing is yet."""
        _call("docker", "cp", str(source), f"{self.name}:{target}")

    def load_images(self, *images: str) -> None:
        """Copy images from this machine's engine into the server's; layers that they share only once."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
            subprocess.run(
                ["docker", "exec", "--interactive", self.name, "docker", "load", "--quiet"],
                stdin=save.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        if save.returncode:
            raise subprocess.CalledProcessError(save.returncode, save.args)

    def logs(self) -> str:
        """What its boot, its sshd and its engine printed."""
        return subprocess.run(
            ["docker", "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout

    # Where it is

    def port(self, port: int) -> int:
        """The port of 127.0.0.1 that leads to this port of the server, which is 22, 80 or 8080."""
        return int(_call("docker", "port", self.name, f"{port}/tcp").split()[0].rpartition(":")[2])

    @property
    def inventory_vars(self) -> dict[str, str | int]:
        """The variables that make it a host of an Ansible inventory."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port(22),
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(SSH_KEY),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def _answers(self, command: str) -> bool:
        try:
            self.run(command)
        except subprocess.CalledProcessError:
            return False
        return True


@contextlib.contextmanager
def temporary_server(engine: str) -> Iterator[Server]:
    """A new server with that engine (a key of `ENGINES`), under a name that no other has, until the end."""
    server = Server(f"luma-server-{engine}-{os.getpid()}-{random.randrange(16**4):04x}")
    try:
        yield create_server(engine, server.name, owner=_this_process())
    finally:
        server.remove()


def create_server(engine: str, name: str, owner: str = "") -> Server:
    """Start a new server with that engine, in place of one that has its name, and wait until it is ready.

    It stays until `Server.remove`; where it has an owner, a process, until `remove_leftovers` after its end.
    """
    image = build_server_image(engine)
    server = Server(name)
    server.remove()
    published = [f"--publish=127.0.0.1:{_free_port()}:{port}" for port in (22, 80, 8080)]
    _call(
        *("docker", "run", "--detach", "--init", "--name", name, "--hostname", name),
        *("--label", f"{OWNER_LABEL}={owner}"),
        # All capabilities but the one that a container's engine may not have itself to give.
        *("--cap-add=ALL", "--cap-drop=SYS_RESOURCE"),
        *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
        *("--tmpfs=/run", "--volume=/var/lib/docker", f"--volume={HERE / 'server-init'}:/server-init:ro"),
        *("--env", f"AUTHORIZED_KEY={_public_key()}"),
        *published,
        *(image, "/server-init"),
    )
    server.wait_until_ready()
    return server


def remove_leftovers() -> None:
    """Remove the servers of test runs on this machine that ended without removing them."""
    host = socket.gethostname()
    listing = _call(
        *("docker", "ps", "--all", "--filter", f"label={OWNER_LABEL}"),
        *("--format", f'{{{{.ID}}}} {{{{.Label "{OWNER_LABEL}"}}}}'),
    )
    for container, _unused, owner in (line.partition(" ") for line in listing.splitlines()):
        if owner.startswith(f"{host}/") and not _is_alive(owner):
            _call("docker", "rm", "--force", "--volumes", container)


def _this_process() -> str:
    return f"{socket.gethostname()}/{os.getpid()}/{_start_time(os.getpid())}"


def _is_alive(owner: str) -> bool:
    _unused, pid, started = owner.split("/")
    return _start_time(int(pid)) == started


def _start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot: tells it from a later one of the same id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _public_key() -> str:
    """The public half of the key to this checkout's servers, made when it is first asked for."""
    if not SSH_KEY.exists():
        SSH_KEY.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SSH_KEY.parent) as folder:
            new = Path(folder, SSH_KEY.name)
            _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(new))
            with contextlib.suppress(FileExistsError):  # another thread or run was quicker
                SSH_KEY.hardlink_to(new)
    return _call("ssh-keygen", "-y", "-f", str(SSH_KEY)).strip()


def _free_port() -> int:
    """A free port below those that outgoing connections take, so that it is still free after a reboot.

    Each is given once: nobody listens yet on that of a server which is being made.
    """
    while True:
        with PORTS_LOCK:
            port = next(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _greets_as_sshd(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _wait(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(complaint)
        time.sleep(0.1)


def _call(*command: str) -> str:
    """Run a command; returns what it printed. Its error names what it printed as an error."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise
