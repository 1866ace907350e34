# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the barrier behind the preparation makes of locks, names and images on several hosts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet import parts
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import (
    LOCK_WAIT,
    LOCKED,
    UNREACHABLE,
    Contest,
    Undo,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import FAILED, UNCHANGED, outcome

from tests.unit.fleet import (
    BROKEN,
    GONE,
    OK,
    SETTLED,
    alone,
    end,
    fleet_of,
    held_by,
    on_all,
    prepared,
    reread,
    switching,
)

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
    assert (alone(fleet).waves(), fleet.locked, outcome(alone(fleet))) == ([], [], UNCHANGED)


def test_hosts_with_nothing_to_do_lock_again_if_others_have_something_to_do() -> None:
    fleet = fleet_of()
    assert fleet.prepare(on_all(fleet, DONE, web2=made())) == Contest(["web1", "web3"])
    fleet = reread(fleet)
    again = {**SETTLED, **LOCKS}
    assert fleet.prepare({"web1": again, "web3": again}, again=True) == Contest()
    assert (alone(fleet).waves(), fleet.locked) == ([["web2"]], ["web1", "web2", "web3"])


def test_a_host_that_is_locked_by_a_dead_run_prepares_again() -> None:
    fleet = fleet_of()
    dead = held_by("dead", stale=True)
    assert fleet.prepare(on_all(fleet, made(), web1=dead)) == Contest(["web1"], ["dead"], 0)
    fleet = reread(fleet)
    assert fleet.locked == ["web2", "web3"]
    assert fleet.prepare({"web1": made()}, again=True) == Contest()
    assert alone(fleet).waves() == [["web1", "web2", "web3"]]


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
