# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the switch share."""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.module_utils.release import switch as switch_module
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import DrainTimeouts
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck
from ansible_collections.luma.deploy.plugins.module_utils.release.switch import Switch

from tests.unit.fakes import APP, FakeEngine, FakeHaproxy, Killed

HTTP = HealthCheck("http")
AT_ONCE = DrainTimeouts(0.05, 0.05)


def die(*_arguments: object) -> None:
    raise Killed


def run(engine: FakeEngine, color: str = "green") -> switch_module.Switched:
    return Switch(engine, FakeHaproxy(engine.host), APP, color, HTTP).run()
