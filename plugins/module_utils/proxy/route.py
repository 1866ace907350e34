# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app's route through luma-proxy: what the proxy is to know about it, and what it is called there."""

from __future__ import annotations

from dataclasses import dataclass

ANY_HOST = "*"


@dataclass(frozen=True)
class Route:
    """How the proxy reaches one app.

    ``hosts``: the names it answers to: ``blog.com``, ``*.blog.com`` for one level below it, ``*`` for every name that
    nobody else has. ``check_path``: what the health check GETs with ``check_host`` as Host header; empty for a check
    that only connects. Times in seconds: ``response_timeout`` for an answer that has not begun, ``stream_timeout`` for
    one that has; ``hold`` is how long a request waits for a replica; ``keep_alive`` how long a client's connection may
    be idle. ``forward_headers``: whether X-Forwarded-* of the client are trusted and passed on, with ``forward_from``
    those of these addresses and networks only. ``slots``: how many replicas of both colors fit. ``ssl``: whether it is
    reached by HTTPS, too; then ``ssl_redirect`` sends visitors there from HTTP as soon as their name has a certificate
    that browsers accept, and ``hsts`` tells browsers for how many seconds they are to use nothing else. ``allow``: the
    addresses and networks of those who may come, all without it; ``max_body``: the largest body of a request, in bytes,
    0 for any; ``redirects``: names among the hosts that only lead to another one. ``paths``: the app has only what is
    one of these or below it, as ``/api``, which its own path does not have with ``strip_path``. ``own_certificate``:
    whether it has one, with ``ssl``, or its names are in that of the app that has all other paths. ``logins``: who may
    come with a name and a password, see `proxy.logins`; all without it. ``error_pages``: what is sent in place of the
    proxy's own words, see `proxy.pages`. ``sticky``: each visitor stays with one replica, see `proxy.sticky`.

    The rest is the host's own, and no deployment changes it. ``maintenance``: all are told so, but for those at the
    addresses of ``maintenance_allow``. ``sticky_key`` is that of the cookies of the color that serves.
    """

    project: str
    app: str
    network: str
    hosts: tuple[str, ...]
    app_port: int = 80
    check_path: str = "/up"
    check_host: str = "localhost"
    check_timeout: float = 5.0
    response_timeout: float = 30.0
    stream_timeout: float = 3600.0
    hold: float = 10.0
    keep_alive: float = 75.0
    forward_headers: bool = False
    slots: int = 8
    ssl: bool = False
    ssl_redirect: bool = True
    hsts: int = 0
    forward_from: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    max_body: int = 0
    redirects: tuple[tuple[str, str], ...] = ()
    paths: tuple[str, ...] = ()
    strip_path: bool = True
    own_certificate: bool = True
    logins: tuple[str, ...] = ()
    error_pages: tuple[tuple[str, str], ...] = ()
    sticky: bool = False
    maintenance: bool = False
    maintenance_allow: tuple[str, ...] = ()
    sticky_key: str = "0"

    @property
    def backend(self) -> str:
        """Neither a project's nor an app's name has a colon, so that this is unique."""
        return backend_name(self.project, self.app)

    @property
    def endpoint(self) -> str:
        """The alias with its network, so that two projects may have an app of the same name."""
        return f"{self.app}.{self.network}:{self.app_port}"

    @property
    def places(self) -> set[str]:
        """What belongs to the app alone: its host names, each with each path."""
        return {host.lower() + path for host in self.hosts for path in self.paths or ("",)}

    @property
    def name(self) -> str:
        """A name that is routed to the app: that of its health check, if it is one, since an app may answer for certain
        names only."""
        is_routed = any(stands_for(host, self.check_host) for host in self.hosts)
        return self.check_host if is_routed else example_of(self.hosts[0])


def backend_name(project: str, app: str) -> str:
    return f"{project}:{app}"


def stands_for(host: str, name: str) -> bool:
    """Whether one of a route's hosts, which may have a wildcard, is or has this name."""
    return host.lower() in (ANY_HOST, name.lower(), "*." + name.lower().partition(".")[2])


def example_of(host: str) -> str:
    """A name that a route's host stands for: a request needs one in its Host header."""
    if host == ANY_HOST:
        return "localhost"
    return host.replace("*", "www", 1)


def slots_for(replicas: int) -> int:
    """How many slots an app needs: both colors during a switch, and room to grow without a reload. A power of two,
    at least 8."""
    slots = 8
    while slots < 2 * replicas:
        slots *= 2
    return slots
