# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests luma-proxy writes a line about: what luma.yml says, and what the proxy's container is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.configuration import environment_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings

from tests.unit.luma_file import mistakes, read

APPS = "apps:\n  blog:\n    image: my-blog\n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("proxy: {access_log: true}\n", {"LUMA_ACCESS_LOG"}),
        ("proxy: {access_log: json}\n", {"LUMA_ACCESS_LOG", "LUMA_ACCESS_LOG_JSON"}),
        ("proxy: {access_log: false}\n", set()),
        ("", set()),
    ],
)
def test_the_container_is_told(given: str, told: set[str], tmp_path: Path) -> None:
    settings = ProxySettings(**read(tmp_path, given + APPS)["proxy"])
    assert ("access_log" in settings.given) == bool(given)
    assert {name for name in environment_of(settings.of_a_new_one) if "ACCESS" in name} == told


def test_another_format_is_a_mistake(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, f"proxy: {{access_log: combined}}\n{APPS}")
    assert "proxy.access_log: has to be true, json, or false" in found
    with pytest.raises(LumaError, match="one of none, text, json"):
        ProxySettings(access_log="combined")
