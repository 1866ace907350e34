# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The coordinates of the figure of an app: time runs from 0 to 100 percent of its width, in all of its panels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any, NamedTuple

from ansible_collections.luma.deploy.plugins.plugin_utils.page.requests import ANSWERS, DRAWN_SLOWEST, Traffic
from ansible_collections.luma.deploy.plugins.plugin_utils.page.story import DURING

# In pixels; the width is that of the page.
RATE_HEIGHT, LATENCY_HEIGHT, ROW_HEIGHT, HEADROOM = 72, 190, 38, 16
MOST_TICKS, MOST_LINES = 6, 7
#: Milliseconds; nothing is quicker.
LEAST = 0.01
NICE = (1, 2, 5)


class Bar(NamedTuple):
    """From where to where, in percent."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True)
class Axis:
    """So many seconds from the first request on."""

    seconds: float

    def x(self, at: float) -> float:
        """In percent; what lies outside is at the edge."""
        return round(100 * min(1.0, max(0.0, at / self.seconds)), 3)

    def span(self, part: Mapping[str, Any], kind: str = "", title: str = "") -> Bar:
        """From when a phase or a step ``began`` until it ``ended``."""
        x = self.x(part["began"])
        return Bar(x, round(self.x(part["ended"]) - x, 3), kind, title)

    def ticks(self) -> list[tuple[float, str]]:
        """Whole steps of seconds."""
        step = next(each for each in nice_numbers(0.1) if self.seconds / each <= MOST_TICKS)
        return [(self.x(number * step), f"{number * step:g} s") for number in range(int(self.seconds / step) + 1)]


@dataclass(frozen=True)
class Latency:
    """Milliseconds, on a logarithmic scale from the bottom up."""

    low: float
    high: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Latency:
        """A scale for all of these."""
        *_lower, low = takewhile(lambda each: each <= max(LEAST, min(times)), nice_numbers(LEAST))
        return cls(low, max(next(each for each in nice_numbers(LEAST) if each >= max(times)), 10 * low))

    def y(self, milliseconds: float) -> float:
        share = math.log(max(self.low, milliseconds) / self.low) / math.log(self.high / self.low)
        return round(LATENCY_HEIGHT - share * (LATENCY_HEIGHT - HEADROOM), 1)

    def lines(self) -> list[tuple[float, str]]:
        """Where a value is marked, and how."""
        values = [each for each in takewhile(lambda each: each <= self.high, nice_numbers(LEAST)) if each >= self.low]
        if len(values) > MOST_LINES:
            values = [each for each in values if math.log10(each).is_integer()]
        return [(self.y(each), in_words(each)) for each in values]


def nice_numbers(first: float) -> Iterator[float]:
    """1, 2, 5, 10, ... times ``first``."""
    while True:
        yield from (first * each for each in NICE)
        first *= 10


def in_words(milliseconds: float) -> str:
    if milliseconds < 1:
        return f"{1000 * milliseconds:g} µs"
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds:g} ms"


@dataclass(frozen=True)
class Figure:
    """What the template draws of an app that had traffic. ``numbers``: the app's part of the page's JSON."""

    numbers: Mapping[str, Any]
    traffic: Traffic

    @cached_property
    def axis(self) -> Axis:
        return Axis(self.traffic.ended - self.traffic.began)

    @cached_property
    def latency(self) -> Latency:
        return Latency.of([each.record.milliseconds for each in self.traffic.requests])

    @property
    def most_per_second(self) -> float:
        intervals = self.numbers["intervals"]
        return max(each["requests"] for each in intervals) * len(intervals) / self.axis.seconds

    @cached_property
    def areas(self) -> dict[str, str]:
        """Of each kind of answer a path, stacked upon those before it; its x is in tenths of a percent."""
        intervals, areas = self.numbers["intervals"], {}
        scale = (RATE_HEIGHT - HEADROOM) / max(each["requests"] for each in intervals)
        floor = [float(RATE_HEIGHT)] * len(intervals)
        for kind in ANSWERS:
            tops = [low - each[kind] * scale for low, each in zip(floor, intervals, strict=True)]
            if tops != floor:
                areas[kind] = outline(tops, floor)
            floor = tops
        return areas

    @cached_property
    def dots(self) -> dict[str, str]:
        """Of each kind of answer a path of dots; its x is in tenths of a percent."""
        paths: dict[str, list[str]] = {}
        for _host, kind, record in self.traffic.drawn[0]:
            x, y = 10 * self.axis.x(record.started - self.traffic.began), self.latency.y(record.milliseconds)
            paths.setdefault(kind, []).append(f"M{x:.1f} {y:g}h0")
        return {kind: "".join(paths[kind]) for kind in ANSWERS if kind in paths}

    @property
    def left_out(self) -> str:
        """Which requests have no dot, in words."""
        one_of = self.traffic.drawn[1]
        return f"The slowest {DRAWN_SLOWEST:,} are drawn, and of the others one in {one_of}." if one_of > 1 else ""

    @property
    def during(self) -> list[Bar]:
        """The switch of all hosts, if there was one."""
        return [self.axis.span(each) for each in self.numbers["phases"] if each["phase"] == DURING]

    def percentiles(self) -> Iterator[tuple[Bar, float, str]]:
        """The median and p99 of each phase: from where to where, at which height, and what it is called there."""
        phases = [each for each in self.numbers["phases"] if each["requests"]]
        for key, name in (("p50_ms", "median"), ("p99_ms", "p99")):
            for each in phases:
                yield self.axis.span(each), self.latency.y(each[key]), name if each is phases[-1] else ""

    def commits(self) -> list[float]:
        """When each host began to be served the new release."""
        return [self.axis.x(each["switched"]) for each in self.numbers["hosts"] if each["switched"] is not None]

    @cached_property
    def rows(self) -> dict[str, list[Bar]]:
        """The steps of each host, as far as there was traffic meanwhile."""
        rows: dict[str, list[Bar]] = {each["host"]: [] for each in self.numbers["hosts"]}
        for step in self.numbers["steps"]:
            if step["ended"] > 0:
                title = f"{step['process']}: {step['step']}, {step['ended'] - step['began']:.1f} s"
                failed = " failed" if step["failed"] else ""
                rows.setdefault(step["host"], []).append(self.axis.span(step, step["step"] + failed, title + failed))
        return {host: bars for host, bars in rows.items() if bars}


def outline(tops: Iterable[float], floor: Sequence[float]) -> str:
    """The area between two rows of steps, from left to right and back."""
    width = 1000 / len(floor)
    there = (f"V{top:.1f}H{(number + 1) * width:.1f}" for number, top in enumerate(tops))
    back = (f"V{floor[number]:.1f}H{number * width:.1f}" for number in reversed(range(len(floor))))
    return f"M0 {floor[0]:.1f}{''.join(there)}{''.join(back)}Z"
