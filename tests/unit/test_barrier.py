# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a barrier reads of the hosts, beside the results that it is told to read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.action.barrier import ActionModule

HOOKS = {"post_deploy": ["tell"], "on_failure": ["cry"]}
APP = {"name": "blog", "hosts": ["web1", "web2"], "deploy": {"max_unavailable_hosts": 0}}


class Barrier(ActionModule):
    """One that Ansible has not made."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._task: Any = SimpleNamespace(args=arguments, async_val=0, check_mode=False)
        self._connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/tmp"))


def facts(phase: str, results_of: list[str], first_host: dict[str, Any], **app: Any) -> dict[str, Any]:
    """What the barrier returns, with these variables of the first host."""
    barrier = Barrier(
        {"phase": phase, "app": APP | app, "ledger": {"certificates": ["web1"]}, "results_of": results_of}
    )
    return barrier.run(task_vars={"hostvars": {"web1": first_host, "web2": {}}})


def undone(**variables: Any) -> str:
    """The outcome of a run that goes back, with these variables of its first host."""
    return str(facts("undo", ["app_returned", "app_removed"], variables)["outcome"])


@pytest.mark.parametrize("marker", ["interrupted", "locked"])
def test_a_run_may_go_back_for_a_task_without_a_barrier(marker: str) -> None:
    assert undone(ansible_failed_result={"failed": True, marker: True, "msg": "Hook pre_deploy was stopped"}) == marker
    assert undone(ansible_failed_result={"failed": True, "msg": "Hook pre_deploy failed"}) == "failed"
    assert undone() == "failed"


def test_a_run_ends_with_the_hook_of_its_outcome_and_waits_for_certificates_of_what_serves() -> None:
    retired = facts("retire", ["app_retired"], {}, hooks=HOOKS)
    failed = facts("undo", ["app_returned", "app_removed"], {}, hooks=HOOKS)
    refused = facts("undo", ["app_returned", "app_removed"], {"ansible_failed_result": {"locked": True}}, hooks=HOOKS)
    ends = [(each["last_hook"], each["awaited_certificates"]) for each in (retired, failed, refused)]
    assert ends == [("post_deploy", ["web1"]), ("on_failure", []), ("", [])]
    # A run that has come to nothing yet keeps in mind what it may have to wait for.
    switched = facts("switch", ["app_switched"], {}, hooks=HOOKS)
    assert (switched["certificates"], switched["awaited_certificates"]) == (["web1"], [])
    assert facts("retire", ["app_retired"], {}, hooks={"post_deploy": []})["last_hook"] == ""
