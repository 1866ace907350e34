# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A visitor stays with one replica, by a cookie of HAProxy's, as long as the color serves.

The cookie is a digest of the replica's address and a key. HAProxy follows it to a server that is drained, too: so a
switch changes the key in the batch that commits it, and from then on no cookie leads to the old color.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

#: The key of each backend, by which rules see that it has changed.
MAP = "sticky.map"

# A request that waits for a replica comes through the proxy twice, and the inner answer has the cookie (`preserve`). An
# answer that was under way at a switch would get the new key with the old address.
RULES = """\
    cookie {cookie} insert indirect preserve nocache httponly dynamic attr SameSite=Lax
    dynamic-cookie-key {key}
    http-request set-var(txn.sticky_key) {current}
    http-after-response replace-header Set-Cookie "^{pattern}=.*" "{cookie}=; Path=/; Max-Age=0" \
unless {{ {current},strcmp(txn.sticky_key) eq 0 }}
"""


def render_sticky(route: Route) -> str:
    """The lines of an app's backend."""
    if not route.sticky:
        return ""
    # Apps of several projects may have paths of one name, and browsers one cookie for all of them.
    cookie = f"luma-{route.project}-{route.app}"
    current = f"str({route.backend}),map_str({CONFIG_DIR}/{MAP})"
    return RULES.format(cookie=cookie, pattern=re.escape(cookie), key=route.sticky_key, current=current)


def render_sticky_map(routes: t.Iterable[Route]) -> str:
    return "".join(f"{route.backend} {route.sticky_key}\n" for route in routes if route.sticky)


def set_key(backend: str, key: str) -> list[str]:
    """The commands of the runtime API that change the key of a backend (Management Guide 9.3)."""
    return [
        f"set dynamic-cookie-key backend {backend} {key}",
        f"set map {CONFIG_DIR}/{MAP} {backend} {key}",
    ]
