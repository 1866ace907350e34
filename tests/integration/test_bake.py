# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bake with a real proxy, under requests that succeed at first."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.host import APP, docker
from tests.integration.conftest import Failed, Site, run_module

SECRET = "a password that nobody sees"


def ask(site: Site, port: int, path: str, until: Future[Any]) -> int:
    """Send requests one after the other until something is done; returns how many."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    number = 0
    while not until.done():
        connection.request("GET", path, headers={"Host": site.host})
        connection.getresponse().read()
        number += 1
        time.sleep(0.005)
    connection.close()
    return number


def test_a_color_whose_answers_turn_into_errors_is_refused(proxied: Site) -> None:
    port = proxied.route()["http_port"]
    proxied.deploy()
    proxied.prepare(environment={"A": "2"})
    proxied.switch("green")
    options = {**proxied.common, "color": "green", "health_check": proxied.check}
    with ThreadPoolExecutor() as pool:
        good = pool.submit(run_module, "bake", **options, seconds=1.5)
        sent = ask(proxied, port, "/", good)
        bad = pool.submit(run_module, "bake", **options, seconds=100)
        ask(proxied, port, "/broken", bad)
    seen = good.result()
    assert (seen["changed"], seen["errors"], seen["error_share_before"]) == (False, 0, 0)
    # The module counts from its first look on.
    assert 0 < seen["requests"] <= sent
    assert seen["report"] == [f"Baked 1.5 s: {seen['requests']:,} requests, 0.0 % errors, before 0.0 %"]
    with pytest.raises(Failed, match=rf"green does worse than what served before\. {APP}-green answered") as failed:
        bad.result()
    assert failed.value.result["container"] == f"{APP}-green"


def test_the_last_words_of_a_replica_that_ends_show_no_secret(site: Site) -> None:
    command = ["sh", "-c", "echo The password is $PASSWORD.; exec sleep 100"]
    site.prepare(command=command, secrets={"PASSWORD": SECRET}, health_check={})
    options = {**site.common, "color": "blue", "secret_names": ["PASSWORD"]}
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(run_module, "bake", **options, seconds=100)
        docker("kill", f"{APP}-blue")
    with pytest.raises(Failed, match=f"{APP}-blue exited with code 137") as failed:
        ended.result()
    assert failed.value.result["logs"] == ["The password is ********."]
    assert SECRET not in str(failed.value.result)
