# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host passes from the earlier luma to this one, under traffic.

The earlier luma's containers are made as that tool made them: names, labels, networks, mounts. Its proxy, whose image
is nowhere to be had, is a HAProxy that does the same: it goes where Docker's DNS says that the app's alias is.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.module_utils.host.earlier import passage_of
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import NEW_CONNECTION, Record, handovers

from tests.host import (
    APP_IMAGE,
    LUMA,
    PREFIX,
    PROXY,
    PROXY_FOLDER,
    PROXY_IMAGE,
    docker,
    free_port,
    proxy_exists,
    remove_project,
)
from tests.integration.conftest import run_module
from tests.zero_loss.project import wait_for

ASIDE = "-aside"

DYING = """
import os, runpy, sys
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine

def dies_after(method, argument):
    plain = getattr(Engine, method)
    def dying(self, *given, **options):
        result = plain(self, *given, **options)
        if argument in given:
            os._exit(9)
        return result
    setattr(Engine, method, dying)

dies_after(*sys.argv[1:])
del sys.argv[1:]
runpy.run_module("ansible_collections.luma.deploy.plugins.modules.takeover", run_name="__main__")
"""

EARLIER_PROXY = """\
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    retries 3
resolvers docker
    nameserver embedded 127.0.0.11:53
frontend http
    bind :80
    bind :443 ssl crt /certificate.pem
    use_backend docs if {{ hdr(host) -m beg docs. }}
    default_backend app
backend app
    server-template app 4 {app}:3000 resolvers docker init-addr none
backend docs
    server-template docs 4 {docs}:3000 resolvers docker init-addr none
"""


class Visitors:
    """Clients that each open a connection for a request, one after the other, until the end."""

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        self.host = host
        self.answers: list[Record] = []
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(10)

    def __enter__(self) -> Visitors:
        # The earlier proxy says 503 until its DNS has answered.
        wait_for(self._served, "the earlier proxy does not answer")
        for _number in range(4):
            self._pool.submit(self._visit)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._pool.shutdown()

    def slow(self, seconds: float) -> Any:
        return self._pool.submit(self.ask, f"/slow?seconds={seconds}")

    def ask(self, path: str = "/") -> tuple[int, str]:
        """The status and the release that answered; of a failure what the answer says, which tells whose it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": self.host, "Connection": "close"})
            answer = connection.getresponse()
            content = answer.read().decode(errors="replace")
            return answer.status, str(answer.getheader("X-Release") if answer.status == 200 else content)
        finally:
            connection.close()

    def _visit(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                status, said = self.ask()
            except OSError as exc:
                self._fail(began, repr(exc))
            else:
                if status == 200:
                    self.answers.append(Record(NEW_CONNECTION, began, began, time.monotonic(), status, said))
                else:
                    self._fail(began, f"{status} {said}")
            time.sleep(0.005)

    def _served(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask()[0] == 200
        return False

    def _fail(self, began: float, what: str) -> None:
        release = self.answers[-1].release if self.answers else "nothing"
        took = time.monotonic() - began
        self.failures.append(f"{what} after {took:.2f} s at {began:.2f}, while {release} answers")


class EarlierHost:
    """This machine with what the earlier luma has made on it, and a luma.yml."""

    def __init__(self, folder: Path) -> None:
        self.project = f"{PREFIX}earlier"
        self.app = f"{PREFIX}blog"
        self.service = f"{PREFIX}db"
        self.docs = f"{PREFIX}docs"
        self.docs_network = f"{self.docs}-network"
        self.stranger = f"{self.app}-red"
        self.network = f"{self.project}-network"
        self.port = free_port()
        self.https_port = free_port()
        self.folder = folder
        self.luma_file = folder / "luma.yml"
        self.write()

    def write(self, **app: Any) -> None:
        content = {
            "name": self.project,
            "proxy": {
                "image": PROXY_IMAGE,
                "bind": "127.0.0.1",
                "http_port": self.port,
                "https_port": self.https_port,
            },
            "apps": {
                self.app: {
                    "image": APP_IMAGE,
                    "replicas": 2,
                    "proxy": {"hosts": ["blog.localhost"], "app_port": 3000, "ssl": True},
                    "environment": {"plain": {"VERSION": "new"}},
                    "stop_timeout": "1s",
                    **app,
                }
            },
            "services": {self.service: {"image": APP_IMAGE}},
        }
        self.luma_file.write_text(yaml.safe_dump(content))

    def of_docs(self) -> Path:
        """The luma.yml of the other project."""
        content = yaml.safe_load(self.luma_file.read_text())
        app = {**content["apps"][self.app], "replicas": 1, "environment": {"plain": {"VERSION": "new"}}}
        app["proxy"] = {"hosts": ["docs.localhost"], "app_port": 3000}
        file = self.folder / "docs.yml"
        file.write_text(yaml.safe_dump({"name": self.docs, "proxy": content["proxy"], "apps": {self.docs: app}}))
        return file

    def make(self) -> None:
        """As that tool did it: the same arguments of docker run, in the same order of steps."""
        docker("network", "create", self.network)
        docker(*("run", "-d", "--name", self.service, "--network", self.network), *self._keep, APP_IMAGE)
        for number in ("1", "2"):
            self._run(self.app, f"{self.app}-blue-{number}", self.network, number)
        docker("network", "create", self.docs_network)
        self._run(self.docs, f"{self.docs}-green", self.docs_network)
        config, state = self.folder / "haproxy.cfg", self.folder / "luma-proxy-config.json"
        config.write_text(EARLIER_PROXY.format(app=self.app, docs=self.docs))
        routed = [("blog.localhost", self.app, self.project), ("docs.localhost", self.docs, self.docs)]
        services = {
            host: {"name": host, "host": host, "target": f"{app}:3000", "project": project, "healthy": True}
            for host, app, project in routed
        }
        state.write_text(json.dumps({"services": services, "certs": {"email": ""}}))
        self.folder.chmod(0o755)
        docker(
            *("create", "--name", PROXY, "--restart", "always", "-p", f"127.0.0.1:{self.port}:80"),
            *("-p", f"127.0.0.1:{self.https_port}:443", "-v", f"{self._certificate()}:/certificate.pem:ro"),
            *("-v", f"{self.project}-certs:/var/lib/luma-proxy/certs", "-v", f"{config}:/haproxy.cfg:ro"),
            *("-v", f"{state}:/tmp/luma-proxy-config.json:ro"),
            *("--user", "0", PROXY_IMAGE, "haproxy", "-db", "-f", "/haproxy.cfg"),
        )
        docker("start", PROXY)
        for network in (self.network, self.docs_network):
            docker("network", "connect", network, PROXY)
        # Nobody's, with a name such as that tool gives.
        docker("run", "-d", "--name", self.stranger, APP_IMAGE)

    _keep = ("--restart", "unless-stopped")

    def _certificate(self) -> Path:
        made = self.folder / "certificate.pem"
        new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=blog.localhost")
        subprocess.run([*new, "-keyout", str(made), "-out", str(made)], check=True, capture_output=True)
        return made

    def certificate(self) -> str:
        """The subject of the certificate that is served for the app's name."""
        where = ["-connect", f"127.0.0.1:{self.https_port}", "-servername", "blog.localhost"]
        shown = subprocess.run(["openssl", "s_client", *where], input="", capture_output=True, text=True, check=False)
        return next(line for line in shown.stdout.splitlines() if line.startswith("subject="))

    def _run(self, app: str, name: str, network: str, replica: str = "1") -> None:
        labels = {"app": app, "color": name[len(app) + 1 :], "replica": replica, "active": "true", "managed": "true"}
        docker(
            *("run", "-d", "--name", name),
            *(word for key, value in labels.items() for word in ("--label", f"luma.{key}={value}")),
            *("--network", network, "--network-alias", app, *self._keep, "-e", "VERSION=old", APP_IMAGE),
        )

    def luma(self, *words: str, file: Path | None = None) -> tuple[int, str]:
        done = subprocess.run(
            [str(LUMA), "-c", str(file or self.luma_file), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout

    @property
    def options(self) -> dict[str, Any]:
        """Those of the module `takeover`, as the playbook gives them."""
        check = {"path": "/up", "port": 3000}
        times = {"response_timeout": 30, "stream_timeout": 3600, "hold": 10, "keep_alive": 75}
        route = {"hosts": ["blog.localhost"], "app_port": 3000, "forward_headers": False, **times}
        app = {"name": self.app, "project": self.project, "route": route, "health_check": check, "replicas": 2}
        return {
            "project": self.project,
            "apps": [{**app, "stop_timeout": 1}],
            "services": [self.service],
            "proxy": yaml.safe_load(self.luma_file.read_text())["proxy"],
            "without_https": True,
            "drain_timeout": 3,
        }

    def die_after(self, method: str, argument: str) -> int:
        """Begin the second step, and die right after the engine has done this; returns the exit code."""
        arguments = {"ANSIBLE_MODULE_ARGS": {**self.options, "state": "done"}}
        return subprocess.run(
            [sys.executable, "-c", DYING, method, argument],
            input=json.dumps(arguments),
            env={**os.environ, "PYTHONPATH": str(LUMA.parents[1] / ".collections")},
            text=True,
            timeout=120,
            check=False,
        ).returncode

    def containers(self) -> set[str]:
        return {name for name in docker("ps", "-a", "--format", "{{.Names}}").split() if self._is_ours(name)}

    def _is_ours(self, name: str) -> bool:
        return name.startswith(PREFIX) or (name.startswith(PROXY) and not name.endswith(ASIDE))

    def remove(self) -> None:
        for name in self.containers():
            docker("rm", "--force", name)
        remove_project(self.project)
        remove_project(self.docs)
        docker("volume", "rm", "--force", f"{self.project}-certs")


@pytest.fixture
def name_of_the_proxy(reserved_host: None) -> Iterator[None]:
    """The name luma-proxy is free meanwhile. A proxy that runs goes on under another name, with its folder."""
    aside = PROXY_FOLDER.with_name(PROXY_FOLDER.name + ASIDE)
    exists = proxy_exists()
    if exists:
        docker("rename", PROXY, PROXY + ASIDE)
        PROXY_FOLDER.rename(aside)
    yield
    shutil.rmtree(PROXY_FOLDER, ignore_errors=True)
    if exists:
        aside.rename(PROXY_FOLDER)
        docker("rename", PROXY + ASIDE, PROXY)


@pytest.fixture
def host(name_of_the_proxy: None, tmp_path: Path) -> Iterator[EarlierHost]:
    made = EarlierHost(tmp_path)
    made.make()
    yield made
    made.remove()


def test_a_host_is_taken_over(host: EarlierHost) -> None:
    before = host.containers()
    with Visitors(host.port, "blog.localhost") as visitors, Visitors(host.port, "docs.localhost") as others:
        # What only looks, what is refused, and what fails leave all as it was.
        for words in (("deploy",), ("takeover",)):
            code, output = host.luma(*words)
            assert (code, host.containers()) == (1, before), output
            assert "luma takeover" in output
        code, output = host.luma("takeover", "--plan", "--without-https")
        assert (code, host.containers()) == (0, before), output
        assert f"{host.app}-blue-1, {host.app}-blue-2, luma-proxy" in output
        host.write(environment={"plain": {"HEALTH": "fail"}}, health_check={"retries": 1})
        code, output = host.luma("takeover", "--without-https")
        assert (code, host.containers()) == (1, before), output
        assert {answer.release for answer in visitors.answers} == {"old"}

        host.write()
        slow = visitors.slow(8)
        code, output = host.luma("takeover", "--without-https")
        assert code == 0, output
        assert "luma-proxy was exchanged; every connection was answered meanwhile" in output
        assert f"certificates are kept in {host.project}-certs" in output
        assert slow.result() == (200, "old")
        assert "luma, self-signed" in host.certificate()
        assert host.containers() == before
        assert docker("ps", "-aq", "--filter", f"label=luma.app={host.app}", "--filter", "label=luma.managed") == ""
        made = json.loads(docker("network", "inspect", host.network))[0]
        assert made["Labels"]["luma.project"] == host.project
        assert host.service in {container["Name"] for container in made["Containers"].values()}

        # It is all this luma's: a deployment goes as any other, and leaves nothing of the passage.
        code, output = host.luma("takeover")
        assert (code, "Nothing to take over" in output) == (0, True), output
        host.write(environment={"plain": {"VERSION": "next"}})
        code, output = host.luma("deploy")
        assert code == 0, output
        assert visitors.ask() == (200, "next")
        networks = docker("network", "ls", "--format", "{{.Name}}").split()
        assert passage_of(host.project) not in networks

        # What another project has on the host was served meanwhile, and is taken over by itself.
        assert others.ask() == (200, "old")
        code, output = host.luma("takeover", file=host.of_docs())
        assert code == 0, output
        assert others.ask() == (200, "new")
        assert docker("ps", "-aq", "--filter", "label=luma.managed") == ""
    assert others.failures == []
    assert visitors.failures == []
    switches = handovers(visitors.answers, lambda answer: answer.release)
    assert [(switch.before, switch.after, switch.stale) for switch in switches] == [
        ("old", "new", 0),
        ("new", "next", 0),
    ]


def test_a_takeover_that_dies_again_and_again_loses_nothing(host: EarlierHost) -> None:
    before = host.containers()
    begun = run_module("takeover", **host.options)
    run_module(
        "bluegreen_container",
        project=host.project,
        app=host.app,
        proxied=False,
        network=begun["network"],
        image=APP_IMAGE,
        replicas=2,
        environment={"VERSION": "new"},
        health_check={"path": "/up", "port": 3000, "interval": 0.2},
    )
    with Visitors(host.port, "blog.localhost") as visitors:
        for method, argument in (
            ("start", f"{PROXY}-detour"),
            ("rename", PROXY),
            ("stop", f"{PROXY}-earlier"),
            ("start", f"{PROXY}-next"),
            ("remove", f"{PROXY}-earlier"),
            ("remove_network", host.network),
            ("attach", host.network),
        ):
            assert host.die_after(method, argument) == 9
            assert visitors.failures == [], (method, argument)
        code, output = host.luma("takeover")
        assert code == 0, output
        assert host.containers() == before
        assert visitors.ask() == (200, "new")
        made = json.loads(docker("network", "inspect", host.network))[0]
        assert host.service in {container["Name"] for container in made["Containers"].values()}
    assert visitors.failures == []
