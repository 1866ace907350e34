# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release hook on a real engine: what its container gets, what is told of it, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.host import APP_IMAGE, LUMA, PREFIX, docker, free_port
from tests.integration.conftest import Failed, Site, run_module
from tests.zero_loss.project import wait_for

SECRET = "postgres://blog:Sup3rS3cret@db/blog"
GOES_ON = "trap exit TERM; while :; do sleep 0.1; done"
RUN = {"id": "a-run-of-this-test"}


@pytest.fixture
def site() -> Iterator[Site]:
    """A project with an app of a name of its own, since containers are called by it."""
    made = Site(f"{PREFIX}hooks", app=f"hooked{os.getpid()}")
    yield made
    made.remove()
    shutil.rmtree(Path("/var/lib/luma/locks", made.project), ignore_errors=True)


def container(site: Site) -> str:
    return f"{site.app}-release-hook"


def run(site: Site, script: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    given = {"image": APP_IMAGE, "command": ["sh", "-c", script], **site.names, **options}
    return run_module("release_hook", check=check, **given)


def test_it_has_what_the_app_has_and_its_end_is_told(site: Site, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "release": "r7",
        "environment": {"A": 1},
        "secrets": {"TOKEN": SECRET},
        "volumes": [f"{tmp_path}:/data"],
    }
    script = 'echo "$LUMA_RELEASE $A ${LUMA_COLOR:-none}" > /data/seen; echo "for $TOKEN"; echo migrated'
    assert run(site, script, check=True, **options)["changed"]
    assert not (tmp_path / "seen").exists()

    done = run(site, script, **options)
    assert (tmp_path / "seen").read_text() == "r7 1 none\n"
    assert (done["changed"], done["exit_code"], done["logs"]) == (True, 0, ["for ********", "migrated"])
    assert done["report"] == [f"Release hook: exit 0 in {done['seconds']:.1f} s: migrated"]
    assert site.containers() == []

    with pytest.raises(Failed, match=r"exit 3 in .*\nLast 1 log lines:\n  for \*{8}$") as failed:
        run(site, 'echo "for $TOKEN"; exit 3', **options)
    assert (failed.value.result["exit_code"], failed.value.result["logs"]) == (3, ["for ********"])
    kept = run_module("container_logs", project=site.project, hooks=[site.app])["lines"]
    assert [(line["container"], line["text"]) for line in kept] == [
        (f"{site.app} release", text) for text in ("for ********", "migrated", "(exit 0)", "for ********", "(exit 3)")
    ]
    assert [line["at"] for line in kept] == sorted(line["at"] for line in kept)
    assert SECRET not in json.dumps([done, failed.value.result, kept])
    with pytest.raises(Failed, match="not-there"):
        run(site, "", command=["not-there"])
    assert site.containers() == []


def test_it_is_no_part_of_the_app_and_ends_with_its_run(site: Site) -> None:
    """Not even where it has the labels of an image that luma has built."""
    image = f"{site.project}-built"
    label = f"LABEL luma.project={site.project} luma.app={site.app}"
    docker("create", "--name", image, APP_IMAGE)
    docker("commit", "--change", label, image, image)
    docker("rm", image)
    run_module("deploy_lock", **site.names, run=RUN)
    try:
        with ThreadPoolExecutor() as pool:
            hook = pool.submit(run, site, GOES_ON, image=image, run=RUN["id"])
            wait_for(lambda: site.containers() == [container(site)], "the hook does not start")
            (app,) = run_module("app_info", project=site.project, apps=[{"name": site.app}])["apps"]
            assert app["containers"] == []
            assert run_module("container_logs", project=site.project, apps=[site.app])["lines"] == []
            run_module("deploy_lock", **site.names, state="interrupted", run=RUN)
            with pytest.raises(Failed, match="was interrupted") as failed:
                hook.result(timeout=60)
        assert failed.value.result["interrupted"]
        (end,) = run_module("container_logs", project=site.project, hooks=[site.app], grep="^.stopped")["lines"]
        assert end["text"] == "(stopped by luma)"
        assert site.containers() == []
        with pytest.raises(Failed) as refused:
            run(site, "true", run="another")
        assert refused.value.result["locked"]
    finally:
        docker("rmi", image)


def test_what_a_killed_run_left_goes_and_what_is_foreign_stays(site: Site) -> None:
    labels = [f"luma.project={site.project}", "luma.role=release-hook", f"luma.hook-of={site.app}", "luma.app="]
    options = [option for label in labels for option in ("--label", label)]
    left = ["--detach", "--name", container(site), *options, APP_IMAGE, "sh", "-c"]
    docker("run", *left, GOES_ON)
    assert run(site, "hostname")["logs"]
    assert site.containers() == []
    docker("run", *left, GOES_ON)
    site.prepare()
    assert site.containers() == [f"{site.app}-blue"]
    site.remove()

    docker("run", *left, "true")
    wait_for(lambda: not site.inspect(container(site))["State"]["Running"], "it does not end")
    assert run_module("prune", project=site.project, apps=[site.app])["containers"] == [container(site)]
    assert site.containers() == []

    docker("create", "--name", container(site), APP_IMAGE)
    try:
        with pytest.raises(Failed, match="belongs to nobody that luma knows"):
            run(site, "true")
        docker("inspect", container(site))
    finally:
        docker("rm", container(site))


class Chat(BaseHTTPRequestHandler):
    """Keeps what it is told."""

    told: ClassVar[dict[str, list[bytes]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.setdefault(self.path, []).append(body)
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def chat() -> Iterator[str]:
    """The URL of a server on this machine."""
    Chat.told = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_hooks_wrote_is_asked_for_later_and_others_are_told(site: Site, tmp_path: Path, chat: str) -> None:
    """By somebody who has not seen the deployment that failed; and of each deployment, whether it failed or not."""
    hooks = {
        "pre_deploy": ["sh", "-c", "echo checked; echo as well >&2"],
        "release": ["sh", "-c", "seq 30; exit 3"],
        "on_failure": ["echo", "told"],
    }
    processes = {"web": {"health_check": {"command": ["true"]}, "stop_timeout": 1}}
    spec = {"image": APP_IMAGE, "processes": processes, "hooks": hooks}
    (tmp_path / ".luma").mkdir()
    (tmp_path / ".luma" / "secrets").write_text(f"CHAT=slack+{chat}/s3cret\n")
    (tmp_path / ".luma" / "secrets").chmod(0o600)
    notify = [
        f"{chat}/json",
        "CHAT",
        "ntfy+${BASE}/s3cret-topic",
        f"{chat}/moved",
        f"http://127.0.0.1:{free_port()}/s3cret",
    ]
    common = {"name": site.project, "notify": notify}
    (tmp_path / "luma.yml").write_text(json.dumps({**common, "apps": {site.app: spec}}))

    def luma(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(LUMA), "-c", str(tmp_path / "luma.yml"), *arguments]
        environment = {**os.environ, "BASE": chat, "no_proxy": "127.0.0.1"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    # Of the tests before it is the same app.
    began = datetime.now(UTC).isoformat()
    assert luma("deploy", "--plan").returncode == 0
    assert Chat.told == {}
    failed = luma("deploy", "-vvv")
    assert (failed.returncode, "s3cret" in failed.stdout + failed.stderr) == (1, False)
    (document,) = map(json.loads, Chat.told["/json"])
    assert (document["outcome"], document["failed"]) == ("failed", True)
    assert [host["outcome"] for host in document["hosts"]] == ["failed"]
    assert "was not deployed" in json.loads(Chat.told["/s3cret"][0])["text"]
    assert b"Users of" in Chat.told["/s3cret-topic"][0]
    lines = luma("logs", site.app, "--since", began).stdout.splitlines()
    said = [line.removeprefix(f"[localhost] {site.app} ") for line in lines]
    assert said[:3] == ["pre_deploy | checked", "pre_deploy | as well", "pre_deploy | (exit 0)"]
    assert said[3:-2] == [*(f"release | {number}" for number in range(1, 31)), "release | (exit 3)"]
    assert said[-2:] == ["on_failure | told", "on_failure | (exit 0)"]
    # All hooks together are as one container, and none of one process alone.
    assert luma("logs", site.app, "-n", "2").stdout.splitlines() == lines[-2:]
    assert luma("logs", f"{site.app}-web").stdout == ""

    # Beside those of the containers, or alone.
    (tmp_path / "luma.yml").write_text(json.dumps({**common, "apps": {site.app: {**spec, "hooks": {}}}}))
    deployed = luma("deploy")
    assert deployed.returncode == 0
    assert json.loads(Chat.told["/json"][1])["outcome"] == "deployed"
    # Who cannot be told is named, without what may be secret, and fails nothing.
    warnings = [line for line in deployed.stdout.splitlines() if "notify" in line]
    assert [re.sub(r":\d+/", "/", line) for line in warnings] == [
        "⚠️ notify: http://127.0.0.1/… answered 302",
        "⚠️ notify: http://127.0.0.1/… cannot be reached: [Errno 111] Connection refused",
    ]
    together, alone = (luma("logs", "--since", began, *option).stdout for option in ([], ["--hooks"]))
    assert alone.splitlines() == lines
    assert f"{alone}[localhost] {site.app}-web-blue | listening" in together

    # A run that says little, and is told of as any other.
    restarted = luma("restart", "--quiet")
    assert (restarted.returncode, restarted.stderr) == (0, "")
    assert re.fullmatch(r"Blue-green deployment completed successfully ✅ .*\n", restarted.stdout)
    assert json.loads(Chat.told["/json"][2])["command"].endswith(" restart --quiet")
