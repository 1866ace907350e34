# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that a server's own cron starts, in a container of the release that serves."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.host import APP_IMAGE, ROOT
from tests.remote.project import Project
from tests.testbed.servers import Server

WORKS = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
CRON_FILE = "/etc/cron.d/luma-jobs--remote-report"
#: Cron looks once in a minute at what is new, and at what is due.
CRON_SECONDS = 150


class Jobs(Project):
    def deploy_job(self, command: str, schedule: str = "* * * * *") -> str:
        processes = {
            "worker": {"command": ["sh", "-c", WORKS]},
            "report": {"command": ["sh", "-c", command], "schedule": schedule, "drain_timeout": 20},
        }
        self.write_spec({"image": APP_IMAGE, "stop_timeout": 1, "processes": processes})
        done = self.deploy()
        assert done.code == 0, done.output + done.errors
        return done.output

    def play(self, name: str, variables: str = "app=remote") -> str:
        done = self.deploy("--extra-vars", variables, playbook=ROOT / "playbooks" / f"{name}.yml")
        assert done.code == 0, done.output + done.errors
        return done.output

    def run_due(self) -> str:
        """What cron does when the job is due, at once."""
        line = self.server.run(f"tail -n 1 {CRON_FILE}").strip()
        return self.server.run(line.partition(" root ")[2]).strip()

    def job(self, field: str) -> str:
        label = "label=luma.app=remote-report"
        return self.server.run(f"docker inspect --format '{{{{{field}}}}}' $(docker ps -aq --filter {label})").strip()

    def wait_for_end(self, seconds: int = 20) -> None:
        """Waits on the server until a run has ended; its state is *created* up to the first one."""
        state = "docker inspect --format '{{.State.Status}}' $(docker ps -aq --filter label=luma.app=remote-report)"
        self.server.run(f'timeout {seconds} sh -c "until [ \\$({state}) = exited ]; do sleep 0.3; done"')

    def logs(self) -> str:
        return self.server.run("docker logs $(docker ps -aq --filter label=luma.app=remote-report)")


@pytest.fixture(scope="module")
def jobs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    made = Jobs(server, tmp_path_factory.mktemp("jobs"), "jobs", {})
    yield made
    made.remove()


def test_cron_starts_it_in_the_release_that_serves(jobs: Jobs) -> None:
    output = jobs.deploy_job("echo $LUMA_COLOR; exit 0")
    assert "Starts at * * * * *, by the clock of this host" in output
    jobs.wait_for_end(CRON_SECONDS)
    assert set(jobs.logs().split()) == {"blue"}
    assert "Schedule: * * * * *, last run ended 20" in jobs.play("status")
    assert "Nothing changed" in jobs.deploy_job("echo $LUMA_COLOR; exit 0")


def test_it_never_runs_twice_and_a_deployment_lets_it_finish(jobs: Jobs) -> None:
    # From here on cron does not come in between.
    jobs.deploy_job("sleep 6; echo finished >&2", schedule="0 0 1 1 *")
    assert jobs.run_due() == "remote-report-green"
    assert jobs.run_due() == "remote-report-green runs still: not started again"
    jobs.server.run("docker logs --follow remote-report-green >/written 2>&1 &")
    jobs.deploy_job("echo no more paper; exit 3", schedule="0 0 1 1 *")
    assert jobs.server.run("cat /written") == "finished\n"
    assert jobs.run_due() == "remote-report-blue"
    jobs.wait_for_end()
    status = jobs.play("status")
    assert "MIXED (blue active; its last run ended with exit code 3: luma logs remote-report)" in status
    by_hand = json.dumps({"app": "remote-report", "command": ["sh", "-c", "echo by hand $LUMA_RELEASE"]})
    release = jobs.job('index .Config.Labels "luma.release"')
    assert f"by hand {release}" in jobs.play("run", by_hand)
    # That it failed is no reason to make it again.
    assert "Nothing changed" in jobs.deploy_job("echo no more paper; exit 3", schedule="0 0 1 1 *")


def test_a_deployment_that_fails_leaves_the_schedule(jobs: Jobs) -> None:
    before = jobs.server.run(f"cat {CRON_FILE}"), jobs.job(".Id")
    processes = {
        "report": {"command": ["true"], "schedule": "5 5 * * *"},
        "worker": {"command": ["sh", "-c", "exit 1"]},
    }
    jobs.write_spec({"image": APP_IMAGE, "processes": processes})
    assert jobs.deploy().code != 0
    assert (jobs.server.run(f"cat {CRON_FILE}"), jobs.job(".Id")) == before


def test_a_rollback_brings_the_job_of_the_earlier_release(jobs: Jobs) -> None:
    jobs.play("rollback")
    assert "finished" in jobs.job(".Config.Cmd")
    assert jobs.server.run(f"cat {CRON_FILE}").splitlines()[-1].startswith("0 0 1 1 *")


def test_it_is_stopped_and_removed_with_its_app(jobs: Jobs) -> None:
    jobs.deploy_job("exit 0", schedule="0 0 1 1 *")
    assert "Stopped remote-report-blue" in jobs.play("stop")
    assert jobs.server.run("ls /etc/cron.d | grep luma || true") == ""
    assert "STOPPED (its schedule is stopped: luma start remote-report)" in jobs.play("status")
    assert "remote-report is started at 0 0 1 1 *" in jobs.play("start", "app=remote-report")
    assert "Schedule: 0 0 1 1 *, has not run yet" in jobs.play("status")
    assert jobs.run_due() == "remote-report-blue"
    jobs.play("remove", "app=remote yes=true")
    assert jobs.server.run("ls /etc/cron.d | grep luma || true") == ""
    jobs.server.run("pkill -x cron")
    jobs.write_spec({"image": APP_IMAGE, "command": ["true"], "schedule": "@daily"})
    failed = jobs.deploy()
    assert "no cron runs on this host that would keep it. On Debian" in failed.output + failed.errors
    checked = jobs.deploy(playbook=ROOT / "playbooks" / "check.yml")
    assert "❌ remote has a schedule, and no cron runs on this host" in checked.output + checked.errors
    assert jobs.server.run("docker ps -aq --filter label=luma.project=jobs") == ""
    jobs.server.run("cron")
