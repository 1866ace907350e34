# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module in a process of its own, as Ansible runs it, but forked from one that has imported what all modules need:
most of the time of these hundreds of modules would be imports."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host import ROOT

MODULES = "ansible_collections.luma.deploy.plugins.modules"
IMPORTED = [
    # What starts the tests is imported into each of their processes.
    "pytest",
    "ansible.module_utils.basic",
    "docker",
    "ansible_collections.luma.deploy.plugins.module_utils.module.engine_module",
]
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(IMPORTED)


class Printed(NamedTuple):
    """What a module printed."""

    output: str
    errors: str


def run(name: str, given: str, seconds: float = 120) -> Printed:
    """Run a module; `given` is what it reads."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(ROOT / ".collections"))
        forkserver.ensure_running()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "0").write_text(given)
        process = FORKED.Process(target=_become, args=(name, folder, dict(os.environ)))
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
            raise TimeoutError(f"the module {name} does not end")
        return Printed((folder / "1").read_text(), (folder / "2").read_text())


def _become(name: str, folder: Path, environment: dict[str, str]) -> None:
    """In the new process: be the module, with the folder's files as standard input, output and error."""
    os.environ.clear()
    os.environ.update(environment)
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(folder / str(number), flags), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    sys.argv = [name]
    runpy.run_module(f"{MODULES}.{name}", run_name="__main__", alter_sys=True)
