# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments of Python that have what is published, and nothing of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.host import ROOT

PYTHONS = ("python3.14", "python3.13", "python3.12")
"""Those that have the newest ansible-core, the newest first."""


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def dependencies() -> tuple[str, ...]:
    return ("--requirements", str(ROOT / "pyproject.toml"))


def newest_python() -> str:
    """The newest Python that is here, outside of this environment."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    for name in PYTHONS:
        for candidate in (*map(str, versions.glob(f"3.*/bin/{name}")), shutil.which(name)):
            # A version manager's shim exists for versions that it then refuses to start.
            if candidate and not subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode:
                return candidate
    warnings.warn(f"the newest ansible-core runs on {', '.join(PYTHONS)}, and none of them is here", stacklevel=2)
    return sys.executable


def environment(folders: pytest.TempPathFactory, python: str, *install: str) -> Path:
    """The commands of a new environment; ``install`` is what `uv pip install` gets."""
    folder = folders.mktemp("environment") / "venv"
    subprocess.run(["uv", "venv", "--quiet", "--python", python, folder], check=True)
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", folder, *install], check=True)
    return folder / "bin"
