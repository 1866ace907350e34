# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment's own luma.yml, laid over the other one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile, add_secret
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.shown import settings
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile, compose

from tests.unit.luma_file import mistakes, read, write_secrets

BASE = """
name: shop
apps:
  web: &web
    image: me/web
    replicas: 3
    memory: 1g
    environment: {plain: {A: base, B: base}}
    ports: ["1", "2"]
  api: {<<: *web, image: me/api}
"""


@pytest.fixture(autouse=True)
def staging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMA_ENVIRONMENT", "staging")


def laid_over(folder: Path, text: str, base: str = BASE) -> dict[str, Any]:
    (folder / "luma.staging.yml").write_text(text)
    return read(folder, base)


def test_maps_are_merged_and_other_values_replaced(tmp_path: Path) -> None:
    project = laid_over(tmp_path, "apps: {web: {replicas: 1, memory:, environment: {plain: {A: over}}, ports: ['3']}}")
    web, api = project["apps"].values()
    assert (project["project"], web["image"], web["replicas"], web["runtime"]) == ("shop-staging", "me/web", 1, {})
    assert (web["environment"], web["ports"]) == ({"A": "over", "B": "base"}, ["3"])
    # What the base has by YAML's merge key is the base's.
    assert (api["image"], api["replicas"]) == ("me/api", 3)


@pytest.mark.parametrize("over", ["apps: [{name: web, replicas: 1}]", "apps: {web: {replicas: 1}}"])
@pytest.mark.parametrize("base", ["apps: [{name: web, image: a}]", "apps: {web: {image: a}}"])
def test_lists_of_entries_with_names_are_merged_by_name(base: str, over: str, tmp_path: Path) -> None:
    (web,) = laid_over(tmp_path, over, base)["apps"].values()
    assert (web["name"], web["image"], web["replicas"]) == ("web", "a", 1)


def test_a_name_of_its_own_is_the_project_s(tmp_path: Path) -> None:
    assert laid_over(tmp_path, "name: other")["project"] == "other"
    assert laid_over(tmp_path, "", "apps: {web: {image: a}}")["project"].endswith("-staging")


def test_a_mistake_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "luma.staging.yml").write_text("apps:\n  web: {replicas: 0}\n")
    assert mistakes(tmp_path, BASE)[0].startswith("luma.staging.yml:2:19: apps.web.replicas: has to be")
    (tmp_path / "luma.staging.yml").write_text("")
    (mistake,) = mistakes(tmp_path, "apps:\n  web: {image: a, replicas: 0}\n")
    assert mistake.startswith("luma.yml:2:29: apps.web.replicas: ")


def test_it_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidFile, match=r"luma\.staging\.yml: No such file"):
        read(tmp_path, BASE)
    monkeypatch.setenv("LUMA_ENVIRONMENT", "../x")
    with pytest.raises(InvalidFile, match="the name of an environment has to hold only"):
        read(tmp_path, BASE)


def test_secrets_are_laid_over_as_well(tmp_path: Path) -> None:
    own = write_secrets(tmp_path, "A=base\nB=base\n").with_name("secrets.staging")
    own.write_text("A=staging\nC=$(exit 1)\n")
    own.chmod(0o600)
    luma_yml = str(tmp_path / "luma.yml")
    secrets = SecretsFile.beside(luma_yml)
    assert (secrets.path, list(secrets.values), secrets.warnings) == (own, ["A", "B", "C"], ())
    assert (secrets.values["A"], secrets.values["B"]) == ("staging", "base")
    add_secret(luma_yml, "NEW", "1", "made")
    assert own.read_text().endswith("# made\nNEW=1\n")


def test_what_is_read_is_shown_with_its_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luma.staging.yml").write_text("apps:\n  web:\n    command: [sh, -c, 'a, b']\n    memory: ${SIZE}\n")
    (tmp_path / "luma.yml").write_text(BASE)
    found = list(settings(compose("luma.yml")))
    told = {each.path: (each.value, f"{each.file}:{each.line}") for each in found if each.value}
    assert told["apps.web.replicas"] == ("3", "luma.yml:6")
    assert told["apps.web.memory"] == ("${SIZE}", "luma.staging.yml:4")
    assert told["apps.api.image"] == ("me/api", "luma.yml:10")
    # What is shown is YAML, and says the same.
    shown = yaml.safe_load("\n".join(map(str, found)))
    assert shown["apps"]["web"]["command"] == ["sh", "-c", "a, b"]
    assert shown["apps"]["api"]["environment"] == {"plain": {"A": "base", "B": "base"}}
