# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a host, and clearing up on it: what the modules say is what the engine has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Release, Releases, kept_image

from tests.host import APP, APP_IMAGE, LUMA, PROXY_FOLDER, docker
from tests.integration.conftest import Failed, Site, run_module

RECORDS = Path("/var/lib/luma/releases")


def release(site: Site, image: str = APP_IMAGE, keep: int = 5, **environment: str) -> None:
    """Deploy, and write it down, as the role does."""
    spec = {"image": image, "replicas": 2, "environment": environment}
    prepared = site.prepare(image=image, replicas=2, environment=environment)
    site.switch(prepared["color"])
    retired = site.retire(prepared["other"], record={"spec": spec, "by": "me@here", "keep": keep})
    assert "warnings" not in retired


def look(site: Site, **options: Any) -> dict[str, Any]:
    spec = {"name": site.app, "proxied": site.proxied, "health_check": site.check, "unused": "key"}
    found = run_module("app_info", project=site.project, apps=[spec], **options)["apps"][0]
    return dict(found)


def releases(site: Site) -> list[dict[str, Any]]:
    (found,) = run_module("release_info", project=site.project, apps=[site.app])["apps"]
    return list(found["releases"])


def image_names() -> set[str]:
    return set(docker("images", "--format", "{{.Repository}}:{{.Tag}}").split())


@pytest.fixture
def builds(site: Site, tmp_path: Path) -> Iterator[list[str]]:
    """Three builds of the app."""
    names = [f"luma-test/{site.project}:{number}" for number in range(1, 4)]
    (tmp_path / "Dockerfile").write_text(f"ARG number\nFROM {APP_IMAGE}\nARG number\nENV NUMBER=$number\n")
    labels = ["--label", f"luma.project={site.project}", "--label", f"luma.app={site.app}"]
    labels += ["--label", f"luma.repository=luma-test/{site.project}"]
    for number, name in enumerate(names):
        docker("build", "--quiet", "--tag", name, "--build-arg", f"number={number}", *labels, str(tmp_path))
    yield names
    site.remove()
    docker("rmi", "--force", *(name for name in image_names() if name.startswith(f"luma-test/{site.project}")))


def test_an_app_is_looked_at(proxied: Site) -> None:
    before = look(proxied)
    assert (before["active"], before["last_release"]) == (None, None)
    release(proxied)
    found = look(proxied, details=True)
    assert found["last_release"] == found["containers"][0]["release"]
    assert (found["active"], found["proxy_problem"]) == ("blue", "")
    assert [(c["name"], c["healthy"], c["restarts"], c["sessions"]) for c in found["containers"]] == [
        (f"{APP}-blue-1", True, 0, 0),
        (f"{APP}-blue-2", True, 0, 0),
    ]
    assert all(c["memory_bytes"] > 1e6 and c["cpu_percent"] >= 0 for c in found["containers"])
    assert (found["proxy"]["serving"], found["proxy"]["held"]) == (2, 0)
    docker("kill", f"{APP}-blue-1")
    first, second = look(proxied)["containers"]
    assert (first["running"], first["healthy"], second["healthy"]) == (False, False, True)
    routes = run_module("proxy_info")["routes"]
    assert [r["hosts"] for r in routes if r["project"] == proxied.project] == [[proxied.host]]


def test_logs_and_commands(site: Site) -> None:
    with pytest.raises(Failed, match=f"No replica of {APP} runs"):
        run_module("container_exec", **site.names, command=["true"])
    release(site, A="1")
    logs: dict[str, Any] = {"project": site.project, "apps": [site.app]}
    first = run_module("container_logs", **logs)
    assert sorted((line["container"], line["text"]) for line in first["lines"]) == [
        (f"{APP}-blue-1", "listening"),
        (f"{APP}-blue-2", "listening"),
    ]
    assert run_module("container_logs", **logs, cursor=first["cursor"])["lines"] == []
    assert run_module("container_logs", **logs, grep="^list.*g$")["lines"] == first["lines"]
    assert run_module("container_logs", **logs, grep="nothing")["lines"] == []
    assert run_module("container_logs", **logs, since="1h")["lines"] == first["lines"]
    assert run_module("container_logs", **logs, until="1h")["lines"] == []
    with pytest.raises(Failed, match="is no regular expression"):
        run_module("container_logs", **logs, grep="(")
    # What a later deployment makes, joins; a cursor that knows no container is not the beginning.
    release(site, A="2")
    later = run_module("container_logs", **logs, cursor=first["cursor"], wait=30, lines=0)
    assert {line["container"] for line in later["lines"]} == {f"{APP}-green-1", f"{APP}-green-2"}

    script = "import os, sys; print('$HOME', os.environ['A']); print('no', file=sys.stderr); sys.exit(7)"
    done = run_module("container_exec", **site.names, command=["python3", "-c", script])
    assert (done["container"], done["luma_exit_code"]) == (f"{APP}-green-1", 7)
    assert (done["stdout"], done["stderr"]) == ("$HOME 2\n", "no\n")


def test_images_of_releases_on_record_are_kept_and_the_others_removed(
    site: Site, builds: list[str], tmp_path: Path
) -> None:
    unused, earlier, serving = builds
    app = App(site.project, site.app)
    image_id = docker("image", "inspect", "--format", "{{.Id}}", earlier)
    docker("tag", earlier, kept_image(app, image_id))
    Releases("/var/lib/luma", app).add(Release("r1", earlier, image_id, "c1", "2026-01-01T00:00:00", "me@here", {}))
    release(site, serving)
    assert [(each["image"], each["serves"]) for each in releases(site)] == [(earlier, False), (serving, True)]
    # The name that a release was deployed under is given to another image.
    docker("tag", unused, earlier)
    # Names that luma did not give: to that image, and to one that was built from it and so has its labels.
    golden, tool = (f"luma-test/{site.project}-{name}:1" for name in ("golden", "tool"))
    docker("tag", unused, golden)
    (tmp_path / "tool").write_text(f"FROM {unused}\nENV TOOL=1\n")
    docker("build", "--quiet", "--tag", tool, "--file", str(tmp_path / "tool"), str(tmp_path))
    # One that was not built by luma, and is on record no more.
    plain = f"luma-test/{site.project}:plain"
    docker("build", "--quiet", "--tag", plain, "--build-arg", "number=8", str(tmp_path))
    docker("tag", plain, f"luma/{site.project}/{site.app}:old")

    options: dict[str, Any] = {"project": site.project, "apps": [site.app]}
    planned = run_module("prune", check=True, **options)
    assert unused in image_names()
    done = run_module("prune", **options)
    assert planned["images"] == done["images"] == sorted([unused, earlier, f"luma/{site.project}/{site.app}:old"])
    left = image_names()
    assert left.isdisjoint(done["images"])
    assert {plain, golden, tool, serving, *(each["kept_image"] for each in releases(site))} <= left
    assert not run_module("prune", **options)["changed"]


def test_an_image_goes_with_the_deployment_after_which_no_release_needs_it(site: Site, builds: list[str]) -> None:
    first, second, not_deployed = builds
    release(site, first)
    release(site, second)
    assert first in image_names()
    release(site, APP_IMAGE, keep=2)
    left = image_names()
    assert {second, not_deployed, f"{APP_IMAGE}:latest", *(each["kept_image"] for each in releases(site))} <= left
    assert first not in left
    assert len([name for name in left if name.startswith(f"luma/{site.project}/")]) == 2


def test_what_is_left_of_apps_that_are_gone_is_removed(proxied: Site) -> None:
    release(proxied, A="1")
    proxied.prepare(environment={"A": "2"})
    docker("stop", "--time", "0", f"{APP}-green")
    options: dict[str, Any] = {"project": proxied.project, "apps": []}
    done = run_module("prune", **options)
    # An app that still has containers keeps all but the stopped ones of the other color.
    assert (done["containers"], done["routes"], done["records"]) == ([f"{APP}-green"], [], [])
    docker("rm", "--force", *proxied.containers())
    backend = f"{proxied.project}:{proxied.app}"
    done = run_module("prune", **options)
    assert (done["routes"], done["records"]) == ([backend], [proxied.app])
    assert f"backend {backend}" not in (PROXY_FOLDER / "etc" / "haproxy.cfg").read_text()
    assert not (RECORDS / proxied.project / f"{proxied.app}.json").exists()


def test_hosts_with_services_alone_are_asked_too(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "luma.yml"
    file.write_text(f"name: {site.project}\nservices: {{db: {{image: {APP_IMAGE}}}}}\n")
    labels = ["--label", f"luma.project={site.project}", "--label", "luma.service=db"]
    docker("create", "--name", f"{site.project}-db", *labels, APP_IMAGE)
    # An app that was taken out of luma.yml.
    labels = ["--label", f"luma.project={site.project}", "--label", "luma.app=old", "--label", "luma.color=blue"]
    docker("create", "--name", f"{site.project}-old-blue", *labels, APP_IMAGE)
    said = [
        subprocess.run([LUMA, "-c", file, command], capture_output=True, text=True, check=True).stdout
        for command in ("status", "prune")
    ]
    assert "Service: db ❌ STOPPED" in said[0]
    assert (
        "⚠️ old has stopped containers on localhost, but luma.yml has no such app. To remove it: luma remove old"
        in said[0]
    )
    assert "[localhost] ⚠️ old has containers here" in said[1]
    assert "[localhost] Nothing to remove" in said[1]
