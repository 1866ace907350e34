# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a barrier reads of the hosts, beside the results that it is told to read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.action.barrier import ActionModule

APP = {"name": "blog", "hosts": ["web1", "web2"], "deploy": {"max_unavailable_hosts": 0}}


class Barrier(ActionModule):
    """One that Ansible has not made."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._task: Any = SimpleNamespace(args=arguments, async_val=0, check_mode=False)
        self._connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/tmp"))


def undone(**variables: Any) -> str:
    """The outcome of a run that goes back, with these variables of its first host."""
    results_of = ["app_returned", "app_removed"]
    barrier = Barrier({"phase": "undo", "app": APP, "ledger": {"waves": []}, "results_of": results_of})
    return str(barrier.run(task_vars={"hostvars": {"web1": variables, "web2": {}}})["outcome"])


@pytest.mark.parametrize("marker", ["interrupted", "locked"])
def test_a_run_may_go_back_for_a_task_without_a_barrier(marker: str) -> None:
    assert undone(ansible_failed_result={"failed": True, marker: True, "msg": "Hook pre_deploy was stopped"}) == marker
    assert undone(ansible_failed_result={"failed": True, "msg": "Hook pre_deploy failed"}) == "failed"
    assert undone() == "failed"
