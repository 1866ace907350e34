# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of `luma deploy --report` in a browser; that of a real run is in tests/integration/test_commands_page.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.page.page import page

from tests.browser.chromium import Browser, problems
from tests.unit.made_run import SETTLED, MadeRun

HOSTILE = "</script><script>document.title = 'taken'</script>" + "release" * 10
LONG_NAMES = ("web1", "a-host-with-a-name-that-is-long." * 3)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(MadeRun, id="deployed"),
        pytest.param(partial(MadeRun, lost=HOSTILE, release=HOSTILE, hosts=LONG_NAMES, requests=20_000), id="failed"),
        pytest.param(partial(MadeRun, part=SETTLED), id="unchanged"),
    ],
)
def test_the_page_is_for_everybody(browser: Browser, tmp_path: Path, run: Callable[[Path], MadeRun]) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(run(tmp_path).outcomes))
    assert problems(browser, file) == []
    numbers = browser.numbers()
    verdict = f"{numbers['failed']} of {numbers['requests']:,} requests were lost"
    assert browser.text("h1") == f"{verdict}."
    assert browser.driver.title == f"{verdict}: blog"


def test_each_bar_lies_where_its_step_was(browser: Browser, tmp_path: Path) -> None:
    """The commits of the hosts lie within their switches, as the numbers do."""
    file = tmp_path / "report.html"
    file.write_text(page(MadeRun(tmp_path).outcomes))
    browser.open(file)
    places = "return [...document.querySelectorAll(arguments[0])].map(e => [e.getBoundingClientRect()]).flat()"
    lines = browser.js(places, "figure svg:last-of-type .commit")
    bars = browser.js(places, "rect.switch")
    assert len(lines) == len(bars) == 3
    for line, bar in zip(lines, bars, strict=True):
        assert bar["left"] < line["left"] < bar["right"]
