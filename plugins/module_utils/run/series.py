# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma's own numbers of a host, in the text format of Prometheus, in luma's folder::

    metrics/luma.prom               what luma-proxy, or a node_exporter, tells Prometheus; everybody may read it
    metrics/facts/PROJECT/APP.json  what nothing else on the host says: counters, and what a step of luma has seen last

Who changes a fact publishes it, and with it all others, so that a run that died in between is made up for by the next
one. What changes with time alone is told as the time at which it began. The names follow
https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import contextlib
import json
import time
import typing as t
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.acme.state import seconds
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive, write_file
from ansible_collections.luma.deploy.plugins.module_utils.proxy.metrics import FILE, FOLDER
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import Orders
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Lock

#: The types of the series, and what each tells.
FAMILIES = {
    "luma_app_info": ("gauge", "Always 1. Its labels are the release and the color of an app that serve."),
    "luma_replicas_wanted": ("gauge", "The replicas that are to run: 0 if the app is stopped, or cron starts it."),
    "luma_inactive_replicas": ("gauge", "The containers of the color that does not serve."),
    "luma_maintenance": ("gauge", "Whether visitors of an app are told to come back later."),
    "luma_certificate_wanted_names": ("gauge", "The names of an app that luma gets a certificate for."),
    "luma_lock_taken_timestamp_seconds": ("gauge", "When the run that holds an app's lock took it."),
    "luma_runs_total": ("counter", "The runs of luma that held an app's lock, by what came of them."),
    "luma_last_run_timestamp_seconds": ("gauge", "When the last of these runs ended."),
    "luma_last_run_duration_seconds": ("gauge", "How long that run held the lock."),
    "luma_cut_requests_total": ("counter", "The requests that were still in flight after drain_timeout."),
    "luma_closed_streams_total": ("counter", "The streams that were closed after stream_drain_timeout."),
    "luma_last_prune_timestamp_seconds": ("gauge", "When a project was last pruned."),
}
#: What deployments come to: counted from 0, so that Prometheus sees the first one of a kind.
OUTCOMES = ("deployed", "unchanged", "unfinished", "failed", "interrupted", "died")
#: The outcome of a run that leaves nothing of the app, nor of its numbers.
REMOVED = "removed"

Sample = t.Tuple[str, t.Dict[str, str], float]


class Runs(t.NamedTuple):
    """The runs with one outcome: how many, when the last one ended, and how many seconds it held the lock."""

    number: int = 0
    ended: float = 0.0
    seconds: float = 0.0


@dataclass
class Facts:
    """What is kept of one app. ``color`` is empty if none serves; ``inactive`` are the containers of the other one;
    ``cut`` and ``closed`` count requests and streams; ``pruned`` is a time, 0 if that was never done."""

    release: str = ""
    color: str = ""
    replicas: int = 0
    inactive: int = 0
    cut: int = 0
    closed: int = 0
    pruned: float = 0.0
    runs: dict[str, Runs] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Facts:
        """Those in a file. What cannot be read begins anew, as counters may."""
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            runs = {outcome: Runs(*each) for outcome, each in found.pop("runs").items()}
            return cls(**found, runs=runs)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()


class Series:
    """The numbers of one host. ``state_dir`` is luma's folder, by default ``/var/lib/luma``. All methods raise
    `OSError`."""

    def __init__(self, state_dir: str) -> None:
        self.state_dir = Path(state_dir)
        self.folder = self.state_dir / FOLDER
        self.facts = self.folder / "facts"

    def count(self, project: str, app: str, outcome: str, since: float) -> None:
        """Counts a run that has held the app's lock ``since`` then."""
        if outcome == REMOVED:
            return
        now = time.time()
        with self.changed(project, app) as facts:
            number = facts.runs.get(outcome, Runs()).number + 1
            facts.runs[outcome] = Runs(number, now, now - since)

    def prune(self, project: str, gone: t.Iterable[str] = ()) -> None:
        """Notes that a project was pruned just now, and forgets apps that are ``gone``."""
        with self._publishing():
            for app in gone:
                self._file(project, app).unlink(missing_ok=True)
            for file in (self.facts / project).glob("*.json"):
                facts = Facts.read(file)
                facts.pruned = time.time()
                _write(file, facts)

    def forget(self, project: str, app: str) -> None:
        with self._publishing():
            self._file(project, app).unlink(missing_ok=True)

    def knows(self, project: str, app: str) -> bool:
        return self._file(project, app).exists()

    @contextlib.contextmanager
    def changed(self, project: str, app: str) -> t.Iterator[Facts]:
        """What is kept of an app, to be changed."""
        file = self._file(project, app)
        with self._publishing():
            facts = Facts.read(file)
            yield facts
            file.parent.mkdir(exist_ok=True)
            _write(file, facts)

    def publish(self) -> None:
        """Writes down what has changed elsewhere: locks, routes, orders of certificates."""
        with self._publishing():
            pass

    @contextlib.contextmanager
    def _publishing(self) -> t.Iterator[None]:
        # Not the folder that everybody may read: who can open a folder can lock it, too.
        with exclusive(self.facts):
            yield
            self.folder.chmod(0o755)
            write_file(self.folder / FILE, render(self._samples()), mode=0o644)

    def _file(self, project: str, app: str) -> Path:
        return self.facts / project / f"{app}.json"

    def _samples(self) -> t.Iterator[Sample]:
        # An app that is deployed for the first time has a lock and nothing else yet.
        places = {file.relative_to(base) for base in (self.facts, self.state_dir / "locks") for file in _files(base)}
        pruned: dict[str, float] = {}
        for place in sorted(places):
            project, app = place.parent.name, place.stem
            labels = {"project": project, "app": app}
            facts, holder = Facts.read(self.facts / place), Lock(str(self.state_dir), project, app).read()
            yield from _samples_of(facts, labels)
            if holder:
                yield "luma_lock_taken_timestamp_seconds", labels, seconds(holder.run["at"])
            pruned[project] = max(pruned.get(project, 0.0), facts.pruned)
        for project, at in pruned.items():
            if at:
                yield "luma_last_prune_timestamp_seconds", {"project": project}, at
        yield from self._samples_of_proxy()

    def _samples_of_proxy(self) -> t.Iterator[Sample]:
        proxy = self.state_dir / "proxy"
        for route in Routes(proxy / "routes").all():
            yield "luma_maintenance", {"project": route.project, "app": route.app}, route.maintenance
        for backend, names in Orders(proxy).wanted_names().items():
            project, _colon, app = backend.partition(":")
            yield "luma_certificate_wanted_names", {"project": project, "app": app}, len(names)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.json"))


def _samples_of(facts: Facts, labels: dict[str, str]) -> t.Iterator[Sample]:
    """What is kept of one app."""
    if facts.color:
        yield "luma_app_info", {**labels, "release": facts.release, "color": facts.color}, 1
        yield "luma_replicas_wanted", labels, facts.replicas
    yield "luma_inactive_replicas", labels, facts.inactive
    yield "luma_cut_requests_total", labels, facts.cut
    yield "luma_closed_streams_total", labels, facts.closed
    for outcome, runs in {**dict.fromkeys(OUTCOMES, Runs()), **facts.runs}.items():
        of_outcome = {**labels, "outcome": outcome}
        yield "luma_runs_total", of_outcome, runs.number
        if runs.number:
            yield "luma_last_run_timestamp_seconds", of_outcome, runs.ended
            yield "luma_last_run_duration_seconds", of_outcome, runs.seconds


def render(samples: t.Iterable[Sample]) -> str:
    """The text format, version 0.0.4, in which all samples of a family stand together:
    https://prometheus.io/docs/instrumenting/exposition_formats/."""
    lines: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for name, labels, value in samples:
        pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines[name].append(f"{name}{{{pairs}}} {round(float(value), 3):.15g}\n")
    heads = {name: f"# HELP {name} {told}\n# TYPE {name} {kind}\n" for name, (kind, told) in FAMILIES.items()}
    return "".join(heads[name] + "".join(rows) for name, rows in lines.items() if rows)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _write(file: Path, facts: Facts) -> None:
    write_file(file, json.dumps(asdict(facts)) + "\n")
