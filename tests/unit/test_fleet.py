# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the barriers of a deployment to several hosts make of the hosts' results, and what is reported."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet import parts
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.ledger import Fleet
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import (
    INTERRUPTED,
    LOCK_WAIT,
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

COMMAND = "luma deploy blog"
OK: dict[str, Any] = {"changed": True}
GONE = {"unreachable": True, "msg": "Task failed: connection refused"}
NO_ENGINE = {"failed": True, "unreachable_engine": True, "msg": "No Docker engine answers"}
BROKEN = {"failed": True, "msg": "blog-green did not become healthy."}


def fleet_of(*hosts: str, **deploy: Any) -> Fleet:
    settings = {"batch": None, "canary": 0, "bake": 0.0, "max_unavailable_hosts": 0, **deploy}
    app = {"name": "blog", "image": "me/blog", "build": None, "pull": "always", "deploy": settings}
    return Fleet.read({**app, "hosts": list(hosts or ("web1", "web2", "web3"))}, {})


def on_all(fleet: Fleet, result: dict[str, Any] | None = None, **others: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {host: others.get(host, result or OK) for host in fleet.hosts}


def prepared(**facts: Any) -> dict[str, Any]:
    return {
        "active": "blue", "color": "green", "back": "blue", "release": "r2", "previous_release": "r1",
        "settled": False, "containers": [{"name": "blog-green"}], "other": "blue", **facts,
    }  # fmt: skip


SETTLED = prepared(active="green", back=None, previous_release="r2", settled=True)
FIRST = prepared(active=None, back=None, previous_release=None)


SERVES = prepared(active="green")
"""What a run has left that died between its switch and its retirement, or whose retirement failed."""


def held_by(run: str = "other", **facts: Any) -> dict[str, Any]:
    holder = {"id": run, "host": "laptop", "boot": "", "pid": 1, "pid_started": "", "stale": False, **facts}
    return {"failed": True, "locked": True, "msg": f"blog is being deployed by {run}", "holder": holder}


def switching(fleet: Fleet, results: dict[str, dict[str, Any]]) -> list[list[str]]:
    """The waves after a preparation that none has to do again."""
    assert fleet.prepare(results) == Contest()
    return fleet.waves()


def reread(fleet: Fleet) -> Fleet:
    """As it is between two barriers."""
    return Fleet.read(fleet.app, fleet.as_dict())


def end(fleet: Fleet, came_to: str) -> str:
    """What the user reads at the end."""
    result = conclusion(fleet, came_to, COMMAND, {}, {})
    return "\n".join([*result.get("report", ()), result.get("msg", "")])


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
    assert outcome(fleet) == DEPLOYED
    assert lines(fleet)[0] == "[web1] blog: r1 → r2 (green)"
    assert end(fleet, DEPLOYED).splitlines()[-1] == (
        "Blue-green deployment completed successfully ✅ Users of blog are served r2 on all 3 hosts."
    )


def test_nothing_to_do_says_nothing_more() -> None:
    fleet = fleet_of()
    assert switching(fleet, on_all(fleet, SETTLED)) == []
    fleet.retire({})
    assert outcome(fleet) == UNCHANGED
    assert conclusion(fleet, UNCHANGED, COMMAND, {}, {}) == {}


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


# --- preparations that take the locks ---


LOCKS = {"lock_taken": True, "lock_released": False}
DONE = {**SETTLED, "lock_taken": True, "lock_released": True}


def made(release: str = "r2", **facts: Any) -> dict[str, Any]:
    return prepared(**{"created": True, "release": release, "identity": ["i1", "c1", 2], **LOCKS, **facts})


def test_a_preparation_takes_the_locks_and_gives_back_those_of_hosts_with_nothing_to_do() -> None:
    fleet = fleet_of()
    assert fleet.prepare(on_all(fleet, made())) == Contest()
    assert fleet.locked == ["web1", "web2", "web3"]
    fleet = fleet_of()
    assert fleet.prepare(on_all(fleet, DONE)) == Contest()
    assert (fleet.waves(), fleet.locked, outcome(fleet)) == ([], [], UNCHANGED)


def test_hosts_with_nothing_to_do_lock_again_if_others_have_something_to_do() -> None:
    fleet = fleet_of()
    assert fleet.prepare(on_all(fleet, DONE, web2=made())) == Contest(["web1", "web3"])
    fleet = reread(fleet)
    again = {**SETTLED, **LOCKS}
    assert fleet.prepare({"web1": again, "web3": again}, again=True) == Contest()
    assert (fleet.waves(), fleet.locked) == ([["web2"]], ["web1", "web2", "web3"])


def test_a_host_that_is_locked_by_a_dead_run_prepares_again() -> None:
    fleet = fleet_of()
    dead = held_by("dead", stale=True)
    assert fleet.prepare(on_all(fleet, made(), web1=dead)) == Contest(["web1"], ["dead"], 0)
    fleet = reread(fleet)
    assert fleet.locked == ["web2", "web3"]
    assert fleet.prepare({"web1": made()}, again=True) == Contest()
    assert fleet.waves() == [["web1", "web2", "web3"]]


def test_of_two_preparations_at_once_the_one_with_the_first_host_waits_and_the_other_removes_what_it_made() -> None:
    fleet = fleet_of()
    assert fleet.prepare(on_all(fleet, made(), web3=held_by())) == Contest(["web3"], [], LOCK_WAIT)
    fleet = fleet_of()
    with pytest.raises(Undo, match="being deployed by other") as raised:
        fleet.prepare(on_all(fleet, made(), web1=held_by()))
    assert raised.value.marker == LOCKED
    assert fleet.those(lambda host: host.prepared) == fleet.locked == ["web2", "web3"]


def test_a_lock_that_is_not_given_back_ends_the_run() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, made(), web3=held_by()))
    with pytest.raises(Undo, match="being deployed by other"):
        fleet.prepare({"web3": held_by()}, again=True)


def test_a_host_that_fails_ends_the_run_though_another_one_is_locked() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo, match="did not become healthy"):
        fleet.prepare(on_all(fleet, made(), web2={**BROKEN, "lock_taken": True}, web3=held_by("dead", stale=True)))
    assert fleet.locked == ["web1", "web2"]


def test_a_step_that_has_lost_its_lock_is_no_contest() -> None:
    fleet = fleet_of()
    lost = {**held_by(), "msg": "The preparation of blog was stopped", "lock_taken": True}
    with pytest.raises(Undo, match="was stopped") as raised:
        fleet.prepare(on_all(fleet, made(), web2=lost))
    assert raised.value.marker == LOCKED


def test_a_host_that_an_earlier_task_has_lost_is_not_left_out() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo, match=r"\[web2\] .* took no part"):
        fleet.prepare({"web1": made(), "web3": made()})


def test_a_host_that_cannot_be_reached_may_have_its_lock() -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    fleet.prepare(on_all(fleet, made(), web2=GONE))
    assert (fleet.hosts["web2"].locked, fleet.locked) == (True, ["web1", "web3"])


def test_all_hosts_give_a_release_the_name_that_the_records_of_all_give_it() -> None:
    """web3 is new: it has no record of the release that has the name already."""
    other = {"release": "r2", "identity": ["i0", "c0", 2]}
    fleet = fleet_of()
    results = on_all(fleet, made("r2~2"), web3=made("r2"))
    assert fleet.prepare(results, [other]) == Contest(["web3"])
    assert fleet.prepare({"web3": made("r2~2")}, [other], again=True) == Contest()


def test_the_lock_is_given_back_by_the_step_that_retires() -> None:
    fleet = fleet_of()
    fleet.prepare(on_all(fleet, made()))
    fleet.switch(on_all(fleet))
    fleet.retire(on_all(fleet, {**OK, "lock_released": True}, web2=BROKEN))
    assert fleet.locked == ["web2"]


# --- one image for all ---


def image(digest: str | None, image_id: str, confirmed: bool = True) -> dict[str, Any]:
    return prepared(image={"digest": digest, "id": image_id, "confirmed": confirmed})


ONE, ANOTHER = image("sha256:1", "i1"), image("sha256:2", "i2")


@pytest.mark.parametrize(
    "other",
    [
        ONE,
        # An engine that stores images in another way; one to which the image was loaded; one that is to pull it.
        image("sha256:1", "j1"),
        image(None, "i1", confirmed=False),
        image("sha256:1", "i1", confirmed=False),
    ],
)
def test_the_same_image_on_all_hosts_is_switched_to(other: dict[str, Any]) -> None:
    fleet = fleet_of()
    assert switching(fleet, on_all(fleet, ONE, web2=other))


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (ANOTHER, "sha256:1 on web1, sha256:2 on web2, sha256:1 on web3. The tag was moved while luma asked."),
        (image("sha256:0", "i0", confirmed=False), "web2 could not ask the registry"),
        (image(None, "i0", confirmed=False), "sha256:1 on web1, i0 on web2"),
        (dict(ANOTHER, containers=[]), "The tag was moved"),
    ],
)
def test_different_images_are_not_switched_to(other: dict[str, Any], text: str) -> None:
    fleet = fleet_of()
    with pytest.raises(Undo) as raised:
        fleet.prepare(on_all(fleet, ONE, web2=other))
    assert text in str(raised.value)
    assert fleet.hosts["web1"].prepared
    fleet.undo({}, on_all(fleet))
    assert "Users of blog are served r1 on all 3 hosts." in end(fleet, FAILED)


@pytest.mark.parametrize("app", [{"pull": "missing"}, {"build": {"context": "."}}, {}])
def test_images_that_no_registry_was_asked_for_are_not_compared(app: dict[str, Any]) -> None:
    fleet = fleet_of()
    fleet.app = {**fleet.app, **app}
    own = image("sha256:1", "i1", confirmed=bool(app))
    assert switching(fleet, on_all(fleet, own, web2=image("sha256:2", "i2", confirmed=False)))


def test_a_host_that_is_left_out_may_have_any_image() -> None:
    fleet = fleet_of(max_unavailable_hosts=1)
    assert switching(fleet, on_all(fleet, ONE, web2=GONE)) == [["web1", "web3"]]


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
    assert outcome(fleet, []) == FAILED
    assert lines(fleet) == ["[web1] blog: r1, as before", "[web2] blog: r1, failed", "[web3] blog: r1, as before"]
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
    assert lines(fleet) == [
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
    assert lines(fleet) == [
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
    assert outcome(fleet) == UNFINISHED
    result = conclusion(fleet, UNFINISHED, COMMAND, {}, {})
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
    assert lines(fleet)[:2] == [
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
    result = conclusion(fleet, DEPLOYED, COMMAND, lost, hook)
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "[web1] ❌ 3 of 9 requests were lost",
        "❌ hooks.post_deploy ended with 3",
        "❌ blog is deployed, but the probe or a hook failed, see above. Users of blog are served r2 on web1.",
    ]


def test_ctrl_c_in_the_last_hook_is_told_by_the_exit_code() -> None:
    hook = {"web1": {"failed": True, "interrupted": True, "msg": "Hook post_deploy was stopped: Ctrl-C"}}
    assert conclusion(fleet_of("web1"), DEPLOYED, COMMAND, {}, hook)[INTERRUPTED]
    assert INTERRUPTED not in conclusion(fleet_of("web1"), DEPLOYED, COMMAND, {}, {"web1": BROKEN})


@pytest.mark.parametrize("marker", [INTERRUPTED, LOCKED])
def test_why_a_run_went_back_is_its_outcome(marker: str) -> None:
    assert outcome(fleet_of(), [{}, {marker: True}]) == marker
    assert outcome(fleet_of(), [{}]) == FAILED


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
    assert outcome(fleet) == DEPLOYED
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


# --- locks -----------------------------------------------------------------------------------------------------------


def test_a_run_that_holds_the_first_lock_is_given_way() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo) as raised:
        fleet.lock(on_all(fleet, held_by()))
    assert raised.value.marker == LOCKED
    assert "blog is being deployed by other" in str(raised.value)
    assert not any(host.locked for host in fleet.hosts.values())


def test_of_two_that_came_at_once_the_one_with_the_first_lock_waits() -> None:
    fleet = fleet_of()
    assert fleet.lock(on_all(fleet, held_by(), web1=OK)) == Contest(["web2", "web3"], [], LOCK_WAIT)
    assert fleet.lock({"web2": OK, "web3": OK}, again=True) == Contest()
    assert all(host.locked for host in fleet.hosts.values())


def test_who_waited_in_vain_gives_way() -> None:
    fleet = fleet_of()
    fleet.lock(on_all(fleet, held_by(), web1=OK))
    with pytest.raises(Undo) as raised:
        fleet.lock({"web2": OK, "web3": held_by()}, again=True)
    assert raised.value.marker == LOCKED
    assert [host.locked for host in fleet.hosts.values()] == [True, True, False]


def test_a_step_that_a_dead_run_has_left_at_work_is_given_way() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo) as raised:
        fleet.lock(on_all(fleet, OK, web2={"failed": True, "locked": True, "msg": "A step is still at work"}))
    assert raised.value.marker == LOCKED


def test_a_run_that_is_silent_everywhere_is_taken_over() -> None:
    fleet = fleet_of()
    assert fleet.lock(on_all(fleet, held_by(stale=True))) == Contest(["web1", "web2", "web3"], ["other"], 0)


def test_a_run_that_is_silent_on_one_host_alone_is_alive() -> None:
    fleet = fleet_of()
    with pytest.raises(Undo):
        fleet.lock(on_all(fleet, held_by(stale=True), web3=held_by()))


def test_a_run_whose_process_is_gone_is_taken_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "has_ended", lambda holder: holder["id"] == "other")
    fleet = fleet_of()
    assert fleet.lock(on_all(fleet, held_by())).take_over == ["other"]


def test_a_removal_names_the_hosts_that_are_left() -> None:
    fleet = fleet_of("web1", "web2")
    assert fleet.remove(on_all(fleet), "luma remove blog") == "blog is removed from web1, web2 ✅"
    with pytest.raises(Undo) as caught:
        fleet.remove(on_all(fleet, web2=GONE), "luma remove blog")
    assert str(caught.value).splitlines()[-1] == (
        "❌ blog is removed from web1, but not from web2. Fix the error above, then run: luma remove blog"
    )
    assert caught.value.marker == UNREACHABLE
