# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether hosts, and the names of apps, are ready for a deployment: the lines for people (``report``), and the same as
data, which `output.document_shapes` describes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.https import is_public
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.answers import Found, by_host

IN_FRONT = "right if a load balancer is in front, or if the host has another address for visitors"
SIGNS = {"error": "❌", "warning": "⚠️"}
Resolve = Callable[[str], set[str]]


def addresses_of(name: str) -> set[str]:
    """What the system's resolver says of a name; nothing where it knows none."""
    try:
        return {str(each[4][0]) for each in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except OSError:
        return set()


def readiness(
    apps: Sequence[Mapping[str, Any]], found: Found, reached_at: Mapping[str, str], resolve: Resolve = addresses_of
) -> dict[str, Any]:
    """``found``: what `luma.deploy.host_check` said; ``reached_at``: the address or name by which Ansible reaches each
    host."""
    hosts = by_host(list(found), found)
    names = _names(apps, {host: reached_at.get(host) or host for host in found}, resolve)
    lines = [line for host in hosts for line in _host_lines(host)]
    lines += [line for name in names for line in (name["name"], f"  {name['sign']} {name['text']}")]
    errors = sum(each["level"] == "error" for host in hosts for each in host.get("findings", ()))
    result: dict[str, Any] = {"hosts": hosts, "names": names, "report": lines}
    if errors:
        result.update(failed=True, msg=f"{errors} thing(s) to be put right first, see above. Nothing was changed.")
    return result


def _host_lines(host: Mapping[str, Any]) -> list[str]:
    if not host["answered"]:
        return [host["host"], f"  ❌ {host['problem']}"]
    facts = f"Docker {host['docker']}, {host['architecture']}, {host['free_bytes'] / 1e9:.1f} GB free"
    told = [f"  {SIGNS[each['level']]} {each['text']}" for each in host["findings"]]
    return [host["host"], f"  ✅ {facts}", *told]


def _names(apps: Sequence[Mapping[str, Any]], reached_at: Mapping[str, str], resolve: Resolve) -> list[dict[str, Any]]:
    """The names of apps that the public DNS has to know, each with where it leads."""
    asked = {name: app["hosts"] for app in apps if app["route"] for name in app["route"]["hosts"] if _is_asked(name)}
    wanted = sorted({*asked, *(reached_at[host] for hosts in asked.values() for host in hosts)})
    with ThreadPoolExecutor() as threads:
        known = dict(zip(wanted, threads.map(resolve, wanted), strict=True))
    return [_name(name, hosts, known, reached_at) for name, hosts in asked.items()]


def _is_asked(name: str) -> bool:
    return is_public(name) and "*" not in name


def _name(
    name: str, hosts: Sequence[str], known: Mapping[str, set[str]], reached_at: Mapping[str, str]
) -> dict[str, Any]:
    addresses, own = known[name], {address for host in hosts for address in known[reached_at[host]]}
    leads = f"leads to {', '.join(sorted(addresses))}"
    reached = ", ".join(sorted(own)) or "an address that is not known"
    level, text = "warning", f"{leads}, and {', '.join(hosts)} is reached at {reached}: {IN_FRONT}"
    if addresses & own:
        level, text = "", leads
    elif not addresses:
        text = "has no address in the DNS yet: visitors do not find it, and no certificate is got"
    sign = SIGNS.get(level, "✅")
    return {"name": name, "addresses": sorted(addresses), "level": level or None, "text": text, "sign": sign}
