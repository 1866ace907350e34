# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Python need not do again in each run, and again before each task."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

from luma_command.ansible_playbook import collect_what_is_new

from tests.host import ROOT

# Ansible's own loader is in place, as when it loads its plugins.
RUN = """
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
{first}
from ansible_collections.luma.deploy.plugins.module_utils.host import labels
"""
FIRST = "from ansible_collections.luma.deploy.plugins.plugin_utils import bytecode"


def kept(folder: Path, first: str) -> list[str]:
    """The modules of luma of which a run keeps the bytecode."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "PYTHONPYCACHEPREFIX": str(folder)}
    subprocess.run([sys.executable, "-P", "-c", RUN.format(first=first)], env=environment, check=True)
    return sorted(file.name.partition(".")[0] for file in folder.glob("**/luma/deploy/plugins/module_utils/**/*.pyc"))


def test_python_keeps_the_bytecode_of_the_collection(tmp_path: Path) -> None:
    assert kept(tmp_path / "without", "") == []
    assert kept(tmp_path / "with", FIRST) == ["__init__", "labels"]


def test_garbage_is_collected_again_once_processes_are_forked() -> None:
    gc.disable()
    try:
        collect_what_is_new()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.enable()
