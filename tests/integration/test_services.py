# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""service_container on a real engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import Content

from tests.host import APP_IMAGE, LUMA, docker, free_port
from tests.integration.conftest import ROOT, Failed, Site, run_module
from tests.terminal import Terminal
from tests.zero_loss.project import wait_for

SERVICE_IMAGE = "luma-test/service"
NEEDS_DB = "import socket, time; socket.create_connection(('db', 3000)); time.sleep(1000)"
VERBOSE = {**os.environ, "ANSIBLE_VERBOSITY": "3"}


@pytest.fixture(scope="session", autouse=True)
def _image(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The test app as a database is: its image has an anonymous volume, and a HEALTHCHECK."""
    folder = tmp_path_factory.mktemp("image")
    listens = ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 3000))"]
    check = f"HEALTHCHECK --interval=200ms --retries=100 CMD {json.dumps(listens)}"
    (folder / "Dockerfile").write_text(f"FROM {APP_IMAGE}\nVOLUME /anonymous\n{check}\n")
    docker("build", "--quiet", "--tag", SERVICE_IMAGE, str(folder))


@pytest.fixture(autouse=True)
def _no_volume_stays(site: Site) -> Iterator[None]:
    """luma removes no volume, and a container does not take one with it that its predecessor had."""
    yield
    containers = [(name, site.inspect(name)["Mounts"]) for name in site.containers()]
    for name, mounts in containers:
        docker("rm", "--force", name)
        for mount in mounts:
            if mount["Type"] == "volume":
                docker("volume", "rm", mount["Name"])


def up(site: Site, *services: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
    """Brings up services, by default one called db."""
    given = [{"name": "db", "image": SERVICE_IMAGE, "stop_timeout": 5, **service} for service in services or ({},)]
    return run_module("service_container", check=check, project=site.project, services=given, **options)


def fails(site: Site, *services: dict[str, Any]) -> Failed:
    with pytest.raises(Failed) as caught:
        up(site, *services)
    return caught.value


def action(result: dict[str, Any]) -> str:
    return str(result["services"][0]["action"])


def container(site: Site) -> str:
    return f"{site.project}-db"


def identity(site: Site) -> str:
    return str(site.inspect(container(site))["Id"])


def serves(site: Site) -> bool:
    """Whether the service is reached on the project's network under its name."""
    look = "import socket; socket.create_connection(('db', 3000), 2)"
    command = ["docker", "exec", container(site), "python3", "-c", look]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_service_is_created_once_kept_and_started_again(site: Site) -> None:
    planned = up(site, check=True)
    assert (planned["changed"], action(planned), site.containers()) == (True, "created", [])
    made = up(site, {"environment": {"A": "1"}, "secrets": {"PASSWORD": "hunter22"}})
    assert (made["changed"], action(made)) == (True, "created")
    assert site.containers() == [container(site)]
    assert serves(site)
    found = site.inspect(container(site))
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert found["HostConfig"]["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert {"A=1", "PASSWORD=hunter22"} <= set(found["Config"]["Env"])
    assert found["Config"]["Labels"]["luma.service"] == "db"

    same = {"environment": {"A": "1"}, "secrets": {"PASSWORD": "hunter22"}}
    again = up(site, same)
    assert (again["changed"], action(again), again["diff"]) == (False, "kept", {"before": {}, "after": {}})
    assert site.inspect(container(site))["State"]["StartedAt"] == found["State"]["StartedAt"]

    docker("stop", "--time", "5", container(site))
    assert up(site, same, check=True)["changed"]
    assert action(up(site, same, replace=False)) == "started"
    assert (identity(site), serves(site)) == (found["Id"], True)


def test_a_change_replaces_it_in_place_and_keeps_the_data(site: Site, tmp_path: Path) -> None:
    named = f"{site.project}-data"
    port = free_port()
    old = {"volumes": [f"{named}:/named"], "ports": [f"127.0.0.1:{port}:3000"]}
    new = {**old, "secrets": {"PASSWORD": "hunter22"}, "command": ["python3", "/app.py", "again"]}
    up(site, old)
    docker("exec", container(site), "python3", "-c", "open('/named/a', 'w'); open('/anonymous/b', 'w')")
    before, address = identity(site), site.address(container(site))

    kept = up(site, new, replace=False)
    assert (kept["changed"], kept["services"][0]["changes"]) == (False, ["command", "environment.PASSWORD"])
    assert "differs from luma.yml (command, environment.PASSWORD)" in kept["report"][0]
    planned = up(site, new, check=True)
    assert identity(site) == before
    done = up(site, new)
    assert (planned["diff"], planned["changed"]) == (done["diff"], done["changed"])
    assert done["diff"]["after"]["db"].endswith("running, another command, another environment.PASSWORD")
    assert "hunter22" not in json.dumps(done)
    assert identity(site) != before
    assert site.containers() == [container(site)]
    assert site.address(container(site)) == address
    assert docker("exec", container(site), "ls", "/named", "/anonymous").split() == ["/anonymous:", "b", "/named:", "a"]
    assert done["services"][0]["away"] > 0

    # Once more: what was carried over is carried over again, and another image and a file are a change.
    file = tmp_path / "my.cnf"
    file.write_text("sent")
    content = Content.read(str(file), "ro")
    given = {"source": str(file), "target": "/etc/my.cnf", "digest": content.digest, "content": content.archive}
    again = up(site, {**new, "image": APP_IMAGE, "files": [given]})
    assert again["services"][0]["changes"] == ["image", "files"]
    assert docker("exec", container(site), "cat", "/etc/my.cnf") == "sent"
    assert docker("exec", container(site), "ls", "/anonymous") == "b"


def test_a_version_that_fails_gives_way_to_the_old_one(site: Site) -> None:
    assert "It was removed again" in str(fails(site, {"environment": {"EXIT_AT_START": "3"}}))
    assert site.containers() == []
    up(site)
    before = identity(site)
    failed = fails(site, {"environment": {"EXIT_AT_START": "3"}, "secrets": {"PASSWORD": "no configuration found"}})
    assert "It exited with code 3." in str(failed)
    assert "the container that served before runs again" in str(failed)
    assert failed.result["failures"][0]["exit_code"] == 3
    # Even where the container has logged it.
    assert "no configuration found" not in json.dumps(failed.result)
    assert (identity(site), site.containers(), serves(site)) == (before, [container(site)], True)
    # What cannot even start: the port is taken.
    port = free_port()
    up(site, {"name": "other", "ports": [f"{port}:3000"]}, other_services=["db"])
    assert "runs again" in str(fails(site, {"ports": [f"{port}:3000"]}))
    assert (identity(site), serves(site)) == (before, True)


def test_a_killed_replacement_is_finished_by_the_next_run(site: Site) -> None:
    up(site, {"environment": {"ON_SIGTERM": "ignore"}, "stop_timeout": 60})
    before = identity(site)
    arguments = {
        "project": site.project,
        "services": [{"name": "db", "image": SERVICE_IMAGE, "stop_timeout": 60}],
    }
    run = subprocess.Popen(
        [sys.executable, "-m", "ansible_collections.luma.deploy.plugins.modules.service_container"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
    )
    assert run.stdin
    with run.stdin:
        run.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    # It waits for the end of the old one when it is killed, and the old one's process is ended by somebody else.
    wait_for(lambda: len(site.containers()) == 2, "no new container")
    run.send_signal(signal.SIGKILL)
    run.wait()
    docker("kill", container(site))
    wait_for(lambda: not site.inspect(container(site))["State"]["Running"], "the old one still runs")
    done = up(site, {"stop_timeout": 60})
    assert action(done) == "replaced"
    assert "repaired what an earlier run left" in "\n".join(done["report"])
    assert (site.containers(), serves(site)) == ([container(site)], True)
    assert identity(site) != before

    # As it is for one that was killed just before the new container got its name, where that has stopped since.
    accepted = identity(site)
    docker("rename", container(site), f"{container(site)}-new")
    docker("kill", f"{container(site)}-new")
    assert action(up(site, {"stop_timeout": 60})) == "started"
    assert (site.containers(), identity(site), serves(site)) == ([container(site)], accepted, True)


def test_what_is_not_named_or_not_ours_is_left_alone(site: Site) -> None:
    result = up(site, {}, {"name": "cache"})
    assert result["left_over"] == {}
    left = up(site)
    assert left["left_over"] == {"cache": [f"{site.project}-cache"]}
    assert f"docker rm --force {site.project}-cache" in left["report"][-1]
    assert len(site.containers()) == 2
    assert up(site, other_services=["cache"])["left_over"] == {}

    foreign = f"{site.project}-queue"
    docker("run", "--detach", "--name", foreign, APP_IMAGE)
    try:
        failed = fails(site, {"environment": {"A": "2"}}, {"name": "queue"})
        assert f"The name {foreign} is taken by a container that belongs to nobody that luma knows" in str(failed)
        assert site.inspect(foreign)["State"]["Running"]
        assert not up(site, other_services=["cache"])["changed"]
    finally:
        docker("rm", "--force", foreign)


def test_one_that_runs_is_restarted_as_it_is(site: Site) -> None:
    up(site)
    before = site.inspect(container(site))
    assert up(site, check=True, restart=True)["services"][0]["action"] == "restarted"
    done = up(site, {"stop_timeout": 7}, replace=False, restart=True)
    after = site.inspect(container(site))
    assert (done["services"][0]["action"], after["Id"]) == ("restarted", before["Id"])
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"]
    assert "Service db was restarted; it was away for" in done["report"][0]


def test_logs_of_several_are_told_apart_until_ctrl_c(site: Site, tmp_path: Path) -> None:
    up(site, {}, {"name": "cache"})
    spec = {"image": SERVICE_IMAGE}
    (tmp_path / "luma.yml").write_text(json.dumps({"name": site.project, "services": {"db": spec, "cache": spec}}))
    words = [str(LUMA), "-c", str(tmp_path / "luma.yml"), "logs"]
    terminal = Terminal(*words, "--follow")
    db, cache = (
        re.escape(f"\x1b[0;{color}m[localhost] {site.project}-{service} |\x1b[0m listening")
        for color, service in (("36", "db"), ("33", "cache"))
    )
    # Who is first is as it happens.
    terminal.wait_for(f"(?s){db}.*{cache}|{cache}.*{db}")
    docker("exec", f"{site.project}-cache", "sh", "-c", "for i in $(seq 3000); do echo listening; done >/proc/1/fd/1")
    terminal.wait_for(cache)
    # In the middle of it.
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "ERROR" not in terminal.shown
    plain = subprocess.run([*words, "cache", "--lines", "1"], capture_output=True, text=True, check=True)
    assert plain.stdout == f"[localhost] {site.project}-cache | listening\n"


def test_a_check_by_a_command_is_waited_for(site: Site) -> None:
    boots = "import os, time; time.sleep(3); open('/tmp/ready', 'w'); time.sleep(1000)"
    check = {"command": ["test", "-e", "/tmp/ready"], "interval": 0.2, "retries": 100}
    up(site, {"image": APP_IMAGE, "command": ["python3", "-c", boots], "health_check": check})
    assert docker("exec", container(site), "ls", "/tmp/ready") == "/tmp/ready"
    never = {**check, "command": ["sh", "-c", "echo not yet; exit 4"], "retries": 3}
    failed = fails(site, {"name": "other", "image": APP_IMAGE, "health_check": never})
    assert "sh -c echo not yet; exit 4 exited with 4: not yet" in str(failed)


#: Bytes that are no text, as a dump has them.
DUMP = bytes(range(256)) * 1000
DUMPS = "import os, sys; print('seen', os.environ['PASSWORD'], file=sys.stderr); sys.stdout.buffer.write({})"


def test_a_backup_is_what_the_command_wrote_or_there_is_none(site: Site, tmp_path: Path) -> None:
    up(site, {"secrets": {"PASSWORD": "hunter22"}})
    (tmp_path / ".luma").mkdir()
    (tmp_path / ".luma" / "secrets").write_text("PASSWORD=hunter22\n")
    folder = tmp_path / "backups"

    def backup(script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        spec = {"image": SERVICE_IMAGE, "environment": {"secret": ["PASSWORD"]}}
        spec["backup"] = {"command": ["python3", "-c", script], "keep": 2}
        (tmp_path / "luma.yml").write_text(json.dumps({"name": site.project, "services": {"db": spec}}))
        command = [str(LUMA), "-c", str(tmp_path / "luma.yml"), "services", "backup", *arguments]
        return subprocess.run(command, capture_output=True, check=False)

    folder.mkdir()
    foreign = {"db-20200101T000000Z.dump.gz", "db-old.dump", "cache-20200101T000000Z.dump"}
    for name in (*foreign, "db-20200101T000000Z.dump", "db-20200102T000000Z.dump"):
        (folder / name).write_text("earlier")
    done = json.loads(backup(DUMPS.format("bytes(range(256)) * 1000"), "--json").stdout)
    (made,) = done["backups"]
    assert (made["outcome"], made["bytes"], Path(made["file"]).read_bytes()) == ("made", len(DUMP), DUMP)
    assert Path(made["file"]).stat().st_mode & 0o777 == 0o600
    assert "seen ***" in done["report"][0]
    assert made["removed"] == [str(folder / "db-20200101T000000Z.dump")]
    left = {file.name for file in folder.iterdir()}
    assert left == {*foreign, "db-20200102T000000Z.dump", Path(made["file"]).name}

    failed = backup(DUMPS.format("b'half of it'); sys.exit(3"))
    empty = backup(DUMPS.format("b''"), "--output", made["file"])
    assert (failed.returncode, empty.returncode) == (1, 1)
    assert b"the command failed with exit code 3" in failed.stderr
    assert b"the command wrote nothing" in empty.stderr
    assert b"hunter22" not in failed.stdout + failed.stderr + empty.stdout + empty.stderr
    assert {file.name for file in folder.iterdir()} == left
    assert Path(made["file"]).read_bytes() == DUMP

    # It is all there is on the standard output: a warning, here about the secrets that others can read, is not.
    piped = backup(DUMPS.format("bytes(range(256)) * 1000"), "db", "--output", "-")
    assert (piped.returncode, piped.stdout) == (0, DUMP)
    assert b"can be read by others" in piped.stderr


def test_with_luma_yml_a_missing_service_comes_before_its_app_and_a_change_when_it_is_asked_for(
    site: Site, tmp_path: Path
) -> None:
    """An app that needs its database's name to start; a secret that is shown nowhere."""
    app = {"image": APP_IMAGE, "command": ["python3", "-c", NEEDS_DB], "stop_timeout": "1s"}
    services: dict[str, Any] = {name: {"image": SERVICE_IMAGE, "stop_timeout": "5s"} for name in ("db", "cache")}
    services["db"]["environment"] = {"secret": ["PASSWORD"]}
    secrets = tmp_path / ".luma" / "secrets"
    secrets.parent.mkdir()

    def luma(*arguments: str, password: str) -> str:
        secrets.write_text(f"PASSWORD={password}\n")
        (tmp_path / "luma.yml").write_text(
            json.dumps({"name": site.project, "apps": {site.project: app}, "services": services})
        )
        command = [str(LUMA), "-c", str(tmp_path / "luma.yml"), "deploy", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=VERBOSE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    luma(password="the-first-one")
    app_container = f"{site.project}-blue"
    assert site.containers() == sorted([app_container, container(site), f"{site.project}-cache"])
    before, app_before = identity(site), site.inspect(app_container)["Id"]

    del services["cache"]
    output = luma("--services", "--verbose", password="the-second-one")
    assert "replaced (environment.PASSWORD)" in output
    assert f"docker rm --force {site.project}-cache" in output
    assert "Bring up services" in output
    assert "the-second-one" not in output
    assert "PASSWORD=the-second-one" in site.inspect(container(site))["Config"]["Env"]
    assert (identity(site) != before, site.inspect(app_container)["Id"]) == (True, app_before)
