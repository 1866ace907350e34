# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of releases: what it keeps, in which order, and what it does with a damaged file."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_CONFIG_HASH
from ansible_collections.luma.deploy.plugins.module_utils.release.records import (
    KEPT,
    Release,
    Releases,
    kept_image,
    record,
    recorded_apps,
)

from tests.unit.fakes import APP, FakeEngine, Host

SPEC: dict[str, Any] = {"image": "my-blog", "replicas": 2, "secrets": ["PASSWORD"]}


def release(name: str, *, replicas: int = 2, config_hash: str = "c1") -> Release:
    spec = {**SPEC, "replicas": replicas}
    return Release(name, "my-blog", f"sha256:{name}", config_hash, "2026-01-01T00:00:00+00:00", "me@here", spec)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(str(tmp_path), APP)


def names(releases: Releases) -> list[str]:
    return [known.release for known in releases.read()]


def test_the_last_five_are_kept_newest_last(releases: Releases) -> None:
    assert releases.read() == []
    for number in range(1, KEPT + 3):
        releases.add(release(f"r{number}"))
    assert names(releases) == ["r3", "r4", "r5", "r6", "r7"]


def test_as_many_are_kept_as_luma_yml_says(releases: Releases) -> None:
    for number in range(1, 5):
        releases.add(release(f"r{number}"))
    Releases(str(releases.file.parents[2]), APP, kept=2).add(release("r5"))
    assert names(releases) == ["r4", "r5"]


def test_one_that_serves_again_is_the_newest_and_the_one_before_it_the_previous(releases: Releases) -> None:
    for name in ("r1", "r2", "r3", "r2"):
        releases.add(release(name))
    assert names(releases) == ["r1", "r3", "r2"]


def test_the_newest_keeps_its_time_and_takes_a_new_route(releases: Releases) -> None:
    releases.add(release("r1"))
    later = replace(release("r1"), at="2026-02-02T00:00:00+00:00", by="you@there", spec={**SPEC, "route": "new"})
    releases.add(later)
    (known,) = releases.read()
    assert (known.at, known.by, known.spec["route"]) == ("2026-01-01T00:00:00+00:00", "me@here", "new")


@pytest.mark.parametrize("change", [{"replicas": 3}, {"config_hash": "c2"}])
def test_another_configuration_of_the_same_image_is_another_release(releases: Releases, change: Any) -> None:
    releases.add(release("r1"))
    releases.add(release("r1", **change))
    assert names(releases) == ["r1", "r1"]


def test_only_root_reads_it(releases: Releases) -> None:
    releases.add(release("r1"))
    assert stat.S_IMODE(releases.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(releases.file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["", "[{", '{"a": 1}', '[{"release": "r1"}]'])
def test_a_damaged_file_is_told_of(releases: Releases, damage: str) -> None:
    releases.file.parent.mkdir(parents=True)
    releases.file.write_text(damage)
    with pytest.raises(LumaError, match=r"blog's releases, .*blog\.json, cannot be read"):
        releases.read()


@pytest.fixture
def host() -> Host:
    made = Host()
    made.add("blue", 2, serving=True)
    return made


class KeepingEngine(FakeEngine):
    """Remembers the names that images were given."""

    def __init__(self, host: Host, folder: Path) -> None:
        super().__init__(host, folder)
        self.tags: dict[str, str] = {}
        self.client: Any = SimpleNamespace(tag=self.tag)

    def tag(self, image: str, repository: str, tag: str) -> None:
        self.tags[f"{repository}:{tag}"] = image


def containers(host: Host, image: str = "a1b2") -> list[Container]:
    labels = {LABEL_CONFIG_HASH: "c1", "luma.release": "r1"}
    return [replace(c, labels=labels, image_id=f"sha256:{image}") for c in host.containers.values()]


def test_what_serves_is_recorded_and_its_image_kept(host: Host, tmp_path: Path) -> None:
    engine = KeepingEngine(host, tmp_path)
    assert record(engine, str(tmp_path), APP, containers(host), SPEC, "me@here") == []
    (known,) = Releases(str(tmp_path), APP).read()
    assert (known.release, known.image, known.image_id, known.by) == ("r1", "my-blog", "sha256:a1b2", "me@here")
    assert known.runs_as(containers(host))
    assert not known.runs_as(containers(host)[:1])
    assert not known.runs_as(containers(host, "other"))
    assert engine.tags == {"luma/shop/blog:a1b2": "sha256:a1b2"}
    assert recorded_apps(str(tmp_path), "shop") == ["blog"]


@pytest.mark.parametrize("image_id", ["sha256:a1b2", "sha256:as-another-host-calls-it"])
def test_a_rollback_does_not_change_what_people_call_the_image(host: Host, image_id: str, tmp_path: Path) -> None:
    engine = KeepingEngine(host, tmp_path)
    kept = {**SPEC, "image": kept_image(APP, image_id)}
    record(engine, str(tmp_path), APP, containers(host), SPEC, "me@here")
    record(engine, str(tmp_path), APP, containers(host), kept, "me@here")
    assert [known.image for known in Releases(str(tmp_path), APP).read()] == ["my-blog"]


def test_a_damaged_record_is_reported_and_replaced(host: Host, tmp_path: Path) -> None:
    releases = Releases(str(tmp_path), APP)
    releases.file.parent.mkdir(parents=True)
    releases.file.write_text("[{")
    (warning,) = record(KeepingEngine(host, tmp_path), str(tmp_path), APP, containers(host), SPEC, "me@here")
    assert "starts a new one" in warning
    assert names(releases) == ["r1"]


def test_a_record_that_cannot_be_written_is_a_warning(host: Host, tmp_path: Path) -> None:
    (tmp_path / "releases").write_text("no folder")
    (warning,) = record(KeepingEngine(host, tmp_path), str(tmp_path), APP, containers(host), SPEC, "me@here")
    assert "could not be recorded" in warning
