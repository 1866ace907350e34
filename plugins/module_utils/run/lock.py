# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of an app on one host: only the run that holds it changes the app.

``locks/PROJECT/APP.json`` in luma's folder says which run of luma holds it, and has its last sign of life: the host's
boot id and its seconds since then, so that neither a clock that is set nor the clock of another machine counts. Each
step of the run works under `Lock.held`, which gives signs of life and keeps a shared lock (flock) on ``APP.work``: who
takes the lock waits for that, since a step may outlive the run that began it. ``APP.interrupted`` names a run that was
interrupted before it held the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import threading
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive, now, write_file

#: How long a run may give no sign of life until it counts as silent, in seconds.
LEASE_SECONDS = 60.0
#: How often a step that works gives one, in seconds.
RENEWAL_SECONDS = 5.0
#: How long a step of the run that held the lock before may go on, in seconds.
STEP_SECONDS = 30.0
POLL_SECONDS = 0.1

#: The option of a module that works under the app's lock, see the documentation fragment ``luma.deploy.engine.run``.
RUN_OPTION: dict[str, t.Any] = {"type": "str"}


@dataclass(frozen=True)
class Holder:
    """The run that holds a lock. ``run``: who it is, as the controller said, and ``at``, when it took the lock.
    ``age``: the seconds since its last sign of life, at least, where the host was started anew meanwhile; ``lease``:
    how many it may be silent; ``interrupted``: whether its steps are to end."""

    app: str
    run: t.Mapping[str, t.Any]
    age: float
    lease: float
    interrupted: bool

    @property
    def id(self) -> str:
        return str(self.run["id"])

    @property
    def stale(self) -> bool:
        """Whether it was silent for longer than its lease. It may be alive all the same, cut off from this host."""
        return self.age > self.lease

    def facts(self) -> dict[str, t.Any]:
        """The holder as a module returns it."""
        state = {"age": round(self.age, 1), "lease": self.lease, "stale": self.stale, "interrupted": self.interrupted}
        return dict(self.run, **state)

    def __str__(self) -> str:
        run = self.run
        return "{} ({}, process {}) since {}, last sign of life {:.0f} s ago".format(
            run.get("by") or "somebody",
            run.get("command") or "an unknown command",
            run.get("pid") or "unknown",
            run["at"].replace("T", " ").replace("+00:00", " UTC"),
            self.age,
        )


class Lock:
    """The lock of one app on this host. ``state_dir`` is luma's folder, by default ``/var/lib/luma``;
    ``step_timeout``: see `STEP_SECONDS`."""

    def __init__(self, state_dir: str, project: str, app: str, step_timeout: float = STEP_SECONDS) -> None:
        self.app = app
        self.folder = Path(state_dir, "locks", project)
        self.file = self.folder / f"{app}.json"
        self.step_timeout = step_timeout

    def read(self) -> Holder | None:
        """Who holds it; None where nobody does."""
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            sign = content["sign"]
            age = uptime() - sign["uptime"] if sign["boot"] == boot_id() else uptime()
            return Holder(self.app, content["run"], max(0.0, age), sign["lease"], content["interrupted"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError):
            # It is replaced as a whole: only a host that lost its power leaves a part of it, and its run is gone.
            return None

    def refusal(self, holder: Holder) -> LumaError:
        """What another run is told while this one holds the lock."""
        message = f"{self.app} is being deployed by {holder}. Nothing was changed."
        if holder.stale:
            message += f" If that run is dead: luma lock release {self.app}"
        return LumaError(message, locked=True, holder=holder.facts())

    def take(
        self,
        run: t.Mapping[str, t.Any],
        take_over: t.Sequence[str] = (),
        wait: float = 0.0,
        lease: float = LEASE_SECONDS,
    ) -> Holder | None:
        """Takes the lock for a run, once no step of another one is at work, and returns who held it before: nobody,
        this run already, or one of the runs whose ids are in ``take_over``. Raises `LumaError` where another one holds
        it still after ``wait`` seconds, or when this run is interrupted meanwhile."""
        deadline = time.monotonic() + wait
        while True:
            with self._changing():
                before = self.read()
                interrupted = self._interrupted_before() == run["id"]
                if before is None or before.id in take_over:
                    self._write(dict(run, at=now()), lease, interrupted)
                    self._note.unlink(missing_ok=True)
                    break
                if before.id == run["id"]:
                    self._write(before.run, lease, before.interrupted)
                    return before
            if interrupted or time.monotonic() >= deadline:
                raise self.refusal(before)
            time.sleep(POLL_SECONDS)
        self._await_steps(str(run["id"]))
        return before

    def renew(self, run_id: str, lease: float = LEASE_SECONDS) -> None:
        """Gives a sign of life, after which the run may be silent for ``lease`` seconds; raises `LumaError` where the
        lock is not this run's."""
        with self._changing():
            holder = self.read()
            if holder is None or holder.id != run_id:
                reason, facts = loss(holder, run_id)
                raise LumaError(f"{self.app} is not locked by this run any more: {reason}.", **facts)
            # Where the disk is full the run looks silent, and can still go back to what it found.
            with contextlib.suppress(OSError):
                self._write(holder.run, lease, holder.interrupted)

    def interrupt(self, run_id: str) -> bool:
        """Tells the steps of a run to end: those that are at work, and the one that has still to take the lock. Returns
        whether it holds the lock and had not been told."""
        with self._changing():
            holder = self.read()
            if holder is None or holder.id != run_id:
                write_file(self._note, run_id)
                return False
            if holder.interrupted:
                return False
            self._write(holder.run, holder.lease, interrupted=True)
            return True

    def release(self, run_id: str | None) -> Holder | None:
        """Releases the lock where this run holds it, or whoever does where ``run_id`` is None; returns who did."""
        if not self.folder.exists():
            return None
        with self._changing():
            holder = self.read()
            if holder and run_id not in (None, holder.id):
                return None
            # One that cannot be read is nobody's, and goes, too.
            with contextlib.suppress(FileNotFoundError):
                self.file.unlink()
            return holder

    @property
    def _note(self) -> Path:
        return self.folder / f"{self.app}.interrupted"

    def _interrupted_before(self) -> str:
        """The run that was interrupted before it held the lock."""
        try:
            return self._note.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    @contextlib.contextmanager
    def held(self, run_id: str) -> t.Iterator[Held]:
        """A step of the run that holds the lock works under it; raises `LumaError` where the run does not."""
        # In this order: who takes the lock afterwards finds the step at work.
        with self._work() as work:
            fcntl.flock(work, fcntl.LOCK_SH)
            self.renew(run_id)
            over = threading.Event()
            thread = threading.Thread(target=self._keep_renewing, args=(run_id, over), daemon=True)
            thread.start()
            try:
                yield Held(self, run_id)
            finally:
                over.set()
                thread.join()

    def _keep_renewing(self, run_id: str, over: threading.Event) -> None:
        with contextlib.suppress(LumaError):
            while not over.wait(RENEWAL_SECONDS):
                self.renew(run_id)

    def _await_steps(self, run_id: str) -> None:
        """Waits until no step is at work. Steps that poll have seen by now that the lock is another run's."""
        deadline = time.monotonic() + self.step_timeout
        with self._work() as work:
            while True:
                try:
                    return fcntl.flock(work, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        break
                time.sleep(POLL_SECONDS)
        self.release(run_id)
        raise LumaError(
            f"A step of an earlier run of luma is still at work on {self.app}, after {self.step_timeout:g} s. Nothing "
            "was changed. Try again in a moment.",
            locked=True,
        )

    def _work(self) -> t.IO[str]:
        with self._changing():
            return (self.folder / f"{self.app}.work").open("a", encoding="ascii")

    @contextlib.contextmanager
    def _changing(self) -> t.Iterator[None]:
        try:
            with exclusive(self.folder):
                yield
        except PermissionError:
            raise
        except OSError as exc:
            raise LumaError(f"The lock of {self.app} cannot be changed: {exc}") from exc

    def _write(self, run: t.Mapping[str, t.Any], lease: float, interrupted: bool = False) -> None:
        sign = {"boot": boot_id(), "uptime": uptime(), "lease": lease}
        write_file(self.file, json.dumps({"run": run, "sign": sign, "interrupted": interrupted}))


class Held:
    """What a step knows of the lock that it works under; without a lock, as where a module is used by itself, it is
    never lost."""

    def __init__(self, lock: Lock | None = None, run_id: str = "") -> None:
        self._lock = lock
        self._run_id = run_id

    def lost(self) -> str:
        """Why the work has to stop; empty where it has not. Cheap: loops that wait ask it at each turn."""
        return self._loss()[0]

    def stop_where_lost(self, work: str) -> None:
        """Raises `LumaError` where the work has to stop; ``work`` ("the preparation of blog") begins its message."""
        reason, facts = self._loss()
        if reason:
            raise LumaError(f"{work} was stopped: {reason}.", **facts)

    def _loss(self) -> tuple[str, dict[str, t.Any]]:
        return loss(self._lock.read(), self._run_id) if self._lock else ("", {})


def loss(holder: Holder | None, run_id: str) -> tuple[str, dict[str, t.Any]]:
    """Why the steps of a run have to end, and the facts of the error that they end with; empty where they need not."""
    if holder is None:
        return "the lock was released", {"locked": True, "holder": None}
    if holder.id != run_id:
        return f"another run has taken over, {holder}", {"locked": True, "holder": holder.facts()}
    return ("the run was interrupted", {"interrupted": True}) if holder.interrupted else ("", {})


@contextlib.contextmanager
def no_deployment(state_dir: str, project: str) -> t.Iterator[None]:
    """Keeps deployments of a project's apps from beginning on this host: who takes a lock meanwhile waits. Raises
    `LumaError` where one is under way."""
    folder = Path(state_dir, "locks", project)
    with exclusive(folder):
        for file in sorted(folder.glob("*.json")):
            lock = Lock(state_dir, project, file.stem)
            holder = lock.read()
            if holder and not holder.stale:
                raise lock.refusal(holder)
        yield


def boot_id() -> str:
    """Another one after each start of the host."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def uptime() -> float:
    """Seconds since the host was started, those that it slept among them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
