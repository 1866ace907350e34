# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An internet of containers: a CA (Pebble), a DNS, and hosts, each a HAProxy with the agent beside it.

What is found out of a host is found out by openssl, curl and HAProxy itself, not by luma's code.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.host import PROXY_IMAGE, docker, remove_network

ACME_IMAGE = "luma-test/acme"
MODULE_UTILS = Path(__file__).parents[2] / "plugins" / "module_utils"
PACKAGE = "ansible_collections.luma.deploy.plugins.module_utils"
AGENT = f"{PACKAGE}.acme.agent"
BACKEND = "shop:blog"
CERTIFICATE = f"/etc/luma/certs/{BACKEND}.pem"
PREFIX = f"acme{os.getpid()}-"
USER = 99
SUBNET = f"10.213.{os.getpid() % 256}.0/24"
"""One that no engine chooses by itself: a server's own engine has networks, too, before the server joins this one."""
EAB = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")

HAPROXY = """\
global
    stats socket /run/luma/admin.sock mode 660 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
frontend http
    bind :80
    bind :443 ssl crt-list /etc/haproxy/list strict-sni alpn h2,http/1.1 ssl-min-ver TLSv1.2
    acl challenge path_reg ^/.well-known/acme-challenge/[-_a-zA-Z0-9]+$
    http-request return status 200 content-type text/plain lf-string "%[path,field(-1,/)].{thumbprint}" if challenge
    http-request redirect scheme https if !{{ ssl_fc }} {{ hdr(host),lower,map(/etc/luma/certs/trusted.map) -m found }}
    default_backend {backend}
backend {backend}
    server blog1 127.0.0.1:81 {disabled}
frontend app
    bind 127.0.0.1:81
    http-request return status 200 content-type text/plain string "hello"
"""


def run(*arguments: str, given: str = "") -> str:
    """What a program prints; what it says of itself comes with it."""
    done = subprocess.run(
        arguments, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30
    )
    return done.stdout


def wait_for(condition: Callable[[], Any], complaint: Callable[[], str], seconds: float = 60) -> Any:
    """Returns what the condition comes to."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.2)
    return found


def needed(name: str) -> set[str]:
    """A file of the collection's, and those that it imports, directly or not: what goes to a host."""
    found, open_ = set(), {name}
    while open_:
        found.add(each := open_.pop())
        imports = re.findall(rf"^from {PACKAGE}\.?(\S*) import (.+)", (MODULE_UTILS / each).read_text(), re.MULTILINE)
        for module, names in imports:
            path = module.replace(".", "/")
            # A room's modules may be imported by their names.
            files = [f"{path}.py", *(f"{path}/{name.strip()}.py" for name in names.split(","))]
            open_ |= {file for file in files if (MODULE_UTILS / file).is_file()} - found
    return found


def new_key() -> str:
    return run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout")


def thumbprint(key: str) -> str:
    """Of a key as JWK (RFC 7638)."""
    der = subprocess.run(
        ["openssl", "ec", "-pubout", "-outform", "DER"], input=key.encode(), capture_output=True, check=True
    ).stdout
    x, y = (_base64(part) for part in (der[-64:-32], der[-32:]))
    return _base64(hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class World:
    """The network with a DNS and a CA, and what is made in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = f"{PREFIX}net"
        docker("network", "create", "--subnet", SUBNET, self.network)
        self.code = self._code()
        servers = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv4", "", "-defaultIPv6", "")
        self.dns = self.container(
            "dns", ACME_IMAGE, ["--entrypoint", "pebble-challtestsrv"], *servers, "-dnsserver", ":53"
        )
        self._certificate_of_ca()
        self.ca = self.pebble("pebble", {})

    def container(self, name: str, image: str, options: Iterable[str], *arguments: str) -> str:
        """Runs a container; returns its address."""
        full = PREFIX + name
        docker("run", "--detach", "--name", full, "--network", self.network, *options, image, *arguments)
        return docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", full)

    def pebble(self, name: str, settings: dict[str, Any]) -> str:
        """Runs a CA, which answers at https://NAME/dir."""
        common = {
            "listenAddress": "0.0.0.0:443",
            "managementListenAddress": "0.0.0.0:15000",
            "certificate": "/ca/cert.pem",
            "privateKey": "/ca/key.pem",
            "httpPort": 80,
            "tlsPort": 443,
            "keyAlgorithm": "ecdsa",
            "retryAfter": {"authz": 1, "order": 1},
            "domainBlocklist": ["blocked.test"],
            "profiles": {"default": {"description": "", "validityPeriod": 90 * 86400}},
        }
        (self.folder / "ca" / f"{name}.json").write_text(json.dumps({"pebble": {**common, **settings}}))
        options = ["--network-alias", name, "--volume", f"{self.folder}/ca:/ca:ro", "--env", "PEBBLE_VA_NOSLEEP=1"]
        options += ["--env", "PEBBLE_WFE_NONCEREJECT=20", "--env", "PEBBLE_AUTHZREUSE=0", "--entrypoint", "pebble"]
        arguments = ["-config", f"/ca/{name}.json", "-dnsserver", f"{self.dns}:53"]
        return self.container(name, ACME_IMAGE, options, *arguments)

    def issued(self) -> list[str]:
        """The serials of all certificates that the CA has issued."""
        return re.findall(r"Issued certificate serial (\w+)", self.log("pebble"))

    def renew_by_yesterday(self, certificate: str) -> None:
        """Has the CA say that this certificate should have been renewed (ARI)."""
        window = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
        data = {"certificate": certificate, "ariResponse": json.dumps({"suggestedWindow": window})}
        url = f"https://{self.ca}:15000/set-renewal-info/"
        said = run("curl", "--silent", "--insecure", "--fail-with-body", "--data", json.dumps(data), url)
        assert said == "", said

    def orders(self, name: str = "") -> int:
        """How many orders the CA has taken, or how often it has validated a name for one, by HTTP."""
        if not name:
            return len(re.findall(r"Added order ", self.log("pebble")))
        # It asks for each token several times.
        return len(set(re.findall(rf"http://{re.escape(name)}:80/\S+/(\S+)", self.log("pebble"))))

    def log(self, name: str) -> str:
        return run("docker", "logs", PREFIX + name)

    def point(self, name: str, *addresses: str) -> None:
        """Makes these the addresses of a name."""
        self._dns("clear-a", host=name)
        self._dns("add-a", host=name, addresses=list(addresses))

    def _dns(self, command: str, **data: Any) -> None:
        request = urllib.request.Request(f"http://{self.dns}:8055/{command}", json.dumps(data).encode())
        for attempt in range(50):
            try:
                urllib.request.urlopen(request, timeout=5).close()
                return
            except OSError:
                assert attempt < 49
                time.sleep(0.1)

    def _certificate_of_ca(self) -> None:
        folder = self.folder / "ca"
        folder.mkdir()
        request = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "30", "-subj", "/CN=test"]
        run(*request, *files, "-addext", "subjectAltName=DNS:pebble,DNS:pebble-eab,DNS:away.ca")
        for file in folder.iterdir():
            file.chmod(0o644)

    def _code(self) -> Path:
        top = self.folder / "luma"
        target = top / "ansible_collections" / "luma" / "deploy" / "plugins" / "module_utils"
        for name in needed("acme/agent.py"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(MODULE_UTILS / name, target / name)
        return top

    def remove(self) -> None:
        names = docker("ps", "--all", "--quiet", "--filter", f"name=^{PREFIX}").split()
        if names:
            docker("rm", "--force", *names)
        try:
            remove_network(self.network)
        except subprocess.CalledProcessError as error:
            # Docker 20.10 can keep the endpoint of a container that is gone, until it is started again.
            warnings.warn(f"{self.network} is left: {error.stderr}", stacklevel=2)


@dataclass
class Fleet:
    """The hosts of one app, with what the modules give them."""

    world: World
    name: str
    names: list[str]
    size: int = 1
    slot: float = 2.0
    more: dict[str, Any] = field(default_factory=dict)
    ca_in_file: bool = True
    hosts: list[Host] = field(default_factory=list)
    account: str = field(default_factory=new_key)
    key: str = field(default_factory=new_key)

    @functools.cached_property
    def thumbprint(self) -> str:
        return thumbprint(self.account)

    def start(self) -> None:
        """Makes all hosts, points the names to them, and then tells the agents what is wanted."""
        with ThreadPoolExecutor() as pool:
            self.hosts += pool.map(lambda rank: Host(self, rank), range(self.size))
        for name in self.names:
            self.point(name)
        self.want()

    def point(self, name: str) -> None:
        self.world.point(name, *(host.address for host in self.hosts))

    def want(self) -> None:
        for host in self.hosts:
            host.want()

    def add(self) -> Host:
        """One more host, which the names lead to as well, and what all are told then."""
        self.hosts.append(Host(self, len(self.hosts)))
        for name in self.names:
            self.point(name)
        self.want()
        return self.hosts[-1]


class Host:
    """One host: folders, HAProxy, the agent."""

    def __init__(self, fleet: Fleet, rank: int, up: bool = True) -> None:
        self.fleet, self.rank = fleet, rank
        self.world = fleet.world
        self.label = f"{fleet.name}-{rank}"
        self.folder = fleet.world.folder / self.label
        self.agent = f"{self.label}-agent"
        self._make(up)

    def _make(self, up: bool) -> None:
        for each in ("certs", "run", "acme", "etc"):
            (self.folder / each).mkdir(parents=True)
        self._write("etc/haproxy.cfg", self._configuration(up))
        self._write("etc/list", f"{CERTIFICATE} [alpn h2,http/1.1] {' '.join(self.fleet.names)}\n")
        alternative = ",".join(f"DNS:{name}" for name in self.fleet.names)
        request = ["openssl", "req", "-x509", "-key", "/dev/stdin", "-subj", f"/CN={self.fleet.names[0]}"]
        own = run(*request, "-days", "9", "-addext", f"subjectAltName={alternative}", given=self.fleet.key)
        self._write(f"certs/{BACKEND}.pem", self.fleet.key + own)
        self._write("certs/trusted.map", "")
        for folder in (self.folder, *self.folder.iterdir()):
            os.chown(folder, USER, USER)
        (self.folder / "certs").chmod(0o700)
        self.start_proxy()
        self.start_agent()

    def _configuration(self, up: bool) -> str:
        return HAPROXY.format(thumbprint=self.fleet.thumbprint, backend=BACKEND, disabled="" if up else "disabled")

    def rebuild(self) -> None:
        """The host has lost all that it had, and is deployed to."""
        docker("rm", "--force", PREFIX + self.label, PREFIX + self.agent)
        shutil.rmtree(self.folder)
        self._make(up=True)
        for name in self.fleet.names:
            self.fleet.point(name)
        self.want()

    def start_proxy(self) -> None:
        options = [f"--user={USER}:{USER}", "--sysctl=net.ipv4.ip_unprivileged_port_start=0", "--entrypoint=haproxy"]
        options += self._mounts({"etc": "/etc/haproxy:ro", "certs": "/etc/luma/certs:ro", "run": "/run/luma"})
        arguments = ["-W", "-f", "/etc/haproxy/haproxy.cfg"]
        self.address = self.world.container(self.label, PROXY_IMAGE, options, *arguments)
        wait_for(lambda: "Version" in self.proxy("show info"), lambda: self.world.log(self.label))

    def start_agent(self) -> None:
        options = [f"--user={USER}:{USER}", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--entrypoint=python3"]
        options += ["--security-opt=no-new-privileges", f"--dns={self.world.dns}", "--env=PYTHONPATH=/luma"]
        options += [f"--env=LUMA_ACME_SLOT_SECONDS={self.fleet.slot}", f"--volume={self.world.code}:/luma:ro"]
        options += self._mounts({"acme": "/acme", "certs": "/etc/luma/certs", "run": "/run/luma"})
        self.world.container(self.agent, ACME_IMAGE, options, "-m", AGENT)

    def _mounts(self, mounts: dict[str, str]) -> list[str]:
        return [f"--volume={self.folder / here}:{there}" for here, there in mounts.items()]

    def want(self, **more: Any) -> None:
        """What a deployment writes."""
        fleet = self.fleet
        peers = [f"{host.address}:443" for host in fleet.hosts if host is not self]
        common = {"names": fleet.names, "directory": "https://pebble/dir", "email": "", "key_type": "ec256"}
        place = {"rank": self.rank, "hosts": max(fleet.size, len(fleet.hosts)), "peers": peers}
        text = {**common, "thumbprint": fleet.thumbprint, "dns": None, "eab": None, **place, **fleet.more, **more}
        (self.folder / "acme" / BACKEND).mkdir(exist_ok=True)
        os.chown(self.folder / "acme" / BACKEND, USER, USER)
        self._write(f"acme/{BACKEND}/account.key", fleet.account)
        self._write(f"acme/{BACKEND}/tls.key", fleet.key)
        self._write(f"acme/{BACKEND}/ca.pem", (self.world.folder / "ca" / "cert.pem").read_text())
        self._write(f"acme/{BACKEND}/wanted.json", json.dumps(text))

    def end_agent(self, how: str = "kill") -> None:
        docker(how, PREFIX + self.agent)
        docker("rm", "--force", PREFIX + self.agent)

    def ask_to_renew(self) -> None:
        self._write(f"acme/{BACKEND}/renew", "")

    def _write(self, name: str, text: str) -> None:
        new = self.folder / f"{name}.new"
        new.write_text(text)
        new.chmod(0o600)
        os.chown(new, USER, USER)
        new.replace(self.folder / name)

    # --- what is found out of it --------------------------------------------------------------------------------------

    def proxy(self, command: str) -> str:
        script = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect('/run/luma/admin.sock')\n"
        script += "s.sendall(sys.argv[1].encode()+b'\\n'); print(b''.join(iter(lambda: s.recv(9999), b'')).decode())"
        return run("docker", "exec", PREFIX + self.label, "python3", "-c", script, command)

    def certificate(self, name: str = "") -> str:
        """What openssl says of the certificate that is served for a name."""
        server = name or self.fleet.names[0]
        served = run("openssl", "s_client", "-connect", f"{self.address}:443", "-servername", server)
        show = ["-noout", "-serial", "-issuer", "-ext", "subjectAltName"]
        return run("openssl", "x509", *show, given=served)

    def serial(self) -> str:
        """The serial of what is served, if a CA has issued it."""
        text = self.certificate()
        found = re.search(r"^serial=(\w+)$", text, re.MULTILINE)
        return found.group(1).lower() if found and "Pebble" in text else ""

    def names(self) -> set[str]:
        return set(re.findall(r"DNS:([^,\s]+)", self.certificate()))

    def get(self, url: str, *options: str) -> str:
        """The version and status of an answer, by curl."""
        host = url.split("/")[2]
        form = ("--output", "/dev/null", "--write-out", "%{http_version} %{http_code}")
        return run("curl", "--silent", "--insecure", *form, *self.resolve(host), *options, url)

    def resolve(self, name: str) -> list[str]:
        """Has curl look for a name here."""
        return ["--resolve", f"{name}:80:{self.address}", "--resolve", f"{name}:443:{self.address}"]

    def state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.folder / "acme" / BACKEND / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return state

    def set_state(self, **changed: Any) -> None:
        self._write(f"acme/{BACKEND}/state.json", json.dumps({**self.state(), **changed}))

    def log(self) -> str:
        return self.world.log(self.agent)

    def await_serial(self, seconds: float = 60) -> str:
        found: str = wait_for(self.serial, self.log, seconds)
        return found
