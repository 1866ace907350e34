# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS with certificates that no CA is asked for: what visitors and apps are told, judged by curl and openssl."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.module_utils.acme import container, image
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates import keys

from tests.host import ACME_IMAGE, APP_IMAGE, LUMA, PROXY_FOLDER, PROXY_IMAGE, docker
from tests.integration.conftest import Site, run_module
from tests.zero_loss.project import wait_for

FORM = ("--write-out", "\n%{http_version} %{http_code} %{redirect_url}")


class Visitor:
    """Comes by curl to an app of the proxy on this machine."""

    def __init__(self, site: Site, routed: dict[str, Any]) -> None:
        self.host, self.http, self.https = site.host, routed["http_port"], routed["https_port"]

    def get(self, path: str = "/up", *options: str, scheme: str = "https") -> tuple[str, str]:
        """The body, and "VERSION STATUS REDIRECT"."""
        port = self.https if scheme == "https" else self.http
        command = ["curl", "--silent", "--insecure", "--resolve", f"{self.host}:{port}:127.0.0.1", *FORM, *options]
        done = subprocess.run(
            [*command, f"{scheme}://{self.host}:{port}{path}"], capture_output=True, text=True, timeout=30, check=False
        )
        body, _newline, what = done.stdout.rpartition("\n")
        return body.strip(), what.strip()

    def serial(self, name: str = "") -> str:
        """That of the certificate for a name; empty where none is shown."""
        server = [name] if name.startswith("-") else ["-servername", name or self.host]
        where = ["-connect", f"127.0.0.1:{self.https}", *server]
        shown = subprocess.run(["openssl", "s_client", *where], input="", capture_output=True, text=True, check=False)
        read = subprocess.run(
            ["openssl", "x509", "-noout", "-serial"], input=shown.stdout, capture_output=True, text=True, check=False
        )
        return read.stdout.strip()


def material(site: Site, *, own: bool = False, secret: bytes = bytes(32)) -> dict[str, Any]:
    """The option ``https`` with a new certificate, as the controller makes it."""
    key = keys.app_key(secret, site.project, site.app, "ec256")
    made: dict[str, Any] = {"key": keys.pem_of(key), "certificate": keys.self_signed(key, [site.host]), "own": own}
    return {"material": json.dumps(made | {"names": [site.host] if own else []})}


@pytest.fixture
def https(proxied: Site) -> dict[str, Any]:
    return material(proxied)


def test_a_self_signed_certificate_redirects_nobody(proxied: Site, https: dict[str, Any]) -> None:
    visitor = Visitor(proxied, proxied.route(ssl=True, https=https))
    proxied.deploy()
    assert visitor.get() == ("healthy", "2 200")
    assert visitor.get("/up", "--http1.1") == ("healthy", "1.1 200")
    assert visitor.get(scheme="http") == ("healthy", "1.1 200")
    assert visitor.get("/up", "--tls-max", "1.1")[1] == "0 000"
    assert visitor.serial()
    assert visitor.serial("somebody.else") == ""
    again = proxied.route(ssl=True, https=material(proxied))
    assert (again["changed"], again["report"]) == (False, [])


def test_a_certificate_of_ones_own_redirects_and_can_be_exchanged(proxied: Site) -> None:
    first = material(proxied, own=True)
    visitor = Visitor(proxied, proxied.route(ssl=True, hsts=300, https=first))
    proxied.deploy()
    assert visitor.get("/up?a=1&b", scheme="http") == ("", f"1.1 308 https://{visitor.host}:{visitor.https}/up?a=1&b")
    assert "strict-transport-security: max-age=300" in visitor.get("/", "--include")[0].lower()
    before = visitor.serial()
    second = material(proxied, own=True, secret=bytes(31) + b"1")
    planned = proxied.route(ssl=True, hsts=300, https=second, check=True)
    assert (planned["changed"], visitor.serial()) == (True, before)
    exchanged = proxied.route(ssl=True, hsts=300, https=second)
    assert exchanged["report"] == ["luma-proxy loaded its new configuration"]
    assert visitor.serial() not in (before, "")
    assert proxied.route(ssl=True, hsts=300, https=second)["changed"] is False


def test_the_redirect_can_be_left_out(proxied: Site) -> None:
    visitor = Visitor(proxied, proxied.route(ssl=True, ssl_redirect=False, https=material(proxied, own=True)))
    proxied.deploy()
    assert visitor.get(scheme="http") == ("healthy", "1.1 200")


def test_an_app_is_told_what_its_visitor_came_by(proxied: Site, https: dict[str, Any]) -> None:
    visitor = Visitor(proxied, proxied.route(ssl=True, https=https))
    proxied.deploy()
    claimed = ("--header", "X-Forwarded-Proto: http", "--header", "X-Forwarded-Port: 99")
    seen = json.loads(visitor.get("/headers", *claimed)[0])
    assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("https", str(visitor.https))
    seen = json.loads(visitor.get("/headers", "--header", "X-Forwarded-Proto: https", scheme="http")[0])
    assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("http", str(visitor.http))


def test_a_request_that_waits_for_a_replica_stays_one_by_https(proxied: Site, https: dict[str, Any]) -> None:
    """It is sent to the proxy once more, by the proxy itself."""
    visitor = Visitor(proxied, proxied.route(ssl=True, https=https, hold=60))
    with ThreadPoolExecutor() as pool:
        early = pool.submit(visitor.get, "/headers")
        haproxy = Haproxy(PROXY_FOLDER / "run")
        wait_for(lambda: haproxy.waiting(f"{proxied.project}:{proxied.app}") == 1, "the request does not wait")
        proxied.deploy()
        body, what = early.result()
    assert what == "2 200"
    seen = json.loads(body)
    assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("https", str(visitor.https))


@pytest.mark.parametrize(("networks", "believed"), [(["0.0.0.0/0"], True), (["192.0.2.0/24"], False)])
def test_only_proxies_that_are_trusted_are_believed(proxied: Site, networks: list[str], believed: bool) -> None:
    trusted: dict[str, Any] = {"forward_headers": True, "forward_from": networks}
    visitor = Visitor(proxied, proxied.route(ssl=True, https=material(proxied, own=True), **trusted))
    proxied.deploy()
    came_by_https = ("--header", "X-Forwarded-Proto: https", "--header", "X-Forwarded-For: 198.51.100.7")
    body, what = visitor.get("/headers", *came_by_https, scheme="http")
    assert what.startswith("1.1 200" if believed else "1.1 308")
    if believed:
        assert json.loads(body)["x-forwarded-for"].startswith("198.51.100.7")
    assert visitor.get(scheme="http")[1].startswith("1.1 308")


def test_an_app_that_redirects_everybody_is_healthy(proxied: Site, https: dict[str, Any]) -> None:
    visitor = Visitor(proxied, proxied.route(ssl=True, https=https))
    proxied.deploy(environment={"HEALTH": "redirect"}, health_check={**proxied.check, "https": True})
    assert visitor.get() == ("healthy", "2 200")
    proxied.deploy(environment={"HEALTH": "redirect", "N": "2"}, health_check={**proxied.check, "https": True})
    assert visitor.get() == ("healthy", "2 200")


def test_two_apps_do_not_learn_of_each_other(proxied: Site, proxy_options: dict[str, Any]) -> None:
    other = Site(proxied.project + "b", proxied=True)
    try:
        visitor = Visitor(proxied, proxied.route(ssl=True, https=material(proxied)))
        other.route(ssl=True, https=material(other), proxy=proxy_options)
        names = {visitor.serial(), visitor.serial(other.host)}
        assert len(names - {""}) == 2
    finally:
        other.remove()


def test_an_app_for_every_name_is_there_for_who_asks_for_none(proxied: Site, https: dict[str, Any]) -> None:
    visitor = Visitor(proxied, proxied.route(ssl=True, https=https, hosts=[proxied.host, "*"]))
    assert visitor.serial("somebody.else")
    assert visitor.serial("-noservername")


def test_keys_are_closed_and_go_with_the_app(proxied: Site, https: dict[str, Any]) -> None:
    result = proxied.route(ssl=True, https=https)
    file = PROXY_FOLDER / "etc" / "certs" / f"{proxied.project}:{proxied.app}.pem"
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_uid) == (0o600, 99)
    key = re.findall(r"[\w+/=]{40,}", file.read_text())[0]
    assert key not in json.dumps(result)
    run_module("app_remove", **proxied.names)
    assert not Path(file).exists()


def test_no_image_for_the_agent_fails_no_deployment(site: Site, proxy_options: dict[str, Any], tmp_path: Path) -> None:
    name = f"{site.app}.{site.project}.test"
    content = {
        "name": site.project,
        "proxy": {"image": PROXY_IMAGE, **proxy_options},
        "proxy_options": {"acme_directory": "https://127.0.0.1:1/dir", "acme_image": "luma-test/nowhere:1"},
        "apps": {site.app: {"image": APP_IMAGE, "proxy": {"hosts": [name], "app_port": 3000, "ssl": True}}},
    }
    (tmp_path / "luma.yml").write_text(yaml.safe_dump(content))
    command = [str(LUMA), "-c", str(tmp_path / "luma.yml"), "deploy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "which has no image for the ACME agent: Image luma-test/nowhere:1 is not on this host" in done.stdout
    assert re.search(r"^LUMA_ACME_SECRET=\S{44}$", (tmp_path / ".luma" / "secrets").read_text(), re.MULTILINE)
    visitor = Visitor(site, run_module("proxy_info"))
    visitor.host = name
    assert visitor.get() == ("healthy", "2 200")


def test_a_foreign_container_of_the_agents_name_fails_no_deployment(proxied: Site, https: dict[str, Any]) -> None:
    """The material of an order that no agent is to take up."""
    asked = {**json.loads(https["material"]), "account_key": "K\n", "wanted": {"names": [], "dns": None}}
    docker("create", "--name", "luma-acme", APP_IMAGE)
    try:
        done = proxied.route(ssl=True, https={"material": json.dumps(asked), "image": ACME_IMAGE})
    finally:
        docker("rm", "luma-acme")
    assert done["report"][0].startswith("⚠️ No certificate is asked for or renewed on this host: The name luma-acme is")
    assert Visitor(proxied, done).serial()


def test_the_agents_image_is_made_of_two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand-ins for the public ones, which are Debian's here, with lego where that of the public one is."""
    lego, made = "luma-test/lego:1", f"luma-test/made-{os.getpid()}:1"
    (tmp_path / "Dockerfile").write_text(f"FROM {ACME_IMAGE}\nRUN mv /usr/bin/lego /lego\n")
    docker("build", "--quiet", "--tag", lego, str(tmp_path))
    text = image.DOCKERFILE.replace(image.LEGO_IMAGE, lego).replace(image.PYTHON_IMAGE, ACME_IMAGE)
    for constant, value in (("LEGO_IMAGE", lego), ("PYTHON_IMAGE", ACME_IMAGE), ("IMAGE", made), ("DOCKERFILE", text)):
        monkeypatch.setattr(container, constant, value)
    agent = container.AgentContainer(Engine.connect("unix:///var/run/docker.sock"), tmp_path)
    try:
        agent.need_image()
        agent._build()
        assert "lego version 4" in docker("run", "--rm", made, "/usr/local/bin/lego", "--version")
    finally:
        docker("rmi", "--force", made, lego)
