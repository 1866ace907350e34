# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prints, its plan and its exit code, from the results of modules."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document import ResultDocument
from ansible_collections.luma.deploy.plugins.plugin_utils.output.live_lines import is_watched
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import BARRIER, Outcome, State
from ansible_collections.luma.deploy.plugins.plugin_utils.output.plan import MOST_LINES, Plan, text_difference
from ansible_collections.luma.deploy.plugins.plugin_utils.output.quiet import Quiet

MADE = "luma.deploy.bluegreen_container"
SETTLED = "Nothing changed: blue runs release 1, healthy"


def outcome(
    values: dict[str, Any] | None = None,
    *,
    host: str = "one",
    module: str = MADE,
    app: str = "blog",
    state: State = State.OK,
) -> Outcome:
    invocation = {"invocation": {"module_args": {"app": app, "project": "shop"}}}
    return Outcome(host, "Prepare the inactive color", module, invocation | (values or {}), state)


def failed(**values: Any) -> Outcome:
    return outcome({"msg": "it broke", **values}, state=State.FAILED)


def document(*outcomes: Outcome) -> dict[str, Any]:
    made = ResultDocument(None, is_plan=False)
    for each in outcomes:
        made.add(each)
    return made.as_dict()


def plan(*outcomes: Outcome) -> list[str]:
    made = Plan()
    for each in outcomes:
        made.add(each)
    return made.lines()


# Lines


def test_a_report_is_printed_with_its_host() -> None:
    assert outcome({"report": ["a", "b"]}).lines == ["[one] a", "[one] b"]
    assert outcome({"msg": "done"}, module="ansible.builtin.debug").lines == ["[one] done"]
    assert outcome({"msg": "noise"}, module="ansible.builtin.apt").lines == []


def test_what_is_about_the_whole_run_names_no_host() -> None:
    assert outcome({"report": ["📱 App: blog"]}, module="luma.deploy.overview").lines == ["📱 App: blog"]
    assert outcome({"report": ["Probe: 7 requests"]}, module="luma.deploy.probe").lines == ["Probe: 7 requests"]
    assert outcome({"report": ["ready"]}, module="luma.deploy.hook").lines == ["ready"]
    assert outcome({"msg": "no"}, module="luma.deploy.hook", state=State.FAILED).errors == ["❌ no"]


def test_luma_explains_itself_and_other_modules_are_told_by_their_task() -> None:
    assert failed().errors == ["[one] ❌ it broke"]
    values = {"msg": "non-zero return code", "stderr": "no space"}
    other = outcome(values, module="ansible.builtin.command", state=State.FAILED)
    assert other.errors == ["[one] ❌ Prepare the inactive color: non-zero return code", "no space"]
    assert outcome({"msg": "timeout"}, state=State.UNREACHABLE).errors == ["[one] ❌ cannot be reached: timeout"]


def quietly(*outcomes: Outcome) -> list[str]:
    quiet = Quiet()
    return [*(line for each in outcomes for line in quiet.lines(each)), *quiet.rest()]


def test_of_a_quiet_run_the_last_line_of_each_app_is_left() -> None:
    ends = [outcome({"report": [f"[one] {name}: r1 → r2", f"Users of {name}"]}, module=BARRIER) for name in "ab"]
    assert quietly(outcome({"report": ["a"]}), ends[0], outcome({"report": ["b"]}), ends[1]) == [
        "Users of a",
        "Users of b",
    ]
    assert quietly(outcome({"report": ["a", SETTLED]}), outcome({}, module=BARRIER)) == [f"[one] {SETTLED}"]
    # Its errors have been printed, and say more.
    assert quietly(outcome({"report": ["a"]}), failed(report=["b"])) == []
    assert quietly() == []


# Exit codes


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        ([outcome()], 0),
        ([failed()], 1),
        ([failed(invalid_input=True)], 2),
        ([outcome(state=State.UNREACHABLE)], 3),
        ([failed(unreachable_engine=True)], 3),
        ([failed(locked=True)], 4),
        ([outcome(), failed(), outcome(state=State.UNREACHABLE)], 3),
        ([failed(unreachable_engine=True), failed(locked=True)], 4),
        ([failed(interrupted=True), failed(locked=True), failed(invalid_input=True)], 130),
        ([outcome({"unreachable_engine": True}, state=State.IGNORED)], 0),
        ([outcome({"luma_exit_code": 0}), outcome({"luma_exit_code": 7})], 7),
        ([outcome({"luma_exit_code": 7}), failed()], 1),
    ],
)
def test_exit_codes(outcomes: list[Outcome], code: int) -> None:
    assert document(*outcomes)["exit_code"] == code


# The plan


def test_a_plan_without_changes_says_so() -> None:
    settled = outcome({"changed": False, "report": [SETTLED]})
    assert plan(settled) == ["[one] Nothing would change: blog", "Nothing would change."]
    assert plan() == ["Nothing would change."]


def test_a_plan_that_failed_promises_nothing() -> None:
    assert plan(failed(), outcome(app="shop")) == []
    # As where an app's lock could be taken, and its new color is refused.
    assert plan(outcome(), outcome({"msg": "no"}, state=State.IGNORED)) == []


def test_a_plan_tells_each_change_once_for_all_hosts_that_share_it() -> None:
    route = {"before": "a\nb\nc\n", "after": "a\nx\nc\n", "before_header": "haproxy.cfg", "after_header": "haproxy.cfg"}
    color = {"before": {"color": "blue", "replicas": 2}, "after": {"color": "green", "replicas": 2}}
    values = {"changed": True, "report": ["7 would be deployed as green"], "diff": [route, color]}
    change = [
        "  haproxy.cfg: +1 -1 lines",
        "    - b",
        "    + x",
        "  color  blue → green",
    ]
    lines = plan(outcome(values), outcome(values, host="two"), outcome(app="shop"), outcome(values, app="web"))
    assert lines == [
        "[one, two] blog:",
        *change,
        "[one] web:",
        *change,
        "[one] Nothing would change: shop",
    ]


def test_a_plan_tells_a_change_without_a_difference_by_its_report() -> None:
    unknown = outcome({"changed": True, "report": ["Would pull my-blog"], "diff": {"before": "", "after": ""}})
    assert plan(unknown) == ["[one] blog:", "  Would pull my-blog"]


def test_a_plan_tells_what_other_modules_would_change_by_their_task() -> None:
    assert plan(outcome({"changed": True}, module="ansible.builtin.apt")) == [
        "[one] the host:",
        "  Prepare the inactive color",
    ]


def test_a_new_file_is_counted_and_a_long_difference_is_cut() -> None:
    assert text_difference("haproxy.cfg", "", "a\nb\n") == ["haproxy.cfg: new, 2 lines"]
    assert text_difference("haproxy.cfg", "a", "a") == []
    long = text_difference("haproxy.cfg", "a\n", "a\n" + "".join(f"{number}\n" for number in range(50)))
    assert long[0] == "haproxy.cfg: +50 -0 lines"
    assert len(long) == 1 + MOST_LINES
    assert long[-1] == f"  … and {50 - MOST_LINES + 1} more (all of them: --verbose)"


# Live lines


def test_nobody_watches_what_ansible_runner_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("AWX_ISOLATED_DATA_DIR", raising=False)
    assert is_watched()
    monkeypatch.setenv("AWX_ISOLATED_DATA_DIR", "/runner/artifacts/1")
    assert not is_watched()
