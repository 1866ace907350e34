# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is the same on engines that call its image by different ids."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.host.image_content import content_of
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.rollback import (
    CannotRollBack,
    NoSuchRelease,
    choices,
    serving,
    target,
    whole_spec,
)

IMAGE: dict[str, Any] = {
    "Id": "sha256:1",
    "Architecture": "amd64",
    "RootFS": {"Layers": ["sha256:a"]},
    "Config": {"Cmd": ["serve"], "Entrypoint": None, "Labels": {}, "Image": "sha256:0", "Hostname": "5c1d"},
}
APP: dict[str, Any] = {"name": "blog", "processes": [], "hosts": ["one", "two"], "hooks": {}}


def release(image: str, content: str, name: str = "r1", **facts: Any) -> dict[str, Any]:
    return {
        "release": name,
        "identity": [image, "c1", 2],
        "content": content,
        "kept_image": f"luma/shop/blog:{image}",
        "config_hash": "c1",
        "at": "2026-11-27",
        "by": "me",
        "serves": False,
        "run": "1",
        "spec": {"route": None, "on_hosts": {"gone": {}}},
        **facts,
    }


def on_record(**hosts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The answer of every host; the newest release last."""
    return {host: {"apps": [{"name": "blog", "problem": "", "releases": releases}]} for host, releases in hosts.items()}


def test_an_image_is_the_same_however_an_engine_tells_of_it() -> None:
    other = {**IMAGE, "Id": "sha256:2", "Config": {"Cmd": ["serve"], "Labels": None, "User": ""}}
    assert content_of(IMAGE) == content_of(other) != ""
    assert content_of(None) == ""


@pytest.mark.parametrize(
    "change",
    [{"Architecture": "arm64"}, {"RootFS": {"Layers": ["sha256:b"]}}, {"Config": {"Cmd": ["serve"], "Env": ["A=1"]}}],
)
def test_another_image_is_not(change: dict[str, Any]) -> None:
    assert content_of({**IMAGE, **change}) != content_of(IMAGE)


def test_hosts_agree_on_what_the_image_is_and_not_on_its_id() -> None:
    now = [release("i2", "x2", "r2", serves=True)]
    assert target(APP, "", on_record(one=[release("i1", "x1"), *now], two=[release("j1", "x1"), *now]))
    with pytest.raises(CannotRollBack, match="do not agree"):
        target(APP, "", on_record(one=[release("i1", "x1"), *now], two=[release("j1", "x9"), *now]))
    named = on_record(one=[release("i1", "x1", "i1"), *now], two=[release("j1", "x1", "j1"), *now])
    assert {target(APP, name, named)["release"] for name in ("i1", "j1")} == {"i1"}
    with pytest.raises(NoSuchRelease, match="no release k1 of blog on record; there are: r2, i1"):
        target(APP, "k1", named)
    # Whose image is gone.
    with pytest.raises(CannotRollBack, match="do not agree"):
        target(APP, "", on_record(one=[release("i1", ""), *now], two=[release("j1", ""), *now]))


@pytest.mark.parametrize(("choose", "serves"), [(choices, False), (serving, True)])
def test_each_host_has_the_image_by_the_name_under_which_it_is_kept_there(choose: Any, serves: bool) -> None:
    newer = [] if serves else [release("n", "n", "r2", serves=True)]
    one, two, three = (
        [release("older", "o"), release(image, "x1", name, serves=serves), *newer]
        for image, name in (("i1", "i1"), ("j1", "j1"), ("i1", "i1"))
    )
    found = {**on_record(one=one, two=two, three=three), "down": {"unreachable": True}}
    app = {**APP, "hosts": list(found)}
    spec = whole_spec(app, choose(app, found) if serves else choose(app, "", found))
    assert (spec["image"], spec["release"]) == ("luma/shop/blog:i1", "i1")
    assert spec["on_hosts"] == {"two": {"image": "luma/shop/blog:j1", "release": "j1"}}
