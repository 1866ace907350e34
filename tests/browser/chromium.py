# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Chromium without a screen, and what a page has to be in it for everybody."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

from tests.host import install

# Without the network and without a sandbox, which root cannot have.
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
WIDTHS = (320, 375, 1280)
#: What WCAG 2 asks of letters at level AA.
LEAST_CONTRAST = 4.5
#: The relative luminance that a dark ground has at the most.
DARKEST = 0.05
BRIGHTNESS = """
    const brightness = (color) => {
        const [red, green, blue] = color.match(/[\\d.]+/g).map(Number).map((each) => each / 255)
            .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
"""
# The least contrast of all letters, and where: HTML's have a color, those of SVG are filled with one.
CONTRAST = f"""
    {BRIGHTNESS}
    const clear = (color) => /, 0\\)$|^transparent$/.test(color);
    const ground = (element) => {{
        while (element && clear(getComputedStyle(element).backgroundColor)) element = element.parentElement;
        return getComputedStyle(element || document.documentElement).backgroundColor;
    }};
    const found = [];
    const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {{
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
        const style = getComputedStyle(element);
        const color = element instanceof SVGElement ? style.fill : style.color;
        const [dark, light] = [color, ground(element)].map(brightness).sort((one, other) => one - other);
        found.push([(light + 0.05) / (dark + 0.05), texts.currentNode.data.trim()]);
    }}
    return found.sort((one, other) => one[0] - other[0])[0];
"""
GROUND = f"{BRIGHTNESS} return brightness(getComputedStyle(document.documentElement).backgroundColor);"
INTERACTIVE = "a[href], button, input, select, textarea, summary, [tabindex], iframe"
FOCUSED = """
    const style = getComputedStyle(document.activeElement);
    return [document.activeElement, style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2];
"""


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with this folder, which is empty, as its memory."""
    install(chromium="chromium", chromedriver="chromium-driver")
    options = webdriver.ChromeOptions()
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


class Browser:
    """Opens one file after the other."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, file: Path, width: int = 1280, dark: bool = False) -> None:
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(file.as_uri())

    def js(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def text(self, selector: str) -> str:
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def numbers(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self.text("#numbers")))

    def asked_for(self) -> list[str]:
        """The addresses of what was loaded since the last time, beside the page and what is in it. The browser's own
        pages, which it still loads when the first one is opened, are not the page's."""
        entries = self.driver.get_log("performance")
        events = [json.loads(each["message"])["message"] for each in entries]
        urls = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if url != self.driver.current_url and not url.startswith(("data:", "chrome:"))]

    def complaints(self) -> list[str]:
        """What has been written to the console since the last time."""
        return [each["message"] for each in self.driver.get_log("browser")]

    def flaws(self) -> list[str]:
        """What axe-core finds to keep people from the page."""
        return [f"{each['help']}: {each['nodes'][0]['html']}" for each in Axe().run(self.driver)["violations"]]

    def out_of_reach(self) -> list[str]:
        """What can be used, and the tab key does not lead to, or not visibly."""
        waiting = self.driver.find_elements("css selector", INTERACTIVE)
        for _each in range(len(waiting)):
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
            focused, is_visible = self.js(FOCUSED)
            if focused in waiting and is_visible:
                waiting.remove(focused)
        return [f"the tab key does not lead to {each.text}" for each in waiting]


def problems(browser: Browser, file: Path) -> list[str]:
    """What keeps anybody from the page: what it needs from elsewhere, a narrow screen, the dark, no mouse."""
    found: list[str] = []
    for dark in (False, True):
        for width in WIDTHS:
            browser.open(file, width, dark)
            found += [f"asks for {url}" for url in browser.asked_for()]
            needed = browser.js("return document.documentElement.scrollWidth")
            found += [f"{needed} pixels wide on {width}"] if needed > width else []
        if (browser.js(GROUND) < DARKEST) is not dark:
            found.append("bright in the dark" if dark else "dark in the light")
        browser.js("for (const each of document.querySelectorAll('details')) each.open = true")
        contrast, where = browser.js(CONTRAST)
        found += [f"contrast {contrast}: {where}"] if contrast < LEAST_CONTRAST else []
        found += browser.flaws()
    return found + browser.out_of_reach() + browser.complaints()
