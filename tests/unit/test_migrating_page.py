# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/migrating.md says that what users already have works: each of its rows is read as luma reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Named, Schema, Section
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import APP, LUMA_YML, RUNTIME, SERVICE
from luma_command.arguments import Request, request_of

from tests.unit.luma_file import read, write_secrets

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text()
# What luma has added to the keys of the tool that users come from.
NEW_AT_THE_TOP = {"environment.plain", "environment.secret", "notify"} | {
    f"proxy_options.{key}"
    for key in (
        *("acme_directory", "acme_ca_file", "acme_eab.kid", "acme_eab.hmac", "acme_dns.provider", "acme_dns.secret"),
        *("acme_image", "key_type"),
    )
}
NEW = {
    *("build.platforms", "build.secrets", "build.ssh", "build.cache.from", "build.cache.to", "build.builder"),
    *("build.prepare", "drain_timeout", "stream_drain_timeout", "stop_timeout"),
    *("health_check.host", "healthcheck.host"),
    *("proxy.http_port", "proxy.https_port", "proxy.bind", "proxy.keep_alive", "proxy.proxy_protocol"),
    "proxy.http3",
    "proxy.metrics",
    "proxy.access_log",
    *(
        "proxy.stream_timeout",
        "proxy.hold",
        "proxy.hsts",
        "proxy.allow",
        "proxy.path_prefix",
        "proxy.strip_path_prefix",
        "proxy.max_body",
        "proxy.redirects",
        "proxy.basic_auth",
        "proxy.error_pages",
        "proxy.sticky",
        "proxy.ssl.certificate",
        "proxy.ssl.key",
    ),
    *RUNTIME,
    *("mem_limit", "logging.driver", "logging.options"),
    "overlap",
    "schedule",
    *("backup.command", "backup.to", "backup.extension", "backup.keep"),
    *("ssh.become", "ssh.proxy_jump", "files", "pull", "releases.keep"),
}


def rows(title: str) -> list[str]:
    """The first column of the table that follows this line."""
    table = PAGE.partition(f"\n{title}\n\n")[2].partition("\n\n")[0]
    found = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert len(found) == len(table.splitlines()) - 2 > 0
    return found


TOP, IN_AN_APP, IN_A_SERVICE = map(rows, ("At the top of the file:", "In an app:", "In a service:"))


def accepted(folder: Path, file: object) -> None:
    write_secrets(folder, "TOKEN=token\nDOCKER_REGISTRY_PASSWORD=password\n")
    read(folder, yaml.safe_dump(file))


@pytest.mark.parametrize("row", TOP)
def test_the_top_of_a_file(row: str, tmp_path: Path) -> None:
    accepted(tmp_path, {"apps": {"blog": {"image": "me/blog"}}} | yaml.safe_load(row))


@pytest.mark.parametrize("row", IN_AN_APP)
def test_an_app(row: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    accepted(tmp_path, {"apps": {"blog": {"image": "blog"} | yaml.safe_load(row)}})


@pytest.mark.parametrize("row", IN_A_SERVICE)
def test_a_service(row: str, tmp_path: Path) -> None:
    services = {"db": {"image": "db"} | yaml.safe_load(row)}
    accepted(tmp_path, {"apps": {"blog": {"image": "blog"}}, "services": services})


def known(schema: Section, path: str = "") -> set[str]:
    """The paths of all single values, under each of their names."""

    def below(name: str, inner: Schema) -> set[str]:
        return known(inner, name) if isinstance(inner, Section) else {name}

    return {
        each
        for key, inner in schema.keys.items()
        if not isinstance(inner, Named)
        for name in (key, *inner.aliases)
        for each in below(f"{path}.{name}".removeprefix("."), inner)
    }


def told(table: list[str]) -> set[str]:
    def paths(value: object, path: str) -> set[str]:
        if isinstance(value, dict) and not re.search(r"(^|\.)(args|plain)$", path):
            return {each for key, inner in value.items() for each in paths(inner, f"{path}.{key}".removeprefix("."))}
        return {path}

    return {path for row in table for path in paths(yaml.safe_load(row), "")}


@pytest.mark.parametrize(
    ("schema", "table"), [(LUMA_YML, TOP), (APP, IN_AN_APP), (SERVICE, IN_A_SERVICE)], ids=["top", "app", "service"]
)
def test_no_key_is_left_out(schema: Section, table: list[str]) -> None:
    # The other name of health_check is told once; the rest is new as a whole.
    documented = {path for path in known(schema) if not path.startswith(("healthcheck.", "deploy.", "hooks."))}
    if schema is SERVICE:
        documented = {path for path in documented if not path.startswith("health_check.")}
    new = NEW | (NEW_AT_THE_TOP if schema is LUMA_YML else set())
    assert documented - told(table) - new == set()


@pytest.mark.parametrize("row", rows("## Commands"))
def test_a_command(row: str) -> None:
    request = request_of(row.removeprefix("luma ").split())
    assert isinstance(request, Request)
    assert request.command.playbook.exists()
