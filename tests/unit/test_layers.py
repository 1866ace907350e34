# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of the logic are layers: each imports only from those that CONTRIBUTING.md lists above it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = "ansible_collections.luma.deploy.plugins"
LONGEST_FILE = 350
LONGEST_CLASS = 200


def rooms(base: str) -> list[str]:
    """The rooms of CONTRIBUTING.md's table, from the lowest layer up."""
    return re.findall(rf"^\| `{base}/(\w+)/` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)


def imports(file: Path) -> Iterator[str]:
    """What a file imports of the collection, such as `module_utils.host.engine`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PLUGINS):
            yield node.module.removeprefix(PLUGINS + ".")


@pytest.mark.parametrize("base", ["module_utils", "plugin_utils"])
def test_a_room_imports_from_lower_ones_only(base: str) -> None:
    order = rooms(base)
    folders = {folder.parent.name for folder in (ROOT / "plugins" / base).glob("*/__init__.py")}
    assert set(order) == folders
    for number, room in enumerate(order):
        above = {f"{base}.{other}" for other in order[number + 1 :]}
        for file in (ROOT / "plugins" / base / room).glob("*.py"):
            wrong = [name for name in imports(file) if ".".join(name.split(".")[:2]) in above]
            assert wrong == [], file


def test_what_runs_on_hosts_needs_nothing_of_the_controller() -> None:
    for file in (ROOT / "plugins" / "module_utils").rglob("*.py"):
        assert [name for name in imports(file) if not name.startswith("module_utils")] == [], file


def test_only_the_room_of_the_modules_knows_ansible() -> None:
    for file in (ROOT / "plugins" / "module_utils").rglob("*.py"):
        knows = "from ansible." in file.read_text() or "import ansible" in file.read_text()
        assert file.parent.name == "module" or not knows, file


def test_the_controller_does_without_the_docker_sdk() -> None:
    """It asks engines by modules alone. To import the SDK takes 0.1 s, in each command."""
    plugins = [
        f"{PLUGINS}.{folder}.{file.stem}"
        for folder in ("action", "callback", "inventory")
        for file in sorted((ROOT / "plugins" / folder).glob("*.py"))
    ]
    program = f"import sys, importlib\nfor name in {plugins}:\n    importlib.import_module(name)\n"
    program += "print({'docker', 'requests'} & set(sys.modules))"
    collections = {**os.environ, "PYTHONPATH": str(ROOT / ".collections")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=collections, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("folder", ["plugins/module_utils", "plugins/plugin_utils", "plugins/action", "bin"])
def test_a_file_is_not_longer_than_one_person_can_hold_in_mind(folder: str) -> None:
    long = [file for file in (ROOT / folder).rglob("*.py") if len(file.read_text().splitlines()) > LONGEST_FILE]
    assert long == []


@pytest.mark.parametrize("folder", ["plugins/module_utils", "plugins/plugin_utils", "plugins/action", "bin"])
def test_a_class_is_not_longer_than_one_person_can_hold_in_mind(folder: str) -> None:
    for file in (ROOT / folder).rglob("*.py"):
        classes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)]
        lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in classes}
        assert {name: length for name, length in lengths.items() if length > LONGEST_CLASS} == {}, file
