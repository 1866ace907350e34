# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A luma.yml in a test's own folder, read as luma reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import Decrypt, no_vault
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load


def read(folder: Path, text: str, decrypt: Decrypt = no_vault, inventory: Inventory | None = None) -> dict[str, Any]:
    file = folder / "luma.yml"
    file.write_text(text)
    return load(str(file), decrypt, inventory)


def app(folder: Path, keys: str) -> dict[str, Any]:
    """The app of a file with these keys beside the image."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    apps: dict[str, Any] = read(folder, "name: shop\napps:\n  blog:\n    image: my-blog\n" + lines)["apps"]
    return dict(apps["blog"])


def mistakes(folder: Path, text: str, inventory: Inventory | None = None) -> list[str]:
    """The mistakes of a file, without the folder's name."""
    with pytest.raises(InvalidFile) as caught:
        read(folder, text, inventory=inventory)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def write_secrets(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / ".luma" / "secrets"
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(mode)
    return file
