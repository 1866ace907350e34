# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/commands.md is true: its commands, run in their order in one project, print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.browser.chromium import Browser, problems
from tests.host import APP_IMAGE, LUMA, PROXY_IMAGE, ROOT, docker, remove_project
from tests.integration.conftest import Site

PAGE = (ROOT / "docs" / "commands.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ luma ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
IMAGE = "my-image"
WITH_REPORT = "deploy web --probe --report report.html"
# What differs from run to run, and what stands for it.
VARIES = (
    (re.compile(r"\b[0-9a-f]{6,64}\b"), "HEX"),
    (re.compile(r"\S+@\S+"), "WHO"),
    # A gap is below zero where two requests overtook each other; "web-green-1" has a dash of its own.
    (re.compile(r"(?:(?<=\s)-)?\d[\w.,:+-]*"), "NUMBER"),
    (re.compile(r" +"), " "),
)


@pytest.fixture
def shop(proxied: Site, tmp_path: Path) -> Iterator[Path]:
    """An empty folder of the project's name, on a host whose proxy runs."""
    docker("tag", APP_IMAGE, IMAGE)
    folder = tmp_path / "shop"
    folder.mkdir()
    remove_project("shop")  # of a run that was killed
    yield folder
    remove_project("shop")
    docker("rmi", IMAGE)


def as_always(text: str) -> list[str]:
    for pattern, stands_for in VARIES:
        text = pattern.sub(stands_for, text)
    return [line.strip() for line in text.splitlines()]


def luma(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LUMA, *arguments.split()],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if "--json" not in arguments else subprocess.DEVNULL,
        text=True,
        timeout=180,
        check=False,
    )


def fill_in(folder: Path, version: str) -> None:
    app = {
        "image": IMAGE,
        "replicas": 2,
        "environment": {"plain": {"VERSION": version}},
        "proxy": {"hosts": ["www.example.com"], "app_port": 3000},
    }
    settings = {"apps": {"web": app}, "proxy": {"image": PROXY_IMAGE}}
    (folder / "luma.yml").write_text(yaml.safe_dump(settings))


def test_each_example_prints_what_the_page_shows(shop: Path, browser: Browser) -> None:
    assert len(EXAMPLES) == PAGE.count("```console")
    for arguments, shown in EXAMPLES:
        if arguments == WITH_REPORT:
            fill_in(shop, "2")
        done = luma(shop, arguments)
        assert done.returncode == (2 if "wbe" in arguments else 0), done.stdout
        printed = [line for line in as_always(done.stdout) if not re.fullmatch(r"[A-Z][^\[\]]*\.\.\.", line)]
        if arguments == "proxy status":
            # The proxy serves other projects, too.
            own = next(number for number, line in enumerate(printed) if line.startswith("shop web"))
            printed = [printed[0], *printed[own : own + 2]]
        assert printed == as_always(shown), arguments
        if arguments == "init":
            fill_in(shop, "1")
        if arguments == WITH_REPORT:
            check_report(browser, shop / "report.html", done.stdout)


def check_report(browser: Browser, file: Path, printed: str) -> None:
    """The report is a page for everybody, says what was printed, and has the commit within the switch."""
    assert problems(browser, file) == []
    numbers = browser.numbers()
    (web,) = numbers["apps"]
    assert f"Probe: {numbers['requests']:,} requests, {numbers['failed']} failed" in printed
    assert browser.text("h1") == f"0 of {numbers['requests']:,} requests were lost."
    assert re.findall(r"web: (\S+) → (\S+)", printed) == [(web["previous_release"], web["release"])]
    steps = {each["step"]: each for each in web["steps"]}
    assert list(steps) == ["prepare", "switch", "retire"]
    assert steps["switch"]["began"] < web["hosts"][0]["switched"] < steps["switch"]["ended"]
    assert min(each["requests"] for each in web["phases"]) > 0
