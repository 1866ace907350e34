# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host is doing, in a line for each: the phases that it has passed in the deployment of an app, and what it
is at. Times are in seconds, of one clock of the caller's."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible import constants
from ansible.utils.color import stringc
from ansible.utils.display import get_text_width
from ansible_collections.luma.deploy.plugins.plugin_utils.images.progress import Sent
from ansible_collections.luma.deploy.plugins.plugin_utils.text import size_in_words

#: What a host does in a phase of a deployment, by its module.
PHASES = {
    "luma.deploy.bluegreen_container": "prepare",
    "luma.deploy.release_hook": "release",
    "luma.deploy.network_alias_switch": "switch",
    "luma.deploy.bake": "bake",
    "luma.deploy.graceful_shutdown": "retire",
}
LAST = "retire"
UNDO = "undo"
#: After so many seconds a step is long, and a deployment is drawn.
PATIENCE = 1.0
#: A task that a host has nothing to do in takes it so long to find out, in seconds.
SKIPPING = 0.3
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_PER_SECOND = 10
CELLS = 10
ARROW = " ▸ "


class State(Enum):
    """From what has to be seen to what need not; the value is how it is called."""

    FAILED = "failed"
    AT_WORK = "at work"
    WAITS = "waiting"
    DONE = "done"


#: A host's sign; that of one at work moves.
SIGNS = {
    State.FAILED: stringc("✗", constants.COLOR_ERROR),
    State.WAITS: "·",
    State.DONE: stringc("✓", constants.COLOR_OK),
}


@dataclass(frozen=True)
class Step:
    """What a host is doing, since when, and the phase that it belongs to, if any."""

    what: str
    began: float
    phase: str = ""


#: What a host has come to in a deployment: the seconds of each phase, None if it failed.
Way = dict[str, float | None]


class FleetView:
    """Takes what happens in its order."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self._app = ""
        self._began = 0.0
        self._ways: dict[str, Way] = {}
        self._colors: Mapping[str, set[str]] = {}

    def deploy(self, app: str, colors: Mapping[str, set[str]], now: float) -> None:
        """From now on it is about this app, whose processes are to have these colors on its hosts, as far as known."""
        if app != self._app:
            self._app, self._began, self._ways = app, now, {host: {} for host in colors}
        self._colors = colors

    def end(self, host: str, now: float, *, failed: bool = False, skipped: bool = False) -> None:
        """The host's step has ended."""
        step, way = self.steps.pop(host, None), self._ways.get(host)
        if step is None or way is None or skipped:
            return
        if failed:
            way[step.phase or step.what] = None
        elif step.phase:
            # A phase of several waves goes on.
            way[step.phase] = (way.get(step.phase) or 0.0) + now - step.began

    def long_steps(self, now: float, patience: float) -> dict[str, Step]:
        return {host: step for host, step in self.steps.items() if now - step.began > patience}

    def lines(self, now: float, size: os.terminal_size, sent: Mapping[str, Sent]) -> list[str]:
        """The lines, each and all of them short enough for a terminal of this size not to move what is above."""
        deployed = list(self._ways) if now - self._began > PATIENCE else []
        hosts = list(dict.fromkeys([*deployed, *self.long_steps(now, PATIENCE)]))
        states = {host: self._state(host, now) for host in hosts}
        room = max(1, size.lines - 2)
        shown = hosts if len(hosts) <= room else most_urgent(states, room - 1)
        width = min(max(map(get_text_width, shown), default=0), size.columns // 4)
        lines = [self._line(host, states[host], now, width, size.columns - 1, sent.get(host)) for host in shown]
        return lines if shown == hosts else [*lines, cut(rest(states, shown), size.columns - 1)]

    def _state(self, host: str, now: float) -> State:
        way = self._ways.get(host, {})
        if self._step(host, now):
            return State.AT_WORK
        if None in way.values():
            return State.FAILED
        return State.DONE if LAST in way else State.WAITS

    def _step(self, host: str, now: float) -> Step | None:
        """What is shown as a host's step: a phase at once, others if they are long."""
        step = self.steps.get(host)
        return step if step and now - step.began > (SKIPPING if step.phase else PATIENCE) else None

    def _line(self, host: str, state: State, now: float, width: int, columns: int, sent: Sent | None) -> str:
        sign = SIGNS.get(state) or FRAMES[int(now * FRAMES_PER_SECOND) % len(FRAMES)]
        begin, end = [padded(host, width), self._subject(host)], [journey(sent) if sent else ""]
        room = columns - 2 - sum(get_text_width(word) + 2 for word in [*begin, *end] if word)
        words = [*begin, latest(self._trail(host, now), room), *end]
        return f"{sign} {cut('  '.join(filter(None, words)), columns - 2)}"

    def _subject(self, host: str) -> str:
        if host not in self._ways:
            return ""
        colors = self._colors.get(host, set())
        return " ".join([self._app, *(colors if len(colors) == 1 else [])])

    def _trail(self, host: str, now: float) -> list[str]:
        way, step = self._ways.get(host, {}), self._step(host, now)
        trail = {name: f"{name} failed" if took is None else f"{name} {took:.1f} s" for name, took in way.items()}
        if step:
            trail[step.phase] = f"{step.phase or step.what} {now - step.began:.0f} s"
        return list(trail.values())


def phase_of(module: str, arguments: Mapping[str, Any]) -> str:
    """The phase of a deployment that a task is, by its module and arguments as the role writes them."""
    if arguments.get("restore_route") or arguments.get("state") == "absent":
        return UNDO if module in PHASES else ""
    return PHASES.get(module, "")


def most_urgent(states: Mapping[str, State], room: int) -> list[str]:
    """As many hosts as there is room for, in their own order."""
    urgency = list(State)
    chosen = set(sorted(states, key=lambda host: urgency.index(states[host]))[:room])
    return [host for host in states if host in chosen]


def rest(states: Mapping[str, State], shown: Iterable[str]) -> str:
    """How many hosts are not shown."""
    counts = Counter(states.values()) - Counter(states[host] for host in shown)
    words = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    return f"… and {counts.total()} more: {words}"


def latest(phases: Sequence[str], room: int) -> str:
    """The phases in so many columns: if there is no room for all, the first ones are left out."""
    for first in range(len(phases)):
        text = ARROW.join(["…", *phases[first:]] if first else phases)
        if len(text) <= room:
            return text
    return phases[-1] if phases else ""


def journey(sent: Sent) -> str:
    """How far an image is on its way."""
    if not sent.total:
        return "packing the image"
    full = CELLS * sent.done // sent.total
    return f"{'█' * full}{'░' * (CELLS - full)} {size_in_words(sent.done)} of {size_in_words(sent.total)}"


def padded(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - get_text_width(text))


def cut(text: str, width: int) -> str:
    """The beginning of a text that is no wider than so many columns of a terminal; some characters take two."""
    if get_text_width(text) <= width:
        return text
    while text and get_text_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"
