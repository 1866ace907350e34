# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every luma.yml that the documentation shows is one, and every page that it links to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.luma_file import read, write_secrets

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# docs/luma-yml.md has a test of its own.
EXAMPLES = [
    (page.name, example)
    for page in PAGES
    if page.name != "luma-yml.md"
    for example in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]
LINKS = [
    (page, link.partition("#")[0])
    for page in PAGES
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text())
    if not link.startswith(("#", "https:"))
]


SECRETS = ("DATABASE_URL", "POSTGRES_PASSWORD", "DOCKER_REGISTRY_PASSWORD", "EAB_KID", "EAB_HMAC", "CF_DNS_API_TOKEN")


@pytest.mark.parametrize(("_page", "example"), EXAMPLES)
def test_an_example_is_valid(_page: str, example: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    lines = [*(f"{name}=secret\n" for name in SECRETS), "SLACK_URL=https://chat.example/\n"]
    write_secrets(tmp_path, "".join(lines))
    assert read(tmp_path, example)


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    assert (page.parent / link).exists()
