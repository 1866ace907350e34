# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app with a web server, workers and a clock: one release, nothing lost, and never two clocks."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words, handovers

from tests.host import APP_IMAGE, LUMA, docker
from tests.terminal import Terminal
from tests.zero_loss.conftest import MakeProject
from tests.zero_loss.project import Deployment, Project, Traffic, luma, wait_for

WORKS = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
FAILS = "echo no jobs for $LUMA_RELEASE; exit 3"


class Shop(Project):
    """A project whose app has three processes."""

    def write(self, worker: str = WORKS, clock: str = WORKS, **environment: str) -> Path:
        app = {
            "image": APP_IMAGE,
            "stop_timeout": "1s",
            "environment": {"plain": environment, "secret": {"TOKEN": "MAIN_TOKEN"}},
            "processes": {
                "web": {"replicas": 2, "proxy": {**self.app["proxy"], "hold": "60s"}},
                "worker": {"command": ["sh", "-c", worker], "replicas": 2},
                "clock": {"command": ["sh", "-c", clock], "overlap": False},
            },
        }
        path = self.folder / "luma.yml"
        whole = {"name": self.name, "proxy": self.proxy, "apps": {self.name: app}}
        path.write_text(yaml.safe_dump(whole, sort_keys=False))
        (self.folder / ".luma").mkdir(exist_ok=True)
        secrets = self.folder / ".luma" / "secrets"
        secrets.write_text("MAIN_TOKEN=$(echo asked >> asked; echo t0ken)\n")
        secrets.chmod(0o600)
        return path

    def deploy_processes(self, **arguments: str) -> Deployment:
        self.write(**arguments)
        return luma(self, "deploy")

    @property
    def backend(self) -> str:
        return f"{self.name}:{self.name}-web"

    def running(self, process: str) -> dict[str, str]:
        """The ids of a process' containers, by their names."""
        label = f"label=luma.app={self.name}-{process}"
        lines = docker("ps", "--no-trunc", "--filter", label, "--format", "{{.Names}} {{.ID}}").splitlines()
        return dict(line.split() for line in lines)

    def everything(self) -> dict[str, str]:
        return {name: each for process in ("web", "worker", "clock") for name, each in self.running(process).items()}


@pytest.fixture(scope="module")
def shop(make_project: MakeProject) -> Shop:
    made = make_project("processes", Shop)
    assert isinstance(made, Shop)
    done = made.deploy_processes(VERSION="r1")
    assert done.code == 0, done.output
    return made


def events(since: datetime, *filters: str) -> list[dict[str, Any]]:
    """What the engine tells of the time since then."""
    until = datetime.now(UTC).timestamp()
    options = [word for each in filters for word in ("--filter", each)]
    text = docker(
        "events", "--since", str(since.timestamp()), "--until", str(until), *options, "--format", "{{json .}}"
    )
    return [json.loads(line) for line in text.splitlines()]


def lives(project: Shop, process: str, since: datetime) -> list[tuple[int, str]]:
    """When containers of a process started and ended, in nanoseconds, in the order of time."""
    found = events(since, f"label=luma.app={project.name}-{process}")
    return sorted((each["timeNano"], each["Action"]) for each in found if each["Action"] in ("start", "die"))


def attachments(containers: set[str], since: datetime) -> list[int]:
    """When those containers were connected to a network, in nanoseconds."""
    found = events(since, "type=network", "event=connect")
    return [each["timeNano"] for each in found if each["Actor"]["Attributes"].get("container") in containers]


def test_a_deployment_loses_nothing_and_never_runs_two_clocks(shop: Shop, tmp_path: Path) -> None:
    began, before = datetime.now(UTC), shop.everything()
    with Traffic(shop.url, shop.host, tmp_path) as traffic:
        done = shop.deploy_processes(VERSION="r2")
        records = traffic.stop().records
    assert done.code == 0, done.output
    assert failures_in_words(records) == []
    (switch,) = handovers(records, lambda record: record.release)
    assert (switch.after, switch.stale) == ("r2", 0)
    after = shop.everything()
    assert len(after) == 5
    assert not set(before.values()) & set(after.values())
    (died, _die), (_started, start) = lives(shop, "clock", began)
    assert start == "start"
    # They switch in the order of luma.yml: the containers of web are attached anew before the turn of the clock.
    webs = {each for names in (before, after) for name, each in names.items() if "-web-" in name}
    assert 0 < max(attachments(webs, began)) < died


def test_a_secret_is_asked_for_once_in_a_run(shop: Shop) -> None:
    asked = shop.folder / "asked"
    asked.unlink()
    done = shop.deploy_processes(VERSION="r2")
    assert (done.code, asked.read_text()) == (0, "asked\n"), done.output
    for name in shop.everything():
        assert docker("exec", name, "printenv", "TOKEN") == "t0ken"
    assert "t0ken" not in done.output


@pytest.mark.parametrize("process", ["worker", "clock"])
def test_one_process_that_fails_takes_all_back(shop: Shop, process: str) -> None:
    before = shop.everything()
    done = shop.deploy_processes(VERSION="r3", **{process: FAILS})
    assert done.code == 1, done.output
    assert "no jobs for" in done.output
    assert f"Users of {shop.name} are served" in done.output
    assert shop.everything() == before


def test_a_rollback_takes_back_what_the_last_deployment_changed(shop: Shop) -> None:
    web = shop.running("web")
    clock = shop.running("clock")
    done = shop.deploy_processes(VERSION="r2", worker=f": other; {WORKS}")
    assert done.code == 0, done.output
    changed = shop.running("worker")
    done = luma(shop, "rollback")
    assert done.code == 0, done.output
    assert f"{shop.name}-web stays at" in done.output
    assert (shop.running("web"), shop.running("clock")) == (web, clock)
    names = list(shop.running("worker"))
    assert not set(names) & set(changed)
    commands = docker("inspect", "--format", "{{json .Config.Cmd}}", *names).splitlines()
    assert [json.loads(line)[-1] for line in commands] == [WORKS, WORKS]


def test_a_restart_loses_nothing(shop: Shop, tmp_path: Path) -> None:
    before, releases = shop.everything(), shop.containers()
    with Traffic(shop.url, shop.host, tmp_path) as traffic:
        done = luma(shop, "restart")
        records = traffic.stop().records
    assert done.code == 0, done.output
    assert failures_in_words(records) == []
    after = shop.everything()
    assert len(after) == len(before)
    assert not set(before.values()) & set(after.values())
    assert sorted(shop.containers().values()) == sorted(releases.values())


def test_what_was_stopped_is_started_as_it_was(shop: Shop) -> None:
    def visit(path: str) -> int:
        request = urllib.request.Request(f"{shop.url}{path}", headers={"Host": shop.host})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)

    before = shop.everything()
    with ThreadPoolExecutor() as threads:
        in_flight = threads.submit(visit, "/slow?seconds=5")
        wait_for(lambda: shop.counters()["scur"] > 0, "the request does not come")
        stopped = luma(shop, "stop", f"{shop.name}-web")
        assert (stopped.code, in_flight.result()) == (0, 200), stopped.output
        assert (shop.running("web"), len(shop.everything())) == ({}, 3)
        # Who comes now waits in the proxy.
        waiting = threads.submit(visit, "/")
        wait_for(lambda: shop.counters()["qcur"] > 0, "nobody waits")
        started = luma(shop, "start", shop.name)
        assert (started.code, waiting.result()) == (0, 200), started.output
    assert shop.everything() == before


@pytest.mark.parametrize("command", ["exec", "run"])
def test_a_command_gets_a_terminal_or_input(shop: Shop, command: str) -> None:
    name = f"{shop.name}-worker"
    words = [str(LUMA), "-c", str(shop.folder / "luma.yml"), command]
    terminal = Terminal(*words, "-it", name, "--", "sh", "-c", "tty; read line; exit $line")
    terminal.wait_for("/dev/pts/")
    terminal.type("9\n")
    assert terminal.end() == 9
    (shop.folder / "input").write_text("sent\n")
    script = 'read line; echo "$line $TOKEN"; exit 3'
    with (shop.folder / "input").open() as given:
        done = subprocess.run(
            [*words, name, "--", "sh", "-c", script],
            stdin=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (3, "sent t0ken\n"), done.stderr
    # A dump need not be text.
    raw = subprocess.run([*words[:4], name, "--", "printf", r"\377\000"], stdin=subprocess.DEVNULL, capture_output=True)
    assert (raw.returncode, raw.stdout) == (0, b"\xff\x00"), raw.stderr
    assert docker("ps", "-a", "--filter", f"label=luma.one-off-of={name}", "--format", "{{.Names}}") == ""


def test_a_removal_takes_all_of_them(shop: Shop) -> None:
    done = luma(shop, "remove", shop.name, "--yes")
    assert done.code == 0, done.output
    assert shop.everything() == {}
    assert done.output.count("is removed from localhost ✅") == 4
