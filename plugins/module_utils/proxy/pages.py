# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of an app that luma-proxy sends in place of its own words, where it answers itself.

Each is a file that is named by its content, so that it can be there before a configuration refers to it.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

#: The folder in the one of the configuration.
FOLDER = "pages"
#: What the proxy answers by itself for an app. A page is for one of these, for a class of them, or for maintenance.
STATUSES = ("400", "401", "403", "408", "411", "413", "500", "502", "503", "504")
CLASSES = ("4xx", "5xx")
MAINTENANCE = "maintenance"

#: When a visitor who cannot be served may come again, in seconds.
RETRY_AFTER = " hdr Retry-After 5"
# HAProxy has no page of its own for 411, which only a rule can send (`proxy.admission`).
PAGE = """\
    http-error status {status} content-type text/html{header} file {file}
"""


def page_of(route: Route, status: str) -> str:
    """The file, as the proxy sees it, of a status or of maintenance; empty where there is none."""
    pages = dict(route.error_pages)
    text = pages.get(status) or (pages.get(status[0] + "xx") if status in STATUSES else pages.get("503"))
    return f"{CONFIG_DIR}/{_file(text)}" if text else ""


def render_pages(route: Route) -> str:
    """The lines of an app's backend."""
    files = {status: page_of(route, status) for status in STATUSES if status != "411"}
    return "".join(
        PAGE.format(status=status, header=RETRY_AFTER if status == "503" else "", file=file)
        for status, file in files.items()
        if file
    )


def page_files(routes: t.Iterable[Route]) -> dict[str, str]:
    """The pages of all apps, by their names beside the configuration."""
    return {_file(text): text for route in routes for _status, text in route.error_pages}


def _file(text: str) -> str:
    return f"{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:16]}.html"
