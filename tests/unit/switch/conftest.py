# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in memory on which blue serves and green is prepared."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.release import drain
from ansible_collections.luma.deploy.plugins.module_utils.release import switch as switch_module
from ansible_collections.luma.deploy.plugins.module_utils.release.health import Probe

from tests.unit.fakes import FakeEngine, Host


@pytest.fixture(params=[1, 3])
def host(request: pytest.FixtureRequest) -> Host:
    """Blue serves, green is prepared."""
    host = Host()
    host.add("blue", request.param, serving=True)
    host.add("green", request.param, serving=False)
    return host


@pytest.fixture
def engine(host: Host, tmp_path: Path) -> FakeEngine:
    return FakeEngine(host, tmp_path)


@pytest.fixture(autouse=True)
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas are healthy; the waits of the real world are short in this one."""
    monkeypatch.setattr(switch_module, "probe", lambda engine, check, container: Probe(True, "200"))
    monkeypatch.setattr(switch_module, "SEE_SECONDS", 0.05)
    monkeypatch.setattr(drain, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(drain, "FREE_SECONDS", 0.02)
    monkeypatch.setattr("ansible_collections.luma.deploy.plugins.module_utils.host.client.PARALLEL", 1)
