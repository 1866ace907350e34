# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ACME agent does next: whose turn it is, what fails, what is renewed, over months of a moved clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.acme import decision, state
from ansible_collections.luma.deploy.plugins.module_utils.acme.check import Checked
from ansible_collections.luma.deploy.plugins.module_utils.acme.decision import DAY, HOUR, SLOT, Situation, Step, decide
from ansible_collections.luma.deploy.plugins.module_utils.acme.state import State, iso
from ansible_collections.luma.deploy.plugins.module_utils.acme.wanted import Wanted
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import Certificate

#: The beginning of a slot of the first host's, of three.
BEGIN = 3 * 700000 * SLOT
PASSED, WRONG, SILENT = Checked(True), Checked(False, "wrong"), Checked(False, "silent", unreachable=True)
WANTED = Wanted(names=("blog.com", "www.blog.com"), directory="https://ca/dir", thumbprint="t", hosts=3)


def certificate(*names: str, begins: float = BEGIN, days: float = 90, **more: Any) -> Certificate:
    found = Certificate(
        chain="chain",
        names=names or WANTED.names,
        begins=begins,
        expires=begins + days * DAY,
        serial="1",
        issuer="CA R1",
        authority="CA",
        self_signed=False,
        key="key",
        fingerprint=f"{begins}",
    )
    return replace(found, **more)


def situation(rank: int = 0, hosts: int = 3, **more: Any) -> Situation:
    """A long time after the deployment, at the beginning of a slot of the first host's."""
    wanted = replace(WANTED, rank=rank, hosts=hosts)
    common: dict[str, Any] = {"wanted": wanted, "since": 0.0, "key": "key", "held": None, "now": BEGIN}
    return Situation(**{**common, "state": State(), **more})


def after(it: Situation, seconds: float) -> Situation:
    return replace(it, now=it.now + seconds)


# --- whose turn it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hosts", [1, 2, 3, 12])
def test_at_any_time_it_is_one_hosts_turn_at_the_most(hosts: int) -> None:
    fleet = [situation(rank, hosts, since=BEGIN) for rank in range(hosts)]
    turns = [[it.wanted.rank for it in fleet if decision.is_turn(after(it, 60 * m))] for m in range(48 * 60)]
    assert max(map(len, turns)) == 1
    assert {rank for ranks in turns for rank in ranks} == set(range(hosts))


def test_the_first_host_orders_at_once_after_a_deployment_in_anyones_slot() -> None:
    for start in (0, SLOT, 2 * SLOT):
        now = BEGIN + start
        fleet = [situation(rank, since=now, now=now + 1) for rank in range(3)]
        assert [decision.is_turn(it) for it in fleet] == [True, False, False]


def test_no_order_begins_so_late_that_it_reaches_into_the_next_slot() -> None:
    assert decision.is_turn(after(situation(), SLOT * 0.6))
    assert not decision.is_turn(after(situation(), SLOT * 0.7))
    assert decision.is_turn(after(situation(hosts=1), SLOT * 0.7))


@pytest.mark.parametrize("since", [0.0, BEGIN, BEGIN - SLOT / 2])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_next_turn_is_the_first_one_that_comes(rank: int, since: float) -> None:
    for minute in range(120):
        it = situation(rank, since=since, now=BEGIN + 60 * minute + 7)
        turn = decision.next_turn(it)
        assert decision.is_turn(replace(it, now=turn))
        between = range(int(it.now), int(turn), 20)
        assert not [second for second in between if decision.is_turn(replace(it, now=float(second)))]


# --- what is wanted -----------------------------------------------------------------------------------------------


def test_what_is_there_decides() -> None:
    for held in (None, certificate(self_signed=True), certificate(key="an earlier one"), certificate("other.com")):
        assert decide(situation(held=held)) is Step.ORDER
    assert decide(situation(held=certificate("blog.com"))) is Step.ORDER
    rested = State(next_renewal=iso(BEGIN + HOUR))
    assert decide(situation(held=certificate(), state=rested)) is Step.WAIT
    assert decide(situation(held=certificate("blog.com", "*.blog.com"), state=rested)) is Step.WAIT
    assert decide(situation(held=certificate(), state=replace(rested, directory="https://staging/dir"))) is Step.ORDER


def test_a_user_overrules_the_backoff_and_the_slots() -> None:
    limited = State(next_try=iso(BEGIN + DAY), kind=state.RATE)
    assert decide(situation(rank=1, state=limited)) is Step.WAIT
    assert decide(situation(rank=1, state=limited, asked=True)) is Step.ORDER
    assert decide(situation(rank=1, state=limited, asked=True, held=certificate())) is Step.FORCE


# --- which names --------------------------------------------------------------------------------------------------


def ordered(it: Situation, *checked: Checked) -> list[str]:
    return decision.names_to_order(it, dict(zip(it.wanted.names, checked, strict=True)))


def renewed(it: Situation, *checked: Checked) -> list[str]:
    return decision.names_to_renew(it, dict(zip(it.wanted.names, checked, strict=True)))


def test_a_name_that_fails_does_not_take_the_others() -> None:
    assert ordered(situation(), PASSED, PASSED) == ["blog.com", "www.blog.com"]
    assert ordered(situation(), PASSED, WRONG) == ["blog.com"]
    assert ordered(situation(), WRONG, WRONG) == []
    has_one = situation(held=certificate("blog.com"))
    assert ordered(has_one, PASSED, WRONG) == []
    assert ordered(has_one, PASSED, PASSED) == ["blog.com", "www.blog.com"]
    # What has a certificate is not given up for what comes to it.
    assert ordered(has_one, WRONG, PASSED) == []


def test_a_name_that_the_ca_refused_is_left_out_once() -> None:
    refused = situation(state=State(refused=["www.blog.com"]))
    assert ordered(refused, PASSED, PASSED) == ["blog.com"]
    assert ordered(replace(refused, held=certificate("blog.com")), PASSED, PASSED) == ["blog.com", "www.blog.com"]


def test_where_the_ca_refused_all_names_all_are_tried_again() -> None:
    refused = situation(state=State(refused=["blog.com", "www.blog.com"]))
    assert ordered(refused, PASSED, PASSED) == ["blog.com", "www.blog.com"]


def test_silent_addresses_are_given_an_hour() -> None:
    it = situation(state=State(unreachable_since=iso(BEGIN)))
    assert ordered(after(it, HOUR - 1), SILENT, SILENT) == []
    assert ordered(after(it, HOUR), SILENT, WRONG) == ["blog.com"]


def test_a_renewal_waits_for_a_name_until_it_is_late() -> None:
    it = situation(held=certificate())
    assert renewed(it, PASSED, PASSED) == ["blog.com", "www.blog.com"]
    assert renewed(after(it, 70 * DAY), PASSED, WRONG) == []
    assert renewed(after(it, 80 * DAY), PASSED, WRONG) == ["blog.com"]
    assert renewed(after(it, 80 * DAY), WRONG, WRONG) == []


def test_a_name_that_the_ca_refuses_is_given_up_once_a_renewal_is_late() -> None:
    it = situation(held=certificate(), state=State(refused=["www.blog.com"]))
    assert renewed(after(it, 70 * DAY), PASSED, PASSED) == ["blog.com", "www.blog.com"]
    assert renewed(after(it, 80 * DAY), PASSED, PASSED) == ["blog.com"]


def test_names_that_are_not_wanted_any_more_go_with_the_next_renewal() -> None:
    it = situation(held=certificate("blog.com", "www.blog.com", "old.blog.com"))
    assert decide(it) is Step.WAIT
    assert decide(after(it, 60 * DAY)) is Step.FORCE


# --- what fails ---------------------------------------------------------------------------------------------------


def test_checks_are_repeated_sooner_than_orders() -> None:
    it, pauses = State(), []
    for _time in range(9):
        pauses.append(decision.after_failed_check(it, BEGIN) - BEGIN)
        it.failed(state.CHECK, "", BEGIN, BEGIN)
    assert pauses == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    pauses = []
    for _time in range(8):
        pauses.append(decision.after_failed_order(it, BEGIN, SLOT) - BEGIN)
        it.failed(state.ORDER, "", BEGIN, BEGIN)
    assert pauses == [SLOT * 2**n for n in range(6)] + [12 * HOUR] * 2


def live(hosts: int, days: float, ca: Any, held: Certificate | None = None) -> tuple[list[float], list[Situation]]:
    """The orders that a fleet makes, seen every five minutes, with a CA that works or not; and what it has then."""
    fleet = [situation(rank, hosts, since=BEGIN, held=held) for rank in range(hosts)]
    orders = []
    for number in range(int(days * 24 * 12)):
        now = BEGIN + 300 * number
        for rank, each in enumerate(fleet):
            it = replace(each, now=now)
            best = max((other.held for other in fleet if other.held), key=lambda one: one.expires, default=None)
            turn = decide(it) is not Step.WAIT and decision.is_turn(it)
            if turn and best and decision.is_better(it, best):
                it = replace(it, held=best)
            elif turn:
                due = it.held is None or it.left < decision.DUE
                it.state.next_renewal = iso(now + decision.RENEWAL)
                if due:
                    orders.append(now)
                    if ca(now):
                        it.state.succeeded()
                        it = replace(it, held=certificate(begins=now))
                    else:
                        it.state.failed(state.ORDER, "", now, decision.after_failed_order(it.state, now, SLOT))
            fleet[rank] = it
    return orders, fleet


def test_a_fleet_makes_one_order_and_one_more_each_two_months() -> None:
    orders, fleet = live(3, 100, lambda now: True)
    assert [round((order - BEGIN) / DAY) for order in orders] == [0, 60]
    assert {it.held.begins for it in fleet if it.held} >= {orders[-1]}


def test_a_ca_that_is_away_for_a_month_costs_nothing() -> None:
    """It goes away before the renewal is due, and comes back with days to spare."""
    held = certificate(begins=BEGIN - 58 * DAY)
    orders, fleet = live(3, 33, lambda now: now > BEGIN + 29 * DAY, held)
    assert any(it.held and it.held.begins > BEGIN + 29 * DAY for it in fleet)
    assert all(it.held and it.held.expires > it.now for it in fleet)
    per_hour = [sum(start <= order < start + HOUR for order in orders) for start in orders]
    assert max(per_hour) <= 4
    # With 12 hours between them at the end, each.
    assert len(orders) < 3 * (2 * 27 + 10)


def test_a_certificate_that_has_run_out_is_renewed_still() -> None:
    it = situation(held=certificate(begins=BEGIN - 100 * DAY))
    assert decide(it) is Step.FORCE
    assert decision.trusted(it) == []


def test_a_missing_name_keeps_no_renewal_back() -> None:
    failing = State(kind=state.CHECK, next_try=iso(BEGIN + HOUR), failures=9)
    assert decide(situation(held=certificate("blog.com"), state=failing)) is Step.RENEW
    limited = replace(failing, kind=state.RATE)
    assert decide(situation(held=certificate("blog.com"), state=limited)) is Step.WAIT


# --- what peers have ----------------------------------------------------------------------------------------------


def test_what_is_taken_over_from_a_peer() -> None:
    it = situation(held=certificate("blog.com"))
    later = certificate(begins=BEGIN + 1)
    assert decision.is_better(it, later)
    assert decision.is_better(situation(), certificate("blog.com"))
    assert decision.is_better(situation(held=certificate(key="an earlier one")), certificate())
    for wrong in (
        replace(later, key="another"),
        replace(later, self_signed=True),
        replace(later, names=("www.blog.com",)),
        replace(later, names=("other.com",)),
        certificate("blog.com"),
        certificate(begins=BEGIN - 91 * DAY),
    ):
        assert not decision.is_better(it, wrong), wrong
    assert not decision.is_better(situation(), certificate(begins=BEGIN - 91 * DAY))


def test_another_ca_is_wanted_and_a_peer_has_the_earlier_ones_still() -> None:
    it = situation(held=certificate(authority="STAGING"), state=State(directory="https://staging/dir"))
    assert not decision.is_better(it, certificate(authority="STAGING", begins=BEGIN + 1))
    assert decision.is_better(it, certificate(begins=BEGIN - 1))


def test_peers_are_asked_often_until_there_is_a_certificate() -> None:
    assert [decision.peers_pause(situation(), n) for n in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert decision.peers_pause(situation(held=certificate()), 0) == HOUR


def test_only_names_of_a_certificate_of_a_ca_are_trusted() -> None:
    assert decision.trusted(situation(held=certificate("blog.com"))) == ["blog.com"]
    assert decision.trusted(situation(held=certificate("blog.com", key="an earlier one"))) == ["blog.com"]
    assert decision.trusted(situation(held=certificate(self_signed=True))) == []
    assert decision.trusted(situation()) == []
