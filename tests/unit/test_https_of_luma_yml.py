# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS as luma.yml says it: who has it, whose certificate, and the keys that follow from a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates import keys
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.own import OwnCertificate
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.https import is_public
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile, add_secret
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

from tests.unit.luma_file import read, write_secrets

SECRET = bytes(range(32))


@pytest.mark.parametrize("name", ["blog.com", "a.b.co.uk", "*.blog.com", "xn--mnchen-3ya.de", "latest.io"])
def test_names_that_a_ca_of_the_web_knows(name: str) -> None:
    assert is_public(name)


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "blog", "blog.localhost", "blog.test", "db.internal", "nas.local", "*.shop.test", "x.lan"),
        *("192.0.2.7", "2001:db8::1", "www.example.com", "blog.example", "router.home.arpa", "abc.onion"),
    ],
)
def test_names_that_none_knows(name: str) -> None:
    assert not is_public(name)


def app(folder: Path, options: dict[str, Any] | None = None, **proxy: Any) -> dict[str, Any]:
    content = {"apps": {"blog": {"image": "blog", "proxy": proxy}}, "proxy_options": options or {}}
    found: dict[str, Any] = read(folder, yaml.safe_dump(content))
    return {**found["apps"]["blog"], "warnings": found["warnings"]}


def own(folder: Path, *names: str) -> dict[str, str]:
    key = keys.app_key(SECRET, "shop", "blog", "ec256")
    (folder / "own.pem").write_text(keys.self_signed(key, list(names)))
    write_secrets(folder, f'TLS_KEY="{keys.pem_of(key)}"\nOTHER=secret\n')
    return {"certificate": "own.pem", "key": "TLS_KEY"}


@pytest.mark.parametrize(
    ("hosts", "ssl", "names"),
    [
        (["blog.com", "blog.localhost"], None, ["blog.com"]),
        (["blog.localhost"], None, None),
        (["*"], None, None),
        (["*.blog.com"], None, None),
        (["blog.com", "*.blog.com", "*"], None, ["blog.com"]),
        (["blog.com"], False, None),
        (["blog.localhost"], True, []),
    ],
)
def test_who_has_https_and_for_which_names(
    tmp_path: Path, hosts: list[str], ssl: bool | None, names: list[str] | None
) -> None:
    given: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
    found = app(tmp_path, hosts=hosts, **given)
    assert found["route"]["ssl"] is (names is not None)
    assert found["health_check"]["https"] is (names is not None)
    assert (found["https"] and found["https"]["names"]) == names
    assert bool(found["https"] and found["https"]["acme"]) is bool(names)


@pytest.mark.parametrize(
    ("proxy", "https"),
    [
        ({}, True),
        ({"http_port": 80, "https_port": 443, "bind": "203.0.113.7"}, True),
        ({"http_port": 8080}, False),
        ({"https_port": 8443}, False),
        ({"bind": "127.0.0.1"}, False),
    ],
)
def test_behind_another_server_nothing_comes_by_itself(tmp_path: Path, proxy: dict[str, Any], https: bool) -> None:
    def has_https(**ssl: bool) -> bool:
        content = {"proxy": proxy, "apps": {"blog": {"image": "blog", "proxy": {"hosts": ["blog.com"], **ssl}}}}
        return bool(read(tmp_path, yaml.safe_dump(content))["apps"]["blog"]["route"]["ssl"])

    assert has_https() is https
    assert has_https(ssl=True)


def test_a_ca_of_ones_own_and_a_challenge_by_dns(tmp_path: Path) -> None:
    write_secrets(tmp_path, "TOKEN=x\n")
    options = {"acme_directory": "https://ca.internal/dir", "acme_dns": {"provider": "rfc2136", "secret": ["TOKEN"]}}
    found = app(tmp_path, options, hosts=["blog.internal", "*.blog.internal", "10.0.0.1"], ssl=True)
    assert found["https"]["names"] == ["blog.internal", "*.blog.internal"]
    assert app(tmp_path, options, hosts=["blog.internal"])["https"] is None
    assert "10.0.0.1 gets no certificate" in found["warnings"][0]


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    found = app(tmp_path, hosts=["blog.com", "www.blog.com", "shop.com"], ssl=own(tmp_path, "blog.com", "*.blog.com"))
    https = found["https"]
    assert (https["certificate"], https["key"], https["acme"]) == (str(tmp_path / "own.pem"), "TLS_KEY", None)
    assert found["warnings"] == [f"{tmp_path}/luma.yml: apps.blog.proxy.ssl: the certificate is not for shop.com"]


@pytest.mark.parametrize(
    ("ssl", "mistake"),
    [
        ({"certificate": "own.pem"}, "apps.blog.proxy.ssl: needs both a certificate"),
        ({"certificate": "own.pem", "key": "NONE"}, "apps.blog.proxy.ssl.key: the secret NONE is missing"),
        ({"certificate": "x.pem", "key": "TLS_KEY"}, "x.pem: No such file or directory"),
        ({"certificate": "own.pem", "key": "OTHER"}, "apps.blog.proxy.ssl.key: is no private key in PEM form"),
        ({"certificate": "luma.yml", "key": "TLS_KEY"}, "apps.blog.proxy.ssl.certificate: is no certificate in PEM"),
        ("maybe", "apps.blog.proxy.ssl: has to be true or false"),
        ({"cert": "own.pem"}, "apps.blog.proxy.ssl.cert: unknown key; known here: certificate, key"),
    ],
)
def test_mistakes_of_a_certificate_of_ones_own(tmp_path: Path, ssl: Any, mistake: str) -> None:
    own(tmp_path, "blog.com")
    with pytest.raises(InvalidFile) as failed:
        app(tmp_path, hosts=["blog.com"], ssl=ssl)
    assert mistake in str(failed.value)


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    one, other = (keys.app_key(SECRET, "shop", name, "ec256") for name in ("a", "b"))
    with pytest.raises(ValueError, match="key: does not belong to the certificate"):
        OwnCertificate.of(keys.self_signed(one, ["a.com"]), keys.pem_of(other))


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"acme_directory": "http://ca"}, "is not the directory of a CA such as https://acme"),
        ({"acme_ca_file": "none.pem"}, "there is no file"),
        ({"acme_eab": {"kid": "KID"}}, "proxy_options.acme_eab: needs both kid and hmac"),
        ({"acme_eab": {"kid": "KID", "hmac": "HMAC"}}, "the secret HMAC is missing: add a line HMAC=... to"),
        ({"acme_dns": {"secret": ["TOKEN"]}}, "has no provider such as cloudflare"),
        ({"acme_dns": {"provider": "route53; rm"}}, "is not a DNS provider of lego"),
        ({"key_type": "rsa2048"}, "has to be ec256 or ec384"),
    ],
)
def test_mistakes_in_the_options_of_certificates(tmp_path: Path, options: dict[str, Any], mistake: str) -> None:
    write_secrets(tmp_path, "KID=1\n")
    with pytest.raises(InvalidFile) as failed:
        app(tmp_path, options, hosts=["blog.com"])
    assert mistake in str(failed.value)


@pytest.mark.parametrize(
    ("given", "headers", "networks"),
    [(True, True, []), (False, False, []), (["10.0.0.0/8", "2001:db8::/32"], True, ["10.0.0.0/8", "2001:db8::/32"])],
)
def test_whose_headers_are_believed(tmp_path: Path, given: Any, headers: bool, networks: list[str]) -> None:
    route = app(tmp_path, hosts=["a.localhost"], forward_headers=given)["route"]
    assert (route["forward_headers"], route["forward_from"]) == (headers, networks)


def test_keys_follow_from_the_secret_and_from_nothing_else() -> None:
    def pem(secret: bytes = SECRET, project: str = "shop", app: str = "blog", kind: str = "ec256") -> str:
        return keys.pem_of(keys.app_key(secret, project, app, kind))

    assert pem() == pem()
    account = keys.pem_of(keys.account_key(SECRET, "shop"))
    assert len({pem(), pem(bytes(32)), pem(project="x"), pem(app="x"), pem(kind="ec384"), account}) == 6


@pytest.mark.parametrize("text", ["", "short", "bm90IGVub3VnaA==", "§" * 50])
def test_a_secret_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="LUMA_ACME_SECRET has to be at least 32 random bytes in base64"):
        keys.secret_bytes(text)


def test_a_secret_is_added_to_a_file_that_may_be_there(tmp_path: Path) -> None:
    luma_yml = str(tmp_path / "luma.yml")
    for secret in ("ONE", "TWO"):
        add_secret(luma_yml, secret, keys.new_secret(), "why")
    (tmp_path / ".luma" / "secrets").write_text("A=1")
    add_secret(luma_yml, "B", "2", "why")
    assert SecretsFile.beside(luma_yml).values == {"A": "1", "B": "2"}
    assert (tmp_path / ".luma" / ".gitignore").read_text() == "*\n"


PAGE_AND_API = """
apps:
  page: {{image: a, servers: [web1, web2], proxy: {{hosts: [shop.com, www.shop.com]}}}}
  api: {{image: a, servers: [{servers}], proxy: {{hosts: [{hosts}], path_prefix: /api}}}}
"""


@pytest.mark.parametrize(
    ("servers", "hosts", "shared"),
    [("web1", "shop.com", True), ("web1, web3", "shop.com", False), ("web1", "shop.com, api.shop.com", False)],
)
def test_an_app_with_a_part_of_the_paths_has_the_certificate_of_the_other(
    servers: str, hosts: str, shared: bool, tmp_path: Path
) -> None:
    text = PAGE_AND_API.format(servers=servers, hosts=hosts)
    page, api = read(tmp_path, text, inventory=Inventory(["web1", "web2", "web3"]))["apps"].values()
    assert (page["https"] is not None, page["route"]["own_certificate"]) == (True, True)
    assert (api["https"] is None, api["route"]["own_certificate"]) == (shared, not shared)
    assert (api["route"]["ssl"], api["health_check"]["https"], api["probe_path"]) == (True, True, "/api/up")
