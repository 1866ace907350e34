# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page shows of each app: from what the modules returned, and what its probes have written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.parts import NEW, OLD, Host, joined
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import UNCHANGED
from ansible_collections.luma.deploy.plugins.plugin_utils.output.deployment_document import about, last, specs
from ansible_collections.luma.deploy.plugins.plugin_utils.output.deployment_document import app as app_document
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document_shapes import Shape, shaped, values
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import BARRIER, Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.page.requests import (
    ANSWERS,
    LOST,
    OTHER,
    Traffic,
    numbers,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.page.steps import SWITCHED, Step, steps

SCHEMA = 1
#: The phases of the traffic: of the switch of all hosts, or one if none has switched.
BEFORE, DURING, AFTER, ALL = "before", "during", "after", "all"
#: How many of the requests that were lost are named.
NAMED = 10
NUMBERS = values("requests failed longest_ms p50_ms p99_ms")
#: The keys of the numbers in the page, as docs/json.md explains them.
PAGE: Shape = values("schema command by requests failed sessions_cut") | {
    "apps": [
        values("name outcome release previous_release color not_counted")
        | NUMBERS
        | {
            "hosts": [values("host outcome switched sessions_cut streams_closed not_counted") | NUMBERS],
            "phases": [values("phase began ended") | NUMBERS],
            "steps": [values("host process step began ended failed")],
            "intervals": [values("at seconds") | values(" ".join(ANSWERS)) | NUMBERS],
            "lost": [values("host kind at failure")],
        }
    ]
}


@dataclass(frozen=True)
class AppStory:
    """One app, with all of its processes: ``own`` is what was done for it."""

    name: str
    processes: Sequence[Any]
    own: Sequence[Outcome]

    @cached_property
    def documents(self) -> list[dict[str, Any]]:
        """What each process came to; first the one that the probe asks."""
        ordered = sorted(self.processes, key=lambda each: not each["proxied"])
        return [app_document(each, about(each, self.own), is_plan=False) for each in ordered]

    @cached_property
    def traffic(self) -> Traffic:
        barrier, name = last(self.own, BARRIER), self.documents[0]["name"]
        parts = {host: Host(**part) for host, part in barrier.get("processes", {}).get(name, {}).items()}
        probes = barrier.get("probes", {}) if any(each["proxied"] for each in self.processes) else {}
        files = {host: probe["records_file"] for host, probe in probes.items() if "records_file" in probe}
        return Traffic.read(files, parts)

    @cached_property
    def steps(self) -> list[Step]:
        return steps(self.own)

    @property
    def _end(self) -> Outcome | None:
        return next((each for each in reversed(self.own) if each.module == BARRIER), None)

    @property
    def errors(self) -> list[str]:
        """What went wrong, as luma has printed it."""
        return [line.replace("❌ ", "") for each in self.own for error in each.errors for line in error.splitlines()]

    @property
    def of_hosts(self) -> list[str]:
        """What has happened on each host, as luma has printed it."""
        lines = self._end.lines if self._end else []
        return lines if self.errors else lines[:-1]

    @property
    def conclusion(self) -> str:
        """What users are served, as luma has printed it; not if there are errors."""
        lines = self._end.lines if self._end else []
        return lines[-1].replace(" ✅", ".") if lines else "Nothing changed."

    @property
    def before(self) -> str:
        """What served before, which may differ between hosts."""
        releases = {host["previous_release"] for host in self.documents[0]["hosts"]} - {None}
        return joined(sorted(releases)) if releases else "nothing"

    @property
    def answers(self) -> dict[str, str]:
        """Who answered, in words: a release has its color."""
        document = self.documents[0]
        color = document["color"] or ""
        other = {"blue": "green", "green": "blue"}.get(color, "")
        return {
            OLD: release_in_words(document["previous_release"], other),
            NEW: release_in_words(document["release"], color),
            OTHER: "another answer",
            LOST: "lost",
        }

    @property
    def phases(self) -> list[tuple[str, float, float]]:
        """Before, during and after the switch of all hosts; one, if none has switched."""
        if not self.traffic.requests:
            return []
        began, ended = self.traffic.began, self.traffic.ended
        switches = [each for each in self.steps if each.kind == SWITCHED]
        if not switches:
            return [(ALL, began, ended)]
        first, last_one = min(each.began for each in switches), max(each.ended for each in switches)
        return [
            (BEFORE, began, first),
            (DURING, first, last_one),
            (AFTER, last_one, ended),
        ]

    def numbers(self) -> dict[str, Any]:
        """The app's part of the JSON. Times are seconds since its first request."""
        traffic, document = self.traffic, self.documents[0]
        zero = traffic.began if traffic.requests else min((each.began for each in self.steps), default=0.0)
        return {
            **document,
            "name": self.name,
            **numbers(traffic.requests),
            "not_counted": sum(traffic.not_counted.values()),
            "hosts": [self._host(each, zero) for each in document["hosts"]],
            "phases": [
                {"phase": name, "began": began - zero, "ended": ended - zero, **self._within(began, ended)}
                for name, began, ended in self.phases
            ],
            "steps": [
                {**each._asdict(), "step": each.kind, "began": each.began - zero, "ended": each.ended - zero}
                for each in self.steps
            ],
            "intervals": traffic.intervals(),
            "lost": [
                {"host": host, "kind": lost.kind, "at": lost.started - zero, "failure": lost.failure}
                for host, _answer, lost in traffic.requests
                if lost.failure
            ][:NAMED],
        }

    def _host(self, document: dict[str, Any], zero: float) -> dict[str, Any]:
        host = document["host"]
        switched = None if document["outcome"] == UNCHANGED else self.traffic.switched(host)
        return {
            **document,
            **(document["drain"] or {}),
            **numbers(each for each in self.traffic.requests if each.host == host),
            "not_counted": self.traffic.not_counted.get(host),
            "switched": None if switched is None else switched - zero,
        }

    def _within(self, began: float, ended: float) -> dict[str, Any]:
        return numbers(each for each in self.traffic.requests if began <= each.record.started < ended)

    @property
    def sessions_cut(self) -> int | None:
        """Of all processes on all hosts; None if no release was retired."""
        drains = [host["drain"] for each in self.documents for host in each["hosts"] if host["drain"]]
        return sum(each.get("sessions_cut") or 0 for each in drains) if drains else None


def release_in_words(release: str | None, color: str) -> str:
    name = release or "the release that serves"
    return f"{name} ({color})" if color else name


def stories(outcomes: Sequence[Outcome]) -> Iterator[AppStory]:
    """The apps that the run got to, in their order."""
    apps: dict[str, list[Any]] = {}
    for spec in specs(outcomes):
        apps.setdefault(spec["app"], []).append(spec)
    for name, processes in apps.items():
        names = {name, *(each["name"] for each in processes)}
        own = [each for each in outcomes if each.app in names]
        if own:
            yield AppStory(name, processes, own)


def page_numbers(run: dict[str, Any], apps: Sequence[AppStory]) -> dict[str, Any]:
    """The JSON in the page. ``run``: whose it is, as the action luma.deploy.project returns it."""
    parts = [each.numbers() for each in apps]
    cuts = [each.sessions_cut for each in apps if each.sessions_cut is not None]
    made: dict[str, Any] = shaped(
        PAGE,
        {
            "schema": SCHEMA,
            **run,
            "requests": sum(each["requests"] for each in parts),
            "failed": sum(each["failed"] for each in parts),
            "sessions_cut": sum(cuts) if cuts else None,
            "apps": parts,
        },
    )
    return made
