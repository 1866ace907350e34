# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come to an app with a name and a password (HTTP's basic authentication, RFC 7617).

HAProxy's own lists of users stand in its configuration, which diffs show, and their hashes are made to be slow: each
request would cost milliseconds. So the proxy has a map of SHA-256 digests, made on the controller of the app's backend,
the name and the password, in a folder that is closed to all but root.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

MAP = "logins.map"

# Behind the redirect to HTTPS: no password is asked for before.
ASK = """\
    http-request set-var-fmt(txn.login) "{backend} %[http_auth_user]:%[http_auth_pass]"
    http-request auth realm {app} \
unless {{ var(txn.login),sha2(256),hex,map_str({config}/{map}) -m found }} || {{ fe_name check }}
"""


def digest(backend: str, login: str) -> str:
    """What the proxy knows of a login, NAME:PASSWORD. HAProxy's converter `hex` writes capitals."""
    return hashlib.sha256(f"{backend} {login}".encode()).hexdigest().upper()


def render_login(route: Route) -> str:
    """The rules of an app's backend."""
    return ASK.format(backend=route.backend, app=route.app, config=CONFIG_DIR, map=MAP) if route.logins else ""


def render_logins_map(routes: t.Iterable[Route]) -> str:
    return "".join(f"{login} {route.backend}\n" for route in routes for login in sorted(route.logins))
