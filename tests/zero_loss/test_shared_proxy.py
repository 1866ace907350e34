# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects share the proxy of a host: what one of them changes there costs another one nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread

from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words, handovers

from tests.host import PROXY_FOLDER, PROXY_IMAGE
from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Project, Traffic

DEPLOYMENTS = 2


@contextmanager
def restless(neighbor: Project) -> Iterator[None]:
    """Another project changes its host names all the time, and the proxy loads its configuration again each time."""
    proxy = Proxy(Engine.connect("unix:///var/run/docker.sock"), ProxySettings(PROXY_IMAGE), PROXY_FOLDER)
    done = Event()
    reloads = 0

    def change_names() -> None:
        nonlocal reloads
        for number in count():
            if done.is_set():
                return
            hosts = (f"{number % 2}.{neighbor.host}",)
            proxy.ensure(Route(neighbor.name, neighbor.name, f"{neighbor.name}-network", hosts))
            reloads = number

    thread = Thread(target=change_names)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert reloads > DEPLOYMENTS


def test_another_project_changes_its_names_during_switches(make_project: MakeProject, tmp_path: Path) -> None:
    project, neighbor = make_project("patient", replicas=2), make_project("restless")
    first = project.deploy(VERSION="r0")
    assert first.code == 0, first.output
    with Traffic(project.url, project.host, tmp_path) as traffic, restless(neighbor):
        deployments = [project.deploy(VERSION=f"r{number}") for number in range(1, DEPLOYMENTS + 1)]
        records = traffic.stop().records
    assert failures_in_words(records) == []
    failed = [deployment.output for deployment in deployments if deployment.code != 0]
    assert not failed, failed[0]
    switches = handovers(records, lambda record: record.release)
    assert [(switch.after, switch.stale) for switch in switches] == [("r1", 0), ("r2", 0)]
