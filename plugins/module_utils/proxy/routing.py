# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which app a request is for: HAProxy finds the backend by the name and the path that are asked for.

A name may be shared by apps with different path prefixes. Rules that are not needed are not there: each costs time.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CONFIG_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import ANY_HOST, Route

#: The backend that answers where no app has the name.
UNKNOWN_HOST = "unknown-host"
#: A request that this proxy has sent to itself has been through its backend's rules already.
AGAIN = "fc_pp_tlv({tlv}) -m found"

# The backend of a request's host: the map has names, and patterns of which each stands for one level below a name.
BY_HOST = "%[req.hdr(host),host_only,lower,map_str({config}/hosts.map,{otherwise})]"
BY_PATTERN = """\
    http-request set-var(txn.host) req.hdr(host),host_only,lower
    http-request set-var(txn.backend) var(txn.host),map_str({config}/hosts.map)
    http-request set-var(txn.backend) var(txn.host),regsub(^[^.]*,*),map_str({config}/hosts.map,{otherwise}) \
unless {{ var(txn.backend) -m found }}
"""
# The map has names with prefixes, as in blog.com/api/, of which the longest counts (Configuration Manual, map_beg). The
# slash at the end keeps /apiary out.
BY_PATH = """\
    http-request set-var-fmt(txn.place) "%[req.hdr(host),host_only,lower]%[path]/"
    http-request set-var(txn.by_path) var(txn.place),map_beg({config}/paths.map)
"""
BY_PATH_OF_PATTERN = """\
    http-request set-var(txn.by_path) var(txn.place),regsub({pattern},*),map_beg({config}/paths.map) \
unless {{ var(txn.by_path) -m found }}
"""
USE_PATH = """\
    use_backend %[var(txn.by_path)] if { var(txn.by_path) -m found }
"""

# Once: what is left may begin with another prefix of the app's. The app is told, also of a request that has waited.
STRIP = """\
    http-request del-header X-Luma-Prefix unless {{ {again} }}
{prefixes}\
    http-request set-header X-Luma-Prefix %[var(txn.prefix)] if {{ var(txn.prefix) -m found }}
{replacements}\
    http-request set-header X-Forwarded-Prefix %[req.hdr(x-luma-prefix)] if {{ req.hdr(x-luma-prefix) -m found }}
"""
PREFIX = """\
    http-request set-var(txn.prefix) str({prefix}) \
if !{{ {again} }} !{{ var(txn.prefix) -m found }} {{ path {prefix} }} \
or !{{ {again} }} !{{ var(txn.prefix) -m found }} {{ path_beg {prefix}/ }}
"""
REPLACEMENT = """\
    http-request replace-path ^{pattern}/*(.*) /\\1 if {{ var(txn.prefix) -m str {prefix} }}
"""


def render_routing(routes: t.Sequence[Route]) -> dict[str, str]:
    """How a frontend finds the backend of a request: ``by_rules``, ``use_path``, and the name ``by_host``, or else
    ``otherwise``."""
    catch_all = [route.backend for route in routes if ANY_HOST in route.hosts and not route.paths]
    names = {"config": CONFIG_DIR, "otherwise": catch_all[0] if catch_all else UNKNOWN_HOST}
    with_paths = [host for route in routes if route.paths for host in route.hosts]
    rules = BY_PATH.format(**names) if with_paths else ""
    if any(host.startswith("*.") for host in with_paths):
        rules += BY_PATH_OF_PATTERN.format(pattern="^[^./]*", **names)
    if ANY_HOST in with_paths:
        rules += BY_PATH_OF_PATTERN.format(pattern="^[^/]*", **names)
    if any(host.startswith("*.") for route in routes if not route.paths for host in route.hosts):
        rules, by_host = rules + BY_PATTERN.format(**names), "%[var(txn.backend)]"
    else:
        by_host = BY_HOST.format(**names)
    use_path = USE_PATH if with_paths else ""
    return {"by_rules": rules, "use_path": use_path, "by_host": by_host, "otherwise": names["otherwise"]}


def render_strip(route: Route, tlv: str) -> str:
    """The rules of an app's backend that take its prefix away from the path."""
    if not (route.paths and route.strip_path):
        return ""
    again, longest_first = AGAIN.format(tlv=tlv), sorted(route.paths, key=len, reverse=True)
    return STRIP.format(
        again=again,
        prefixes="".join(PREFIX.format(prefix=prefix, again=again) for prefix in longest_first),
        replacements="".join(REPLACEMENT.format(prefix=each, pattern=re.escape(each)) for each in longest_first),
    )


def render_hosts_map(routes: t.Sequence[Route]) -> str:
    """The map from host name to backend; both sides of a map are separated by a space."""
    rows = (f"{host.lower()} {route.backend}\n" for route in routes if not route.paths for host in route.hosts)
    return "".join(rows)


def render_paths_map(routes: t.Sequence[Route]) -> str:
    """The map from host name and path prefix to backend."""
    return "".join(
        f"{host.lower()}{path}/ {route.backend}\n" for route in routes for path in route.paths for host in route.hosts
    )
