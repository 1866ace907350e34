# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus with the configuration of examples/monitoring asks a proxy for its numbers, and for luma's own."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import Https
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.keys import app_key, pem_of, self_signed

from tests.host import NEWER_PROXY_IMAGE, PROMETHEUS_IMAGE, PROXY_IMAGE, ROOT, TEST_PROXY, docker, free_port
from tests.integration.conftest import Site, run_module
from tests.integration.own_proxy import OwnProxy, route_of
from tests.series import numbers_in
from tests.zero_loss.project import wait_for

EXAMPLE = ROOT / "examples" / "monitoring"
DASHBOARD = json.loads((EXAMPLE / "dashboard.json").read_text())
# As docs/monitoring.md has it.
JOINED = """
  sum by (project, app, instance) (rate(haproxy_backend_http_requests_total[1m]))
  * on (project, app, instance) group_left (release, color) luma_app_info
"""
RUN = {"id": "the-run", "by": "me@laptop", "command": "luma deploy"}


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[int]:
    """The port of a Prometheus with the configuration of the examples, which asks only this target."""
    text = (EXAMPLE / "prometheus.yml").read_text()
    text = text.replace('"web1.internal:8404", "web2.internal:8404"', json.dumps(target))
    assert target in text
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + text)
    shutil.copy(EXAMPLE / "alerts.yml", folder)
    folder.chmod(0o755)
    name, port = f"{TEST_PROXY}{os.getpid()}-prometheus", free_port()
    where = ["--detach", "--name", name, "--network", "host", "--volume", f"{folder}:/config:ro", PROMETHEUS_IMAGE]
    options = ["--config.file=/config/prometheus.yml", "--storage.tsdb.path=/tmp/data"]
    docker("run", *where, "prometheus", *options, f"--web.listen-address=127.0.0.1:{port}")
    try:
        wait_for(lambda: is_ready(port), "Prometheus does not get ready")
        yield port
    finally:
        docker("rm", "--force", name)


def is_ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(get(port, "/-/ready"))
    return False


def get(port: int, path: str) -> str:
    """The body of an answer. Raises `OSError` if its status is not 200."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def shown(port: int, expression: str) -> list[dict[str, Any]]:
    """What Prometheus answers to a query."""
    return list(json.loads(get(port, f"/api/v1/query?query={quote(expression)}"))["data"]["result"])


def has_any(port: int, expression: str) -> bool:
    return bool(shown(port, expression))


def promtool(*arguments: str, given: str = "") -> None:
    """Fails if it finds anything, and says what."""
    command = ["docker", "run", "--rm", "--interactive", "--volume", f"{EXAMPLE}:/example:ro", PROMETHEUS_IMAGE]
    done = subprocess.run([*command, "promtool", *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def deploy(site: Site, state: str) -> None:
    """Under the lock, and with what came of it in the audit log."""
    common: dict[str, Any] = {"state_dir": state, "run": RUN["id"]}
    run_module("deploy_lock", **site.names, state_dir=state, run=RUN)
    prepared = site.prepare(replicas=2, release="r1", **common)
    site.switch(prepared["color"], **common)
    site.retire(prepared["other"], **common, release_lock={"run": RUN, "audit": {"outcome": "deployed"}})


def expressions(queries: list[dict[str, str]]) -> list[str]:
    """With values in the place of the dashboard's variables."""
    found = [query["expr"] for query in queries]
    for name, value in {"$__rate_interval": "1m", "$project": ".+", "$app": ".+"}.items():
        found = [each.replace(name, value) for each in found]
    assert not any("$" in each for each in found)
    return found


@pytest.mark.parametrize("image", [PROXY_IMAGE, NEWER_PROXY_IMAGE])
def test_prometheus_is_told_what_luma_knows(image: str, site: Site, own_proxy: OwnProxy, tmp_path: Path) -> None:
    state, began = str(own_proxy.folder.parent), time.time()
    deploy(site, state)
    run_module("prune", project=site.project, apps=[site.app], state_dir=state)
    metrics_port = free_port()
    metrics = f"127.0.0.1:{metrics_port}"
    proxy = own_proxy.of(image, bind="127.0.0.1", http_port=own_proxy.port, https_port=free_port(), metrics=metrics)
    key, route = app_key(bytes(32), site.project, site.app, "ec256"), replace(route_of(site), ssl=True)
    own = Https(pem_of(key), self_signed(key, [site.host]), own=True, names=[site.host])
    proxy.place(route, own, check_mode=False)
    proxy.ensure(route)
    run_module("deploy_lock", **site.names, state_dir=state, run=RUN)

    certificate = own_proxy.served().certificate(f"{site.project}:{site.app}")
    assert certificate
    text = get(metrics_port, "/metrics/luma")
    found, app = numbers_in(text), f'project="{site.project}",app="{site.app}"'
    assert found[f'luma_app_info{{{app},release="r1",color="blue"}}'] == 1
    assert found[f"luma_replicas_wanted{{{app}}}"] == 2
    assert found[f"luma_inactive_replicas{{{app}}}"] == found[f"luma_maintenance{{{app}}}"] == 0
    assert found[f'luma_runs_total{{{app},outcome="deployed"}}'] == 1
    assert found[f'luma_runs_total{{{app},outcome="failed"}}'] == 0
    assert found[f"luma_certificate_trusted_names{{{app}}}"] == 1
    assert found[f"luma_certificate_not_after_timestamp_seconds{{{app}}}"] == certificate.expires
    for name in ("luma_lock_taken_timestamp_seconds{%s}", 'luma_last_run_timestamp_seconds{%s,outcome="deployed"}'):
        # A lock's time is in whole seconds.
        assert began - 1 < found[name % app] < time.time()
    promtool("check", "metrics", given=text)

    if image == PROXY_IMAGE:
        with prometheus(tmp_path, metrics) as port:
            assert_example_works(port, site)


def assert_example_works(port: int, site: Site) -> None:
    """Every rule can be evaluated, and every panel of the dashboard shows something."""

    def health() -> set[str]:
        groups = json.loads(get(port, "/api/v1/rules"))["data"]["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}

    wait_for(lambda: health() == {"ok"}, "a rule cannot be evaluated")
    for panel in DASHBOARD["panels"]:
        for expression in expressions(panel["targets"]):
            shows = functools.partial(has_any, port, expression)
            wait_for(shows, f"{panel['title']} shows nothing: {expression}")
    for expression in expressions(DASHBOARD["annotations"]["list"]):
        shown(port, expression)
    (result,) = shown(port, JOINED)
    assert (result["metric"]["app"], result["metric"]["release"], result["metric"]["color"]) == (site.app, "r1", "blue")


def test_the_alerts_begin_and_end_when_they_are_to() -> None:
    promtool("test", "rules", "/example/alerts_test.yml")
