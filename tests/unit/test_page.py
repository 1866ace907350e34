# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of `luma deploy --report`: its numbers, from tasks and records; tests/browser looks at it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import Host
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.page import figure
from ansible_collections.luma.deploy.plugins.plugin_utils.page.file import begin_report, end_report
from ansible_collections.luma.deploy.plugins.plugin_utils.page.page import page
from ansible_collections.luma.deploy.plugins.plugin_utils.page.requests import DRAWN, DRAWN_SLOWEST

from tests.unit.made_run import COMMITTED, ENDED, FAILED, PREPARED, SETTLED, SWITCHED, MadeRun


def numbers(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', text)
    assert found
    made: dict[str, Any] = json.loads(found[1])
    return made


def dots(text: str, kind: str) -> int:
    """How many requests are drawn that ended so."""
    return sum(path.count("M") for path in re.findall(rf'class="dots dots-{kind}" d="([^"]*)"', text))


def test_the_numbers_of_a_deployment(tmp_path: Path) -> None:
    text = page(MadeRun(tmp_path).outcomes)
    made = numbers(text)
    assert "<h1>0 of 5,400 requests were lost.</h1>" in text
    assert (made["requests"], made["failed"], made["sessions_cut"]) == (5400, 0, 0)
    (app,) = made["apps"]
    assert (app["name"], app["previous_release"], app["release"], app["color"]) == ("blog", "r1", "r2", "green")
    assert [phase["phase"] for phase in app["phases"]] == ["before", "during", "after"]
    for parts in (app["phases"], app["hosts"], app["intervals"]):
        assert sum(part["requests"] for part in parts) == 5400


def test_each_host_is_served_the_new_release_from_its_commit_on(tmp_path: Path) -> None:
    (app,) = numbers(page(MadeRun(tmp_path).outcomes))["apps"]
    assert [host["switched"] for host in app["hosts"]] == pytest.approx([5.005, 5.105, 5.205], abs=0.01)


def test_steps_and_requests_are_on_one_clock(tmp_path: Path) -> None:
    (app,) = numbers(page(MadeRun(tmp_path, hosts=["web1"]).outcomes))["apps"]
    steps = [(each["host"], each["step"], each["began"], each["ended"], each["failed"]) for each in app["steps"]]
    assert steps[:2] == [("web1", "prepare", *PREPARED, False), ("web1", "switch", *SWITCHED, False)]
    assert SWITCHED[0] < COMMITTED < SWITCHED[1]


def test_a_failed_deployment(tmp_path: Path) -> None:
    text = page(MadeRun(tmp_path, lost="HTTP 503").outcomes)
    made = numbers(text)
    (app,) = made["apps"]
    assert '<h1 class="bad">39 of 5,400 requests were lost.</h1>' in text
    assert '<p class="bad error">blog was not deployed.</p>' in text
    assert [host["failed"] for host in app["hosts"]] == [39, 0, 0]
    assert [phase["failed"] for phase in app["phases"]] == [0, 39, 0]
    assert app["lost"][0] | {"at": None} == {"host": "web1", "kind": "keep-alive", "at": None, "failure": "HTTP 503"}
    assert "undo" in {step["step"] for step in app["steps"]}
    assert made["sessions_cut"] is None


@pytest.mark.parametrize(("part", "answers"), [(FAILED, "old"), (SETTLED, "new")])
def test_without_a_switch_one_release_answers(tmp_path: Path, part: Host, answers: str) -> None:
    text = page(MadeRun(tmp_path, part=part).outcomes)
    (app,) = numbers(text)["apps"]
    assert [phase["phase"] for phase in app["phases"]] == ["all"]
    assert sum(each[answers] for each in app["intervals"]) == app["requests"] == 5400
    assert {host["switched"] for host in app["hosts"]} == {None}
    assert ">blog: r1</h2>" in text


def test_the_processes_of_an_app_are_one(tmp_path: Path) -> None:
    """The probe asks the one that has a route; what was cut and done is of all."""
    project, *steps, end = MadeRun(tmp_path, hosts=["web1"]).outcomes
    (spec,), (part,) = project.values["apps"], end.values["processes"].values()
    worker, web = ({**spec, "name": f"blog-{name}", "proxied": name == "web"} for name in ("worker", "web"))
    both = [
        replace(step, values={**step.values, "invocation": {"module_args": {"app": process["name"]}}})
        for step in steps
        for process in (worker, web)
    ]
    processes = {"blog-worker": {"web1": {}}, "blog-web": part}
    project = replace(project, values={**project.values, "apps": [worker, web]})
    (app,) = numbers(page([project, *both, replace(end, values={**end.values, "processes": processes})]))["apps"]
    assert (app["name"], app["release"], app["requests"]) == ("blog", "r2", 1800)
    assert app["hosts"][0]["switched"] == pytest.approx(5.0, abs=0.01)
    assert [step["process"] for step in app["steps"]] == ["blog-worker", "blog-web"] * 3


def test_what_comes_from_users_is_text(tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>'\""
    text = page(MadeRun(tmp_path, release=hostile, hosts=[hostile], lost=hostile).outcomes)
    assert "<img" not in text
    assert text.count("<script") == text.count("</script>") == 1
    assert numbers(text)["apps"][0]["release"] == hostile


def test_many_requests_are_drawn_as_some(tmp_path: Path) -> None:
    text = page(MadeRun(tmp_path, hosts=["web1"], requests=20_000, lost="HTTP 503").outcomes)
    (app,) = numbers(text)["apps"]
    assert (app["requests"], dots(text, "lost")) == (20_000, app["failed"])
    drawn = sum(dots(text, kind) for kind in ("old", "new", "lost"))
    assert DRAWN_SLOWEST < drawn <= DRAWN
    assert "The slowest 1,000 are drawn, and of the others one in 5." in text
    assert len(text) < 200_000
    assert "are drawn" not in page(MadeRun(tmp_path, hosts=["web1"]).outcomes)


def test_each_panel_is_told_in_words(tmp_path: Path) -> None:
    panels = re.findall(r"<h3>.*?</h3>\s*<svg (.*?)>", page(MadeRun(tmp_path).outcomes))
    assert len(panels) == 3
    for attributes in panels:
        assert 'role="img"' in attributes
        assert 'aria-label="' in attributes


def test_a_single_request(tmp_path: Path) -> None:
    assert "<h1>0 of 1 request was lost.</h1>" in page(MadeRun(tmp_path, hosts=["web1"], requests=1).outcomes)


def test_a_run_that_ended_early() -> None:
    text = page([])
    assert "<h1>No request was sent.</h1>" in text
    assert "The run ended before an app was deployed." in text
    assert numbers(text)["apps"] == []


@pytest.mark.parametrize(
    ("times", "low", "high", "labels"),
    [
        ((0.8, 46.0), 0.5, 50, ["500 µs", "1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"]),
        ((0.9, 3000.0), 0.5, 5000, ["1 ms", "10 ms", "100 ms", "1 s"]),
        ((2.0, 3.0), 2, 20, ["2 ms", "5 ms", "10 ms", "20 ms"]),
    ],
)
def test_the_scale_of_latency(times: tuple[float, ...], low: float, high: float, labels: list[str]) -> None:
    scale = figure.Latency.of(times)
    assert (scale.low, scale.high) == pytest.approx((low, high))
    assert [label for _y, label in scale.lines()] == labels
    assert (scale.y(high), scale.y(low)) == (figure.HEADROOM, figure.LATENCY_HEIGHT)


def test_time_has_a_few_whole_steps() -> None:
    assert [label for _x, label in figure.Axis(ENDED).ticks()] == ["0 s", "2 s", "4 s", "6 s", "8 s"]
    assert [label for _x, label in figure.Axis(899).ticks()] == ["0 s", "200 s", "400 s", "600 s", "800 s"]


# The file


@pytest.fixture
def _callback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "CALLBACKS_ENABLED", ["luma.deploy.result"])


@pytest.mark.usefixtures("_callback")
def test_the_file_is_empty_until_the_run_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "report.html"
    file.write_text("of another run")
    assert begin_report("report.html", probe=True, is_plan=False) == str(file)
    assert file.read_text() == ""
    project, *others = MadeRun(tmp_path).outcomes
    end_report([replace(project, values={**project.values, "report_file": str(file)}), *others])
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_no_file_is_asked_for() -> None:
    assert begin_report("", probe=False, is_plan=True) == ""
    end_report([Outcome("localhost", "Read", "luma.deploy.project", {"report_file": ""})])


@pytest.mark.usefixtures("_callback")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((False, False), "A report shows the requests of the probe: add --probe, or leave out --report"),
        ((True, True), "leave out --report or --plan"),
        ((True, False), r"The report cannot be written: /.*/missing/report\.html: No such file or directory"),
    ],
)
def test_what_cannot_become_a_report(tmp_path: Path, arguments: tuple[bool, bool], reason: str) -> None:
    with pytest.raises(InvalidFile, match=reason):
        begin_report(str(tmp_path / "missing" / "report.html"), *arguments)


def test_the_ansible_of_a_checkout_writes_it() -> None:
    assert "callbacks_enabled = luma.deploy.result\n" in (Path(__file__).parents[2] / "ansible.cfg").read_text()


def test_somebody_has_to_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "CALLBACKS_ENABLED", [])
    with pytest.raises(InvalidFile, match=r"set ANSIBLE_CALLBACKS_ENABLED=luma\.deploy\.result"):
        begin_report(str(tmp_path / "report.html"), probe=True, is_plan=False)
