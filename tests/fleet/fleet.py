# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are reached over ssh, and a project of one app that is deployed to them with bin/luma as by a user.

    with temporary_servers("20.10", "26.1") as servers:  # web1 and web2
        fleet = Fleet("shop", servers, folder)
        fleet.write("r1")
        assert fleet.luma("deploy").code == 0
        assert fleet.served() == {"web1": "r1", "web2": "r1"}

A run can be held just before a task begins, which is named by its module:

        run = fleet.start("deploy")
        run.hold_at("network_alias_switch")
        servers["web2"].kill()
        print(run.outcome().output)
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any
from urllib.request import Request, urlopen

import yaml

from tests.host import APP_IMAGE, LUMA, PROXY_IMAGE, build_images
from tests.testbed.servers import Server, build_server_images, remove_leftovers, temporary_server
from tests.zero_loss.project import Deployment, Traffic

CALLBACKS = Path(__file__).parent / "callback"
RUN_TIMEOUT = 180.0
"""Seconds after which a run counts as hanging."""

SSH = {
    "ANSIBLE_TIMEOUT": "8",
    "ANSIBLE_SSH_ARGS": (
        "-C -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=2 -o ServerAliveCountMax=4"
    ),
}
"""As in ansible.cfg, but quicker to find out that a host says nothing."""

RATE = ("--rate", "60", "--keep-alive", "4", "--new-connection", "2")
"""Requests a second to each server, and the clients that send them: the machine has to carry all of it."""

FOREIGN = "foreign"
"""A container and a network on each server that are not luma's."""


@contextlib.contextmanager
def temporary_servers(*engines: str) -> Iterator[dict[str, Server]]:
    """New servers web1, web2, ... with these engines, which have the images of the app and of the proxy."""
    remove_leftovers()
    build_server_images(set(engines))
    build_images()

    def load(server: Server) -> None:
        server.load_images(APP_IMAGE, PROXY_IMAGE)
        server.run(f"docker network create {FOREIGN}")
        server.run(f"docker run --detach --restart unless-stopped --name {FOREIGN} --network {FOREIGN} {APP_IMAGE}")

    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:
        made = pool.map(lambda engine: stack.enter_context(temporary_server(engine)), engines)
        servers = {f"web{number}": server for number, server in enumerate(made, start=1)}
        list(pool.map(load, servers.values()))
        yield servers


class Run:
    """A run of bin/luma, which says of each task that it is about to begin, and waits for an answer."""

    def __init__(self, command: list[str], environment: dict[str, str], output: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._connection: IO[str] | None = None
        self._waits_for_answer = False
        self._output = output
        self._began = time.monotonic()
        following = {
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "follower",
            "LUMA_TEST_FOLLOWER": str(self._listener.getsockname()[1]),
        }
        with output.open("w") as file:
            self._process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **environment, **following}
            )

    def hold_at(self, module: str, nth: int = 1) -> None:
        """Let it go on until the nth task with that module of luma's is about to begin."""
        for _unused in range(nth):
            while (action := self._next_task()) != f"luma.deploy.{module}":
                assert action, f"the run ended without {module}:\n{self._output.read_text()}"

    def go_on(self) -> None:
        """Let it begin the task that it is held at."""
        if self._connection and self._waits_for_answer:
            self._waits_for_answer = False
            with contextlib.suppress(OSError):  # it may be dead
                print(file=self._connection, flush=True)

    def kill(self) -> None:
        """Kill all of its processes, as kill -9 does."""
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def outcome(self) -> Deployment:
        """Let it go on to its end."""
        while self._next_task():
            pass
        code = self._process.wait(RUN_TIMEOUT)
        self._listener.close()
        return Deployment(code, self._output.read_text(), time.monotonic() - self._began)

    def _next_task(self) -> str:
        """Let it go on; what the next task does. Empty where it has ended."""
        while not self._connection:
            if self._process.poll() is not None:
                return ""
            with contextlib.suppress(TimeoutError):
                connection, _address = self._listener.accept()
                connection.settimeout(RUN_TIMEOUT)
                self._connection = connection.makefile("rw")
        self.go_on()
        try:
            action = self._connection.readline().strip()
        except ConnectionResetError:  # killed
            return ""
        self._waits_for_answer = bool(action)
        return action


def descendants(pid: int) -> list[int]:
    """The processes that it has started, those that these have started, and so on."""
    children = [process for process, parent in parents().items() if parent == pid]
    return [*children, *(each for child in children for each in descendants(child))]


def parents() -> dict[int, int]:
    """All processes, and the parent of each."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


class Fleet:
    """A project with one app of the same name, and the servers that it is deployed to. `app` are keys of the app."""

    def __init__(self, name: str, servers: dict[str, Server], folder: Path, **app: Any) -> None:
        self.name = name
        self.servers = servers
        self.folder = folder
        self.host = f"{name}.localhost"
        self.app = {
            "image": APP_IMAGE,
            "proxy": {"hosts": [self.host], "app_port": 3000},
            "health_check": {"interval": "250ms", "timeout": "2s", "retries": 40},
            "drain_timeout": "3s",
            "stop_timeout": "1s",
            **app,
        }
        self.top: dict[str, Any] = {}
        """More keys at the top of luma.yml."""
        self.host_variables: dict[str, dict[str, Any]] = {}
        """Variables of the inventory's hosts, beside those that tell how to reach them."""
        self.release = ""
        """The one that luma.yml describes."""
        self._foreign = {name: self._state_of_foreign(name) for name in servers}
        self._runs = 0

    # As a user does it

    def write(
        self, release: str, *, hosts: Sequence[str] = (), environment: Mapping[str, str] | None = None, **app: Any
    ) -> None:
        """Write luma.yml and the inventory. The app answers with that release; `app` overrides its keys this time.

        It goes to these hosts of the inventory; to all of them where none is given.
        """
        self.release = release
        app = {
            **self.app,
            "servers": list(hosts or self.servers),
            "environment": {"plain": {"VERSION": release, **(environment or {})}},
            **app,
        }
        luma_yml = {"name": self.name, "proxy": {"image": PROXY_IMAGE}, "apps": {self.name: app}, **self.top}
        (self.folder / "luma.yml").write_text(yaml.safe_dump(luma_yml))
        inventory = {
            name: {**server.inventory_vars, **self.host_variables.get(name, {})}
            for name, server in self.servers.items()
        }
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": inventory}}))

    def start(self, *words: str, **environment: str) -> Run:
        """Start a luma command, such as `deploy`, with this environment."""
        self._runs += 1
        return Run(
            [str(LUMA), "-c", str(self.folder / "luma.yml"), "-i", str(self.folder / "hosts.yml"), *words],
            {**SSH, **environment},
            self.folder / f"output-{self._runs}",
        )

    def luma(self, *words: str, **environment: str) -> Deployment:
        """Run a luma command to its end."""
        return self.start(*words, **environment).outcome()

    def url(self, name: str) -> str:
        """Where the proxy of that server listens on this machine."""
        return f"http://127.0.0.1:{self.servers[name].port(80)}"

    @contextlib.contextmanager
    def traffic(self, folder: Path, *options: str) -> Iterator[dict[str, Traffic]]:
        """Traffic to the app through every proxy; `folder` is for the reports, `options` are the client's."""
        with contextlib.ExitStack() as stack:
            clients = {}
            for name in self.servers:
                (folder / name).mkdir()
                client = Traffic(self.url(name), self.host, folder / name, *RATE, *options)
                clients[name] = stack.enter_context(client)
            yield clients

    # What is there

    def served(self, name: str) -> str:
        """The release that answers a request through the proxy of that server; empty where none does."""
        request = Request(f"{self.url(name)}/", headers={"Host": self.host})
        try:
            with urlopen(request, timeout=5) as response:
                return str(response.headers["X-Release"])
        except OSError:
            return ""

    def containers(self, name: str) -> dict[str, set[str]]:
        """The project's containers on that server, those too that do not run, and the aliases of each."""
        label = f"label=luma.project={self.name}"
        aliases = f'{{{{json (index .NetworkSettings.Networks "{self.name}-network").Aliases}}}}'
        lines = self.servers[name].run(
            f"docker ps --all --quiet --filter {label} | xargs -r docker inspect --format '{{{{.Name}}}} {aliases}'"
        )
        found = (line.partition(" ") for line in sorted(lines.splitlines()))
        return {container.removeprefix("/"): set(json.loads(given) or ()) for container, _unused, given in found}

    def leftovers(self, name: str) -> list[str]:
        """What no deployment may leave on that server: containers without the app's alias, locks, addresses of
        containers that are to be attached again."""
        idle = [container for container, aliases in self.containers(name).items() if self.name not in aliases]
        find = "cd /var/lib/luma && find locks -name '*.json'; find detached -type f"
        return [*idle, *self.servers[name].run(f"({find}) 2>/dev/null || true").split()]

    def shortcomings(self) -> list[str]:
        """What is not as it has to be after a deployment of the release that luma.yml describes."""
        found = []
        for name in self.servers:
            if (served := self.served(name)) != self.release:
                found.append(f"{name} serves {served or 'nothing'}, not {self.release}")
            if left := self.leftovers(name):
                found.append(f"{name} has {', '.join(left)} left over")
            if (state := self._state_of_foreign(name)) != self._foreign[name]:
                found.append(f"what is foreign on {name} was {self._foreign[name]} and is {state}")
        return found

    def _state_of_foreign(self, name: str) -> str:
        state = "{{.Id}} {{.State.Running}} {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
        return self.servers[name].run(f"docker inspect --format '{state}' {FOREIGN}")
