# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the picture of a report that README.md shows: `python -m tests.browser.picture report.html report.webp`.

Debian's package fonts-inter has the letters that it is to have."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import chromium

WIDTH = 880
SCALE, QUALITY = 1.5, 80
# As far as the figure goes.
HEIGHT = "return document.querySelector('figure').getBoundingClientRect().bottom + 8"


def take(report: Path, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        browser.open(report, WIDTH)
        browser.js("document.body.style.fontFamily = 'Inter'")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": browser.js(HEIGHT), "scale": SCALE}
        options = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
        taken = browser.driver.execute_cdp_cmd("Page.captureScreenshot", options)
    picture.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    take(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
