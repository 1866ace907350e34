# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma depends on is said in pyproject.toml, and nowhere else otherwise."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES: dict[str, Requirement] = {
    canonicalize_name(each.name): each for each in map(Requirement, PROJECT["dependencies"])
}


def test_what_is_pinned_for_a_checkout_is_what_a_wheel_may_have() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        pinned = re.findall(r"^(\S+)==(\S+)", (ROOT / file).read_text(), re.MULTILINE)
        assert {name for name, _version in pinned} >= set(DEPENDENCIES)
        for name, version in pinned:
            assert name not in DEPENDENCIES or version in DEPENDENCIES[name].specifier, (file, name, version)


def test_the_ansible_that_is_supported_is_the_same_everywhere() -> None:
    specifier = DEPENDENCIES["ansible-core"].specifier
    said = re.search(r"ansible-core (2\.\d+) to 2\.(\d+)", (ROOT / "README.md").read_text())
    assert said
    assert re.fullmatch(rf"<2\.{int(said[2]) + 1},>={said[1]}\.\d+", str(specifier))
    required = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    assert required == f">={said[1]}.0"


def test_the_python_that_is_needed_is_the_same_everywhere() -> None:
    needed = PROJECT["requires-python"].removeprefix(">=")
    assert f"Python {needed} or newer is needed" in (ROOT / "bin" / "setup-venv").read_text()
    assert f"Python {needed} or newer" in (ROOT / "README.md").read_text()


def test_an_execution_environment_has_the_same() -> None:
    """With ansible-core, which brings PyYAML, it has it from its own definition."""
    text = (ROOT / "meta" / "ee-requirements.txt").read_text()
    given = {canonicalize_name(each.name): each for each in map(Requirement, text.splitlines())}
    assert given == {name: each for name, each in DEPENDENCIES.items() if name not in ("ansible-core", "pyyaml")}
    definition = yaml.safe_load((ROOT / "examples" / "awx" / "execution-environment.yml").read_text())
    assert Requirement(definition["dependencies"]["ansible_core"]["package_pip"]) == DEPENDENCIES["ansible-core"]
