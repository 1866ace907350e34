# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action adds to luma.yml: hosts that Ansible knows, and releases."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.action.project import refuse_unreachable, released
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

from tests.unit.luma_file import app


def test_a_host_that_ansible_does_not_know_is_refused() -> None:
    refuse_unreachable(["localhost", "web1"], Inventory(["web1"]), "luma.yml")
    with pytest.raises(InvalidFile, match=r"web2: not in Ansible's inventory; add luma\.yml to it: -i luma\.yml"):
        refuse_unreachable(["web1", "web2"], Inventory(["web1"]), "luma.yml")


def test_what_is_built_has_a_release(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    blog = released(app(tmp_path, "build: {context: .}"))
    assert blog["image"] == f"my-blog:{blog['release']}"
    assert released(app(tmp_path, "replicas: 1"))["release"] is None
