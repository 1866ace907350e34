# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests per second through luma-proxy, through a plain HAProxy of the same image, and without a proxy; by HTTPS with
such a certificate, too, on kept connections and with a handshake for each. And through two more luma-proxies, which
write a line for each request."""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import dataclass
from statistics import median
from urllib.request import Request, urlopen

from ansible_collections.luma.deploy.plugins.module_utils.proxy import tls
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import environment_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR, HTTP_PORT, RUN_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import DEFAULTS
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates import keys

from tests.host import PROXY, PROXY_FOLDER, PROXY_IMAGE, docker
from tests.zero_loss.project import Project, wait_for

# Many short turns: what else the machine does then falls on all three alike.
ROUNDS = 20
SECONDS = 1
CONNECTIONS = 64

# A backend that is faster than any proxy in front of it.
BACKEND = """\
defaults
    mode http
    timeout client 30s
frontend hello
    bind :3000
    http-request return status 200 content-type text/plain string "hello"
"""
PLAIN = f"""\
global
{tls.GLOBAL}defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend http
    bind :8080
    bind :8443 ssl crt /certificate.pem alpn h2,http/1.1
    default_backend web
backend web
    server web {{project}}:3000
"""


@dataclass
class Rates:
    """Requests per second through luma-proxy, and its ratios to the others: medians over the rounds."""

    luma: float
    to_plain: float
    to_backend: float
    logged: float
    logged_as_json: float
    https: float
    https_to_plain: float
    handshakes: float
    handshakes_to_plain: float


def measure_throughput(project: Project) -> Rates:
    """Deploy the static backend as the project's app, and measure the three ways to it in turns."""
    (project.folder / "backend.cfg").write_text(BACKEND)
    (project.folder / "plain.cfg").write_text(PLAIN.format(project=project.name))
    project.app |= {
        "image": PROXY_IMAGE,
        "command": ["haproxy", "-db", "-f", "/backend.cfg"],
        "volumes": ["./backend.cfg:/backend.cfg:ro"],
    }
    deploy(project)
    (backend,) = project.containers()
    key = keys.app_key(bytes(32), project.name, project.name, "ec256")
    (project.folder / "certificate.pem").write_text(keys.pem_of(key) + keys.self_signed(key, [project.host]))
    plain = start_plain_proxy(project)
    logging = [start_logging_proxy(project, form) for form in ("text", "json")]
    try:
        proxies = [address(PROXY, project), address(plain, project)]
        urls = [*(f"http://{each}:8080/" for each in proxies), f"http://{address(backend, project)}:3000/"]
        rounds = [[wrk(url, project.host) for url in urls] for _round in range(ROUNDS)]
        # The same configuration, with a line for each request and without.
        urls = [f"http://{address(each, project)}:8080/" for each in (PROXY, *logging)]
        with_lines = [[wrk(url, project.host) for url in urls] for _round in range(ROUNDS)]
        # By its address, with which wrk comes, the proxy has no other app.
        project.app["proxy"] |= {"hosts": [project.host, "*"], "ssl": True}
        deploy(project)
        secure = [f"https://{each}:8443/" for each in proxies]
        kept = [[wrk(url, project.host) for url in secure] for _round in range(ROUNDS)]
        new = [[wrk(url, project.host, "Connection: close") for url in secure] for _round in range(ROUNDS)]
    finally:
        docker("rm", "--force", plain, *logging)
    return Rates(
        luma=median(luma for luma, _plain, _backend in rounds),
        to_plain=median(luma / plain for luma, plain, _unused in rounds),
        to_backend=median(luma / backend for luma, _plain, backend in rounds),
        logged=median(text / none for none, text, _json in with_lines),
        logged_as_json=median(as_json / none for none, _text, as_json in with_lines),
        https=median(luma for luma, _plain in kept),
        https_to_plain=median(luma / plain for luma, plain in kept),
        handshakes=median(luma for luma, _plain in new),
        handshakes_to_plain=median(luma / plain for luma, plain in new),
    )


def deploy(project: Project) -> None:
    deployment = project.deploy()
    assert deployment.code == 0, deployment.output


def start_plain_proxy(project: Project) -> str:
    name = f"{project.name}-plain"
    config = f"{project.folder / 'plain.cfg'}:/plain.cfg:ro"
    certificate = f"{project.folder / 'certificate.pem'}:/certificate.pem:ro"
    docker(
        *("run", "--detach", "--name", name, "--network", f"{project.name}-network", "--volume", config),
        *("--volume", certificate, PROXY_IMAGE, "haproxy", "-db", "-f", "/plain.cfg"),
    )
    wait_for(lambda: docker("inspect", "--format", "{{.State.Running}}", name) == "true", "no plain proxy")
    return name


def start_logging_proxy(project: Project, form: str) -> str:
    """A HAProxy with luma-proxy's own configuration, which finds the app by itself."""
    name = f"{project.name}-{form}"
    given = environment_of({**DEFAULTS, "access_log": form})
    docker(
        *("run", "--detach", "--name", name, "--network", f"{project.name}-network"),
        *("--volume", f"{PROXY_FOLDER}/etc:{CONFIG_DIR}:ro", "--tmpfs", f"{RUN_DIR}:mode=777"),
        *(word for variable, value in given.items() for word in ("--env", f"{variable}={value}")),
        *(PROXY_IMAGE, "haproxy", "-db", "-f", f"{CONFIG_DIR}/haproxy.cfg"),
    )
    url = f"http://{address(name, project)}:{HTTP_PORT}/"
    wait_for(lambda: answers(url, project.host), f"no proxy with access_log: {form}")
    return name


def answers(url: str, host: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(urlopen(Request(url, headers={"Host": host}), timeout=5).status == 200)
    return False


def address(container: str, project: Project) -> str:
    """A container's own address: over a published port, Docker's port forwarding would be measured too."""
    network = f'{{{{(index .NetworkSettings.Networks "{project.name}-network").IPAddress}}}}'
    return docker("inspect", "--format", network, container)


def wrk(url: str, host: str, *headers: str) -> float:
    """Requests per second that wrk gets from `CONNECTIONS` connections. An answer other than 2xx fails."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Host: {host}", url]
    command += [word for header in headers for word in ("-H", header)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found, output
    return float(found[1])
