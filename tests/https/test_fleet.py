# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site on three servers gets its certificate, keeps it, and loses no visitor; told by openssl and curl."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words

from tests.acme.world import World, wait_for
from tests.https.site import Site
from tests.series import numbers_in

FORM = ("--output", "/dev/null", "--write-out", "%{http_version} %{http_code} %{redirect_url}")


@pytest.fixture(scope="module")
def deployed(site: Site) -> str:
    """What the first deployment has said."""
    site.write("r1")
    deployment = site.luma("deploy")
    assert deployment.code == 0, deployment.output
    return deployment.output


def test_the_first_deployment_brings_one_certificate_for_all(site: Site, deployed: str, world: World) -> None:
    (serial,) = site.serials()
    assert world.issued()[site.issued_before :] == [serial]
    for server in site.servers:
        assert f"[{server}] HTTPS of shop: certificate of shop.test until " in deployed
        assert site.get(server, "https://shop.test/", *FORM) == "2 200 "
        assert site.get(server, "http://shop.test/up?a=1", *FORM) == "1.1 308 https://shop.test/up?a=1"
        told = json.loads(site.get(server, "https://shop.test/headers"))
        assert (told["x-forwarded-proto"], told["x-forwarded-port"]) == ("https", "443")
        numbers = numbers_in(site.servers[server].run("cat /var/lib/luma/metrics/luma.prom"))
        assert numbers['luma_certificate_wanted_names{project="shop",app="shop"}'] == 1


def test_keys_are_nowhere_but_in_closed_files(site: Site, deployed: str) -> None:
    verbose = site.luma("deploy", "-vvv").output
    assert "Nothing changed: " in verbose
    for server in site.servers.values():
        kept = server.run("find /var/lib/luma/proxy/acme /var/lib/luma/proxy/etc/certs -type f -printf '%m %U %p\\n'")
        assert {line.split()[0] for line in kept.splitlines()} == {"600"}
        key = server.run("cat /var/lib/luma/proxy/acme/shop:shop/tls.key").splitlines()[1]
        secret = (site.folder / ".luma" / "secrets").read_text().rpartition("LUMA_ACME_SECRET=")[2].strip()
        seen = server.run("docker inspect luma-acme luma-proxy; docker logs luma-acme 2>&1") + verbose + deployed
        assert [each for each in (key, secret) if each in seen] == []
    assert stat.S_IMODE((site.folder / ".luma" / "secrets").stat().st_mode) == 0o600


def test_a_deployment_loses_no_visitor_of_https(site: Site, deployed: str, tmp_path: Path) -> None:
    server = next(iter(site.servers))
    command = ["curl", "--silent", "--insecure", "--http2", "--rate", "40/s", "--output", "/dev/null"]
    # Its errors are not buffered, so that all is there when it is ended.
    command += ["--write-out", "%{stderr}%{http_version} %{http_code}\\n"]
    command += ["--resolve", f"shop.test:443:{site.addresses[server]}", "https://shop.test/up?[1-100000]"]
    site.write("r2")
    with site.traffic(tmp_path) as clients, (tmp_path / "http2").open("w") as answers:
        http2 = subprocess.Popen(command, stderr=answers)
        deployment = site.luma("deploy")
        http2.terminate()
        http2.wait(timeout=30)
        reports = [client.stop() for client in clients.values()]
    assert deployment.code == 0, deployment.output
    assert [failures_in_words(report.records) for report in reports] == [[], [], []]
    assert {record.release for report in reports for record in report.records} >= {"r1", "r2"}
    answered = (tmp_path / "http2").read_text().split("\n")[:-1]
    assert len(answered) > 20
    assert set(answered) == {"2 200"}


def test_a_renewal_reaches_all_servers(site: Site, deployed: str, world: World, tmp_path: Path) -> None:
    (before,), orders = site.serials(), world.orders()
    with site.traffic(tmp_path) as clients:
        renewal = site.luma("cert", "renew", "shop")
        assert renewal.code == 0, renewal.output
        (after,) = site.serials()
        reports = [client.stop() for client in clients.values()]
    assert [failures_in_words(report.records) for report in reports] == [[], [], []]
    assert after not in (before, "")
    assert world.orders() == orders + 1
    status = site.luma("cert", "status")
    assert status.output.count("certificate of shop.test until ") == len(site.servers)


def test_a_server_that_is_rebuilt_asks_no_ca(site: Site, deployed: str, world: World) -> None:
    (serial,), orders = site.serials(), world.orders()
    name, server = next(iter(site.servers.items()))
    server.run("docker rm --force luma-acme luma-proxy; rm -rf /var/lib/luma/proxy")
    deployment = site.luma("deploy")
    assert deployment.code == 0, deployment.output
    wait_for(lambda: site.serial(name) == serial, lambda: server.run("docker logs luma-acme 2>&1"))
    assert world.orders() == orders


def test_a_reboot_keeps_it(site: Site, deployed: str) -> None:
    (serial,) = site.serials()
    name, server = list(site.servers.items())[-1]
    server.kill()
    server.start()
    wait_for(lambda: site.serial(name) == serial, server.logs)
    assert server.run("docker inspect --format '{{.State.Running}}' luma-acme").strip() == "true"


def test_a_removed_app_leaves_no_key(site: Site, deployed: str) -> None:
    removal = site.luma("remove", "shop", "--yes")
    assert removal.code == 0, removal.output
    for server in site.servers.values():
        assert server.run("find /var/lib/luma/proxy/acme /var/lib/luma/proxy/etc/certs -name '*shop*'") == ""
