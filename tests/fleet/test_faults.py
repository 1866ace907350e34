# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens to a deployment to three hosts, and whenever: no host that is up loses a request, all hosts that can
be reached serve one release at its end, and the same command brings all of them level afterwards."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import Record, failures_in_words

from tests.fleet.faults import LOST, MOMENTS, ONE_HAS_SWITCHED, SWITCH, SWITCHING, Fault, Moment, full_disk, kill_proxy
from tests.fleet.fleet import Fleet, Run
from tests.host import APP_IMAGE
from tests.zero_loss.project import Deployment, Traffic, wait_for

pytestmark = pytest.mark.sampled

FAILED = 1
UNREACHABLE = 3
LOCKED = 4

RELEASES = count(1)


@dataclass
class Attempt:
    """A deployment of the release `new` over `old`, under traffic to all hosts."""

    fleet: Fleet
    traffic: Mapping[str, Traffic]
    old: str
    new: str
    outages: dict[str, tuple[float, float]] = field(default_factory=dict)
    """From when until when the users of a host were not served."""

    def start(self, moment: Moment, victim: str = "web1") -> Run:
        """Begin, and wait for that moment."""
        self.fleet.write(self.new, environment=moment.environment, **moment.app)
        run = self.fleet.start("deploy")
        moment.reach(run, self.fleet, victim)
        return run

    @contextlib.contextmanager
    def outage(self, host: str) -> Iterator[None]:
        """From now on the host's users are not served, until they are again after this."""
        since = time.monotonic()
        yield
        wait_for(lambda: bool(self.fleet.served(host)), f"{host} does not serve again")
        self.outages[host] = (since, time.monotonic())

    def served(self, *, but: str = "") -> set[str]:
        """What the hosts serve, but for one of them."""
        return {self.fleet.served(name) for name in self.fleet.servers if name != but}

    def repeat(self) -> Deployment:
        """The same command again goes through."""
        again = self.fleet.luma("deploy")
        assert again.code == 0, again.output
        return again

    def ends_well(self) -> None:
        """All hosts have the new release and nothing else; those that were up have lost no request."""
        records = {name: client.stop().records for name, client in self.traffic.items()}
        assert self.fleet.shortcomings() == []
        for name, fate in records.items():
            assert {record.release for record in fate if record.release} == {self.old, self.new}
            assert failures_in_words(self._while_up(name, fate)) == [], name

    def _while_up(self, name: str, records: list[Record]) -> list[Record]:
        since, until = self.outages.get(name, (float("inf"), float("inf")))
        return [record for record in records if record.answered < since or record.started > until]


def says_of(host: str, what: str, deployment: Deployment) -> None:
    """The output has a line that begins with the host and has these words."""
    lines = [line for line in deployment.output.splitlines() if line.startswith(f"[{host}]")]
    assert any(what in line.lower() for line in lines), deployment.output


@pytest.fixture
def attempt(fleet: Fleet, tmp_path: Path) -> Iterator[Attempt]:
    with fleet.traffic(tmp_path) as traffic:
        yield Attempt(fleet, traffic, old=fleet.release, new=f"r{next(RELEASES)}")


def table(*columns: Any) -> list[Any]:
    """Every combination, with a victim: the hosts in turn, but for the first one where that has switched already."""
    rows = []
    for number, row in enumerate(product(*columns)):
        victim = f"web{2 + number % 2}" if ONE_HAS_SWITCHED in row else f"web{1 + number % 3}"
        rows.append(pytest.param(*row, victim, id=", ".join([*(column.name for column in row), victim])))
    return rows


@pytest.mark.parametrize(("fault", "moment", "victim"), table(LOST, MOMENTS))
def test_a_host_is_lost(attempt: Attempt, fault: Fault, moment: Moment, victim: str) -> None:
    run = attempt.start(moment, victim)
    with attempt.outage(victim):
        fault.strike(attempt.fleet.servers[victim])
        deployment = run.outcome()
        assert attempt.served(but=victim) == {attempt.old if moment.undone else attempt.new}
        fault.mend(attempt.fleet.servers[victim])
    assert deployment.code == UNREACHABLE, deployment.output
    says_of(victim, fault.said, deployment)
    assert "run: " in deployment.output
    attempt.repeat()
    attempt.ends_well()


@pytest.mark.parametrize(("moment", "victim"), table(MOMENTS))
def test_a_proxy_is_killed(attempt: Attempt, moment: Moment, victim: str) -> None:
    run = attempt.start(moment, victim)
    with attempt.outage(victim):
        kill_proxy(attempt.fleet.servers[victim])
        deployment = run.outcome()
        assert len(attempt.served(but=victim)) == 1
        if deployment.code:
            says_of(victim, "luma-proxy does not answer", deployment)
        attempt.repeat()
    attempt.ends_well()


@pytest.mark.parametrize(("moment", "victim"), table([*MOMENTS, SWITCHING]))
def test_the_controller_is_killed(attempt: Attempt, moment: Moment, victim: str) -> None:
    run = attempt.start(moment, victim)
    run.kill()
    assert run.outcome().code == -signal.SIGKILL
    assert "died" in attempt.repeat().output
    attempt.ends_well()


def test_one_host_alone_is_unhealthy(attempt: Attempt) -> None:
    server = attempt.fleet.servers["web2"]
    server.run(f"docker tag {APP_IMAGE} well && docker create --name sick {APP_IMAGE}")
    server.run(f"docker commit --change 'ENV HEALTH=fail' sick {APP_IMAGE} && docker rm sick")
    attempt.fleet.write(attempt.new, health_check={**attempt.fleet.app["health_check"], "retries": 24})
    deployment = attempt.fleet.luma("deploy")
    server.run(f"docker tag well {APP_IMAGE} && docker rmi well")
    assert deployment.code == FAILED, deployment.output
    says_of("web2", "did not become healthy", deployment)
    assert "answered 503" in deployment.output
    assert attempt.served() == {attempt.old}
    attempt.repeat()
    attempt.ends_well()


def test_a_host_has_no_space_for_containers(attempt: Attempt) -> None:
    attempt.fleet.write(attempt.new)
    run = attempt.fleet.start("deploy")
    run.hold_at("bluegreen_container")
    with full_disk(attempt.fleet.servers["web3"], "/var/lib/docker/overlay2/l"):
        deployment = run.outcome()
    assert deployment.code == FAILED, deployment.output
    says_of("web3", "no space left on device", deployment)
    assert attempt.served() == {attempt.old}
    attempt.repeat()
    attempt.ends_well()


def test_a_host_has_no_space_for_records(attempt: Attempt) -> None:
    """What serves already does not fail for want of a record."""
    run = attempt.start(SWITCH)
    with full_disk(attempt.fleet.servers["web3"], "/var/lib/luma/releases"):
        deployment = run.outcome()
    assert deployment.code == 0, deployment.output
    says_of("web3", "no space left on device", deployment)
    attempt.ends_well()


def test_another_run_is_at_it(attempt: Attempt) -> None:
    run = attempt.start(SWITCH)
    second = attempt.fleet.luma("deploy")
    assert second.code == LOCKED, second.output
    assert f"{attempt.fleet.name} is being deployed by" in second.output
    assert run.outcome().code == 0
    attempt.ends_well()


def test_two_runs_begin_at_once(attempt: Attempt) -> None:
    attempt.fleet.write(attempt.new)
    runs = [attempt.fleet.start("deploy") for _unused in range(2)]
    for run in runs:
        run.hold_at("bluegreen_container")
    with ThreadPoolExecutor() as pool:
        first, second = sorted(pool.map(Run.outcome, runs))
    assert first.code == 0, first.output
    assert second.code == LOCKED or "Nothing changed" in first.output + second.output, second.output
    attempt.ends_well()


def test_a_host_was_rebooted_since_the_last_deployment(attempt: Attempt) -> None:
    server = attempt.fleet.servers["web2"]
    with attempt.outage("web2"):
        server.kill()
        server.start()
    attempt.fleet.write(attempt.new)
    attempt.repeat()
    attempt.ends_well()


CLOCK = """\
cat >/usr/local/bin/python3 <<'EOF'
#!/bin/sh
export LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME={} FAKETIME_DONT_FAKE_MONOTONIC=1
exec /usr/bin/python3 "$@"
EOF
chmod +x /usr/local/bin/python3
"""


def test_clocks_are_an_hour_apart(attempt: Attempt) -> None:
    """The clocks of the hosts' Python: the engines have this machine's. web1's libfaketime lets nobody sleep."""
    fleet = attempt.fleet
    for name, offset in (("web2", "-1h"), ("web3", "+1h")):
        fleet.servers[name].run(CLOCK.format(offset))
        fleet.host_variables[name] = {"ansible_python_interpreter": "/usr/local/bin/python3"}
    run = attempt.start(ONE_HAS_SWITCHED)
    assert fleet.luma("deploy").code == LOCKED
    run.kill()
    run.outcome()
    attempt.repeat()
    fleet.host_variables.clear()
    attempt.ends_well()
