# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What releases are called: one name for each, the same on all hosts of a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Release, Releases
from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import name_of, recorded
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import known_releases

from tests.unit.fakes import APP


def known(**releases: str) -> list[dict[str, Any]]:
    """Releases by their names, in which ``_`` stands for the mark, each with a configuration."""
    return [{"release": name.replace("_", "~"), "identity": ["i1", config, 2]} for name, config in releases.items()]


@pytest.mark.parametrize(
    ("base", "config", "releases", "name"),
    [
        ("abc", "c1", {}, "abc"),
        ("abc", "c1", {"def": "c1"}, "abc"),
        ("abc", "c2", {"abc": "c1"}, "abc~2"),
        ("abc", "c3", {"abc": "c1", "abc_2": "c2"}, "abc~3"),
        # What served before is called so again.
        ("abc", "c1", {"abc": "c1", "abc_2": "c2"}, "abc"),
        ("abc", "c2", {"abc": "c1", "abc_2": "c2"}, "abc~2"),
        # The record has forgotten the first ones.
        ("abc", "c9", {"abc_7": "c7", "def": "d"}, "abc~8"),
        # A rollback names a release with its number; by now a secret has another value.
        ("abc~2", "c2", {"abc": "c1", "abc_2": "c2"}, "abc~2"),
        ("abc~2", "c4", {"abc": "c1", "abc_2": "c2"}, "abc~3"),
        # In check mode, where the image is missing.
        ("", "c1", {"abc": "c1"}, ""),
        # Names that others gave.
        ("a~b", "c2", {"a": "c1", "a~": "c3"}, "a~b"),
    ],
)
def test_another_release_of_the_same_image_has_a_number(
    base: str, config: str, releases: dict[str, str], name: str
) -> None:
    assert name_of(base, ["i1", config, 2], known(**releases)) == name


def test_another_image_or_number_of_replicas_is_another_release_too() -> None:
    assert name_of("abc", ["i2", "c1", 2], known(abc="c1")) == "abc~2"
    assert name_of("abc", ["i1", "c1", 3], known(abc="c1")) == "abc~2"


def test_two_of_one_name_that_are_on_record_keep_it() -> None:
    earlier = [*known(abc="c1"), *known(abc="c2")]
    assert [name_of("abc", ["i1", config, 2], earlier) for config in ("c1", "c2", "c3")] == ["abc", "abc", "abc~2"]


def test_what_a_host_has_on_record(tmp_path: Path) -> None:
    releases = Releases(str(tmp_path), APP)
    assert recorded(str(tmp_path), "shop", "blog") == []
    releases.add(Release("abc", "blog", "i1", "c1", "", "", {"replicas": 2}))
    releases.add(Release("abc~2", "blog", "i1", "c2", "", "", {}))
    assert recorded(str(tmp_path), "shop", "blog") == [
        {"release": "abc", "identity": ["i1", "c1", 2]},
        {"release": "abc~2", "identity": ["i1", "c2", 1]},
    ]
    releases.file.write_text("[{}]")
    assert recorded(str(tmp_path), "shop", "blog") == []


def test_hosts_number_by_what_any_of_them_has_on_record() -> None:
    old, new = known(abc="c1"), known(abc_2="c2")
    told = known_releases([], {"web1": {"releases": old + new}, "web2": {"failed": True}, "web3": {"releases": old}})
    assert told == old + new
    # Of those whose locks were asked for again.
    assert known_releases(told, {"web2": {"releases": known(def_="d")}}) == [*told, *known(def_="d")]
