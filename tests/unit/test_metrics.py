# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Prometheus gets the proxy's numbers: at one address that luma.yml names, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import environment_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.metrics import published_metrics
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings

from tests.unit.luma_file import mistakes, read

APPS = "apps:\n  blog:\n    image: my-blog\n"


@pytest.mark.parametrize(
    ("given", "read_as", "published"),
    [
        ("127.0.0.1:8404", "127.0.0.1:8404", {"8404/tcp": ("127.0.0.1", 8404)}),
        ("'[::1]:9101'", "[::1]:9101", {"8404/tcp": ("::1", 9101)}),
        ("false", "", {}),
    ],
)
def test_it_is_published_at_the_address_that_is_named(
    given: str, read_as: str, published: dict[str, tuple[str, int]], tmp_path: Path
) -> None:
    proxy = read(tmp_path, f"proxy: {{metrics: {given}}}\n{APPS}")["proxy"]
    assert proxy["metrics"] == read_as
    settings = ProxySettings(**proxy).of_a_new_one
    assert published_metrics(settings) == published
    assert ("LUMA_METRICS" in environment_of(settings)) == bool(published)


def test_it_is_off_without_the_key(tmp_path: Path) -> None:
    settings = ProxySettings(**read(tmp_path, APPS)["proxy"])
    assert "metrics" not in settings.given
    assert published_metrics(settings.of_a_new_one) == {}


@pytest.mark.parametrize("given", ["8404", "true", "'127.0.0.1:0'", "'127.0.0.1:70000'", "'host:8404'", "'::1:8404'"])
def test_what_is_no_address_is_a_mistake(given: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, f"proxy: {{metrics: {given}}}\n{APPS}")
    assert "proxy.metrics: has to be an address and a port such as 127.0.0.1:8404, or false" in found


@pytest.mark.parametrize(
    ("keys", "key"), [("metrics: 127.0.0.1:80", "http_port"), ("https_port: 9, metrics: 127.0.0.1:9", "https_port")]
)
def test_it_needs_a_port_of_its_own(keys: str, key: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, f"proxy: {{{keys}}}\n{APPS}")
    assert f"proxy.metrics: has the port of proxy.{key}: choose another one" in found
