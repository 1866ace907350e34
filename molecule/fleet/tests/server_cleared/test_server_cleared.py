# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app is gone from the server that luma.yml no longer names."""

from __future__ import annotations

from typing import Any

from testinfra.host import Host

testinfra_hosts = ["ansible://server-3"]


def test_only_the_proxy_is_left(blog: Any) -> None:
    assert blog.containers.keys() == {"luma-proxy"}


def test_the_proxy_does_not_know_the_app(host: Host) -> None:
    status = host.check_output(
        "curl --silent --output /dev/null --write-out '%{http_code}' --header 'Host: blog.localhost' http://127.0.0.1/"
    )
    assert status == "404"


def test_no_release_and_no_image_of_one_is_kept(host: Host) -> None:
    assert not host.check_output("find /var/lib/luma/releases -type f")
    assert not host.check_output("docker images --quiet 'luma/fleet/*'")
