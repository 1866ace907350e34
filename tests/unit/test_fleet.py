# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the barriers of a deployment to several hosts make of the hosts' results, and what is reported."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import (
    INTERRUPTED,
    LOCKED,
    UNREACHABLE,
    Contest,
    Undo,
    has_failed,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import (
    DEPLOYED,
    FAILED,
    UNCHANGED,
    UNFINISHED,
    conclusion,
    lines,
    outcome,
)

from tests.unit.fleet import (
    BROKEN,
    COMMAND,
    FIRST,
    GONE,
    NO_ENGINE,
    OK,
    SERVES,
    SETTLED,
    alone,
    end,
    fleet_of,
    on_all,
    prepared,
    reread,
    switching,
)

# --- the whole way ---------------------------------------------------------------------------------------------------


def test_all_hosts_deploy() -> None:
    fleet = fleet_of()
    assert fleet.lock(on_all(fleet)) == Contest()
    fleet = reread(fleet)
    assert switching(fleet, on_all(fleet, prepared())) == [["web1", "web2", "web3"]]
    fleet = reread(fleet)
    fleet.switch(on_all(fleet))
    fleet.require_all(on_all(fleet))
    fleet = reread(fleet)
    fleet.retire(on_all(fleet))
    assert outcome(alone(fleet)) == DEPLOYED
    assert lines(alone(fleet))[0] == "[web1] blog: r1 → r2 (green)"
    assert end(fleet, DEPLOYED).splitlines()[-1] == (
        "Blue-green deployment completed successfully ✅ Users of blog are served r2 on all 3 hosts."
    )


def test_nothing_to_do_says_nothing_more() -> None:
    fleet = fleet_of()
    assert switching(fleet, on_all(fleet, SETTLED)) == []
    fleet.retire({})
    assert outcome(alone(fleet)) == UNCHANGED
    assert conclusion(alone(fleet), UNCHANGED, COMMAND, {}, {}) == {}


@pytest.mark.parametrize("result", [BROKEN, GONE])
def test_a_release_hook_that_fails_ends_the_run_also_where_hosts_may_be_down(result: dict[str, Any]) -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    fleet.prepare(on_all(fleet, prepared()))
    with pytest.raises(Undo):
        fleet.release({"web1": result})


def test_hosts_switch_in_waves_and_those_that_are_level_have_no_part() -> None:
    fleet = fleet_of(canary=1, batch=1)
    assert switching(fleet, on_all(fleet, prepared(), web1=SETTLED)) == [["web2"], ["web3"]]


def test_a_plan_switches_nothing() -> None:
    fleet = fleet_of()
    assert switching(fleet, on_all(fleet, prepared(containers=[]), web1=SETTLED)) == []
    assert fleet.first_to_switch == "web2"


def test_the_first_to_switch_has_something_to_switch_to() -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    assert fleet.first_to_switch == ""
    fleet.lock(on_all(fleet, web1=GONE))
    assert switching(fleet, {"web2": SETTLED, "web3": prepared()}) == [["web3"]]
    assert fleet.first_to_switch == "web3"


# --- a phase that fails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["lock", "prepare", "switch", "require_all"])
@pytest.mark.parametrize(
    ("result", "marker", "text"),
    [
        (BROKEN, "", "[web2] ❌ blog-green did not become healthy."),
        (GONE, UNREACHABLE, "[web2] ❌ cannot be reached: connection refused"),
        (NO_ENGINE, UNREACHABLE, "[web2] ❌ No Docker engine answers"),
    ],
)
def test_one_host_that_fails_ends_the_run(phase: str, result: dict[str, Any], marker: str, text: str) -> None:
    fleet = fleet_of()
    with pytest.raises(Undo) as raised:
        getattr(fleet, phase)(on_all(fleet, prepared(), web2=result))
    assert str(raised.value) == text
    assert raised.value.marker == marker


def test_a_host_that_fails_to_prepare_leaves_all_as_they_were() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo):
        fleet.prepare(on_all(fleet, prepared(), web2={**BROKEN, "previous_release": "r1"}))
    fleet = reread(fleet)
    fleet.undo({}, on_all(fleet))
    assert outcome(alone(fleet), []) == FAILED
    assert lines(alone(fleet)) == [
        "[web1] blog: r1, as before",
        "[web2] blog: r1, failed",
        "[web3] blog: r1, as before",
    ]
    assert end(fleet, FAILED).endswith(
        f"blog was not deployed. Users of blog are served r1 on all 3 hosts. Fix the error above, then run: {COMMAND}"
    )


def test_a_host_that_vanishes_at_the_switch_sends_the_others_back() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, prepared()))
    with pytest.raises(Undo):
        fleet.switch(on_all(fleet, web3=GONE))
    fleet = reread(fleet)
    assert [host.serves for host in fleet.hosts.values()] == ["new", "new", "unknown"]
    fleet.undo(on_all(fleet, web3=GONE), {})
    assert lines(alone(fleet)) == [
        "[web1] blog: r1, back from r2",
        "[web2] blog: r1, back from r2",
        "[web3] blog: r1 or r2, cannot be reached",
    ]
    text = end(fleet, FAILED)
    assert "Wait until web3 can be reached, or set deploy.max_unavailable_hosts: 1 in luma.yml" in text
    assert text.endswith(f"Then run: {COMMAND}")
    assert "served r1 on web1 and web2; web3 cannot be reached." in text


def test_a_host_that_comes_back_to_be_undone_is_no_longer_lost() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, prepared()))
    with pytest.raises(Undo):
        fleet.switch(on_all(fleet, web3=GONE))
    fleet.undo(on_all(fleet), on_all(fleet))
    assert not fleet.hosts["web3"].lost
    assert "served r1 on all 3 hosts" in end(fleet, FAILED)


def test_an_undo_that_fails_says_why() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, prepared()))
    with pytest.raises(Undo):
        fleet.switch(on_all(fleet, web1=BROKEN))
    stuck = {"failed": True, "msg": "blog-green cannot be removed."}
    fleet.undo(on_all(fleet, web3=stuck), {"web1": OK, "web2": stuck})
    assert lines(alone(fleet)) == [
        "[web1] blog: r1, back from r2",
        "[web2] blog: r1, back from r2, but the new color is left over: blog-green cannot be removed.",
        "[web3] blog: r1 or r2, or nobody is served: blog-green cannot be removed.",
    ]


def test_without_a_release_before_those_that_serve_go_on() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, FIRST))
    with pytest.raises(Undo):
        fleet.switch(on_all(fleet, web3=BROKEN))
    fleet.undo({}, {})
    assert "served r2 on web1 and web2, nothing or r2 on web3." in end(fleet, FAILED)


def test_a_color_that_is_left_over_undoes_nothing() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, prepared()))
    fleet.switch(on_all(fleet))
    fleet.retire(on_all(fleet, web2=GONE))
    assert outcome(alone(fleet)) == UNFINISHED
    result = conclusion(alone(fleet), UNFINISHED, COMMAND, {}, {})
    assert result["failed"]
    assert result[UNREACHABLE]
    assert "left over on web2" in result["msg"]
    assert "served r2 on web1 and web3; web2 cannot be reached." in result["msg"]


def test_what_an_earlier_run_left_between_switch_and_retirement_can_go_back() -> None:
    fleet = fleet_of("web1")
    fleet.prepare({"web1": SERVES})
    assert (fleet.hosts["web1"].serves, fleet.hosts["web1"].back) == ("new", "blue")


FAILED_LEVEL = {**BROKEN, "previous_release": "r2"}
FAILED_BEHIND = {**BROKEN, "previous_release": "r1"}


@pytest.mark.parametrize(
    ("first", "second", "back"),
    [
        (SETTLED, SERVES, None),
        (SETTLED, prepared(), None),
        (GONE, SERVES, None),
        (FAILED_LEVEL, SERVES, None),
        (FAILED_BEHIND, SERVES, "blue"),
        (SERVES, SERVES, "blue"),
        (prepared(), SERVES, "blue"),
        (GONE, prepared(), "blue"),
        # The same name is not the same configuration.
        (prepared(previous_release="r2"), SERVES, "blue"),
    ],
)
def test_hosts_that_were_switched_go_back_where_that_makes_all_level(
    first: dict[str, Any], second: dict[str, Any], back: str | None
) -> None:
    fleet = fleet_of()
    results = {"web1": first, "web2": second, "web3": SERVES}
    if any(map(has_failed, results.values())):
        with pytest.raises(Undo):
            fleet.prepare(results)
    else:
        fleet.prepare(results)
    assert fleet.hosts["web3"].back == back


def test_a_fleet_that_is_to_be_cleaned_up_stays_level_where_that_fails() -> None:
    fleet = fleet_of()
    assert switching(fleet, on_all(fleet, SETTLED, web2=SERVES)) == [["web2"]]
    fleet.switch({"web2": OK})
    with pytest.raises(Undo):
        fleet.require_all({"web2": BROKEN})
    fleet = reread(fleet)
    # Neither task of undo.yml has anything to do: there is no way back, and what serves is not removed.
    part = fleet.hosts["web2"]
    assert (part.back, part.serves, part.before) == (None, "new", "r2")
    fleet.undo({}, {})
    assert lines(alone(fleet))[:2] == [
        "[web1] blog: r2, nothing changed",
        "[web2] blog: r2, as before, but the old color is left over: blog-green did not become healthy.",
    ]
    assert "served r2 on all 3 hosts" in end(fleet, FAILED)


def test_a_lost_request_and_a_failed_hook_fail_the_run() -> None:
    fleet = fleet_of("web1")
    fleet.prepare({"web1": prepared()})
    fleet.switch({"web1": OK})
    fleet.retire({"web1": OK})
    lost = {"web1": {"failed": True, "msg": "3 of 9 requests were lost"}}
    hook = {"web1": {"failed": True, "msg": "hooks.post_deploy ended with 3"}}
    result = conclusion(alone(fleet), DEPLOYED, COMMAND, lost, hook)
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "[web1] ❌ 3 of 9 requests were lost",
        "❌ hooks.post_deploy ended with 3",
        "❌ blog is deployed, but the probe or a hook failed, see above. Users of blog are served r2 on web1.",
    ]


def test_ctrl_c_in_the_last_hook_is_told_by_the_exit_code() -> None:
    hook = {"web1": {"failed": True, "interrupted": True, "msg": "Hook post_deploy was stopped: Ctrl-C"}}
    assert conclusion(alone(fleet_of("web1")), DEPLOYED, COMMAND, {}, hook)[INTERRUPTED]
    assert INTERRUPTED not in conclusion(alone(fleet_of("web1")), DEPLOYED, COMMAND, {}, {"web1": BROKEN})


@pytest.mark.parametrize("marker", [INTERRUPTED, LOCKED])
def test_why_a_run_went_back_is_its_outcome(marker: str) -> None:
    assert outcome(alone(fleet_of()), [{}, {marker: True}]) == marker
    assert outcome(alone(fleet_of()), [{}]) == FAILED


# --- hosts that may be down ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [GONE, NO_ENGINE])
def test_a_host_that_may_be_down_is_left_out_and_named(result: dict[str, Any]) -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    fleet.lock(on_all(fleet, web2=result))
    assert fleet.up == ["web1", "web3"]
    fleet = reread(fleet)
    assert switching(fleet, {"web1": prepared(), "web3": prepared()}) == [["web1", "web3"]]
    fleet.switch({"web1": OK, "web3": OK})
    fleet.retire({"web1": OK, "web3": OK})
    assert outcome(alone(fleet)) == DEPLOYED
    text = end(fleet, DEPLOYED)
    assert "[web2] blog: ⚠️ skipped" in text
    assert "r2 on web1 and web3; web2 cannot be reached." in text
    assert f"Once web2 can be reached, run: {COMMAND}" in text


@pytest.mark.parametrize("phase", ["switch", "require_all"])
def test_a_host_that_is_lost_with_the_new_color_is_not_left_out(phase: str) -> None:
    fleet = fleet_of(canary=1, max_unavailable_hosts=1)
    fleet.prepare(on_all(fleet, prepared()))
    if phase == "require_all":
        fleet.switch({"web1": OK})
    with pytest.raises(Undo) as raised:
        getattr(fleet, phase)({"web1": GONE})
    assert raised.value.marker == UNREACHABLE
    assert not fleet.hosts["web1"].skipped
    # A further run leaves it out: luma.yml need not be changed.
    assert f"Now, or once web1 can be reached, run: {COMMAND}" in end(fleet, FAILED)


def test_a_host_whose_engine_alone_is_silent_can_give_back_its_lock() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo):
        fleet.prepare({"web1": prepared(), "web2": NO_ENGINE, "web3": GONE})
    assert [(host.lost, host.unreachable) for host in fleet.hosts.values()] == [
        (False, False), (True, False), (True, True),
    ]  # fmt: skip


def test_one_more_than_may_be_down_ends_the_run() -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    fleet.lock(on_all(fleet, web2=GONE))
    with pytest.raises(Undo):
        fleet.prepare({"web1": prepared(), "web3": GONE})


def test_a_host_that_fails_is_not_down() -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    with pytest.raises(Undo):
        fleet.prepare(on_all(fleet, prepared(), web2=BROKEN))


def test_all_hosts_are_never_left_out() -> None:
    fleet = fleet_of("web1", max_unavailable_hosts=1)
    with pytest.raises(Undo):
        fleet.lock({"web1": GONE})
