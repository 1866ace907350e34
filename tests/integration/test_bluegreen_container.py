# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bluegreen_container on a real engine."""

from __future__ import annotations

import hashlib
import json
import tarfile
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.host.detached import DetachedAddresses

from tests.host import APP, APP_IMAGE, PROXY_FOLDER, docker, proxy_configuration
from tests.integration.conftest import Failed, Site, run_module


def test_the_first_color_is_blue_and_serves_nobody_yet(site: Site) -> None:
    result = site.prepare(replicas=2, release="r1", environment={"VERSION": "1"})
    assert (result["changed"], result["active"], result["color"], result["settled"]) == (True, None, "blue", False)
    assert [c["name"] for c in result["containers"]] == [f"{APP}-blue-1", f"{APP}-blue-2"] == site.containers()
    assert [c["health"] for c in result["containers"]] == ["healthy", "healthy"]
    made = site.inspect(f"{APP}-blue-2")
    assert {f"{APP}-blue-temp-2"} <= site.aliases(f"{APP}-blue-2")
    assert APP not in site.aliases(f"{APP}-blue-2")
    assert made["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert made["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}
    labels = made["Config"]["Labels"]
    assert labels["luma.color"] == "blue"
    assert labels["luma.replica"] == "2"
    assert labels["luma.release"] == "r1"
    assert {"VERSION=1", "LUMA_COLOR=blue", "LUMA_RELEASE=r1"} <= set(made["Config"]["Env"])


def test_one_replica_has_no_number(site: Site) -> None:
    site.prepare()
    assert site.containers() == [f"{APP}-blue"]
    assert f"{APP}-blue-temp" in site.aliases(f"{APP}-blue")


def test_the_network_has_an_explicit_subnet_so_that_addresses_can_be_given(site: Site) -> None:
    site.prepare()
    address = site.address(f"{APP}-blue")
    # Docker gives those of the lower half of the 4096 to containers that ask for none, such as after a reboot.
    assert int(ip_address(address)) % 4096 >= 2048
    docker("network", "disconnect", site.network, f"{APP}-blue")
    docker("network", "connect", "--ip", address, site.network, f"{APP}-blue")
    assert site.address(f"{APP}-blue") == address


def test_what_lost_its_power_while_it_was_detached_leaves_no_address(site: Site) -> None:
    site.deploy()
    site.prepare(environment={"A": "1"})
    left = site.inspect(f"{APP}-green")["Id"]
    detached = DetachedAddresses(Path("/var/lib/luma/detached"))
    detached.remember(left, site.address(f"{APP}-green"))
    docker("network", "disconnect", site.network, f"{APP}-green")
    docker("kill", f"{APP}-green")
    site.prepare(environment={"A": "2"})
    assert site.inspect(f"{APP}-green")["Id"] != left
    assert detached.recall(left) == ""


def test_what_is_as_asked_is_not_made_again(site: Site) -> None:
    site.deploy()
    started = site.inspect(f"{APP}-blue")["State"]["StartedAt"]
    again = site.prepare(release="only another name")
    assert (again["changed"], again["settled"], again["color"]) == (False, True, "blue")
    assert site.inspect(f"{APP}-blue")["State"]["StartedAt"] == started


@pytest.mark.parametrize(
    "change",
    [{"environment": {"A": "2"}}, {"replicas": 2}, {"force": True}, {"ports": ["3000"]}],
    ids=str,
)
def test_what_differs_is_made_in_the_other_color(site: Site, change: dict[str, Any]) -> None:
    site.deploy(environment={"A": "1"})
    planned = site.prepare(**{"environment": {"A": "1"}, **change}, check=True)
    assert (planned["changed"], planned["color"], planned["containers"]) == (True, "green", [])
    assert site.containers() == [f"{APP}-blue"]
    made = site.prepare(**{"environment": {"A": "1"}, **change})
    assert (made["changed"], made["active"], made["color"]) == (True, "blue", "green")
    assert made["diff"]["before"]["color"] == "blue"
    assert made["diff"]["after"] == planned["diff"]["after"]
    assert f"{APP}-blue" in site.containers()


def test_a_color_that_a_dead_run_made_is_used(site: Site) -> None:
    site.prepare()
    again = site.prepare()
    assert (again["changed"], again["color"], again["settled"]) == (False, "blue", False)


def test_leftovers_of_a_dead_run_are_replaced(site: Site) -> None:
    site.deploy()
    site.prepare(replicas=3, environment={"A": "2"})
    made = site.prepare(replicas=1, environment={"A": "3"})
    assert made["color"] == "green"
    assert site.containers() == [f"{APP}-blue", f"{APP}-green"]


def test_a_replica_that_is_gone_means_another_deployment(site: Site) -> None:
    site.deploy(replicas=2)
    docker("rm", "--force", f"{APP}-blue-2")
    assert site.prepare(replicas=2)["color"] == "green"


def test_a_stopped_replica_means_another_deployment(site: Site) -> None:
    site.deploy()
    docker("stop", "--time", "0", f"{APP}-blue")
    assert site.prepare()["color"] == "green"


def fails(site: Site, **options: Any) -> Failed:
    """What cannot be made leaves nothing, and what was there as it was."""
    before = site.containers()
    with pytest.raises(Failed) as caught:
        site.prepare(**{"health_check": {**site.check, "retries": 15}, **options})
    assert site.containers() == before
    return caught.value


def test_an_unhealthy_replica_is_reported_and_all_are_removed(site: Site) -> None:
    site.deploy()
    failed = fails(site, replicas=2, environment={"FAIL_HEALTH_ON_CONTAINER": f"{APP}-green-2"})
    assert f"1 of 2 replicas of {APP} failed. {APP}-green-2 did not become healthy." in str(failed)
    (report,) = failed.result["failures"]
    assert report["container"] == f"{APP}-green-2"
    assert "answered 503" in report["probe"]


def test_an_exit_is_reported_with_code_and_last_words(site: Site) -> None:
    failed = fails(site, environment={"EXIT_AT_START": "3"})
    assert "It exited with code 3." in str(failed)
    (report,) = failed.result["failures"]
    assert report["exit_code"] == 3
    assert "no configuration found" in "\n".join(report["logs"])


def test_another_port_is_named(site: Site) -> None:
    failed = fails(site, environment={"PORT": "4000"})
    assert "It listens on port 4000, but app_port is 3000" in str(failed)


def test_a_port_of_the_loopback_is_named(site: Site) -> None:
    failed = fails(site, command=["python3", "-m", "http.server", "3000", "--bind", "127.0.0.1"])
    assert "It listens on port 3000 of 127.0.0.1 only" in str(failed)


def test_a_port_of_ipv6_alone_is_named(site: Site) -> None:
    failed = fails(site, environment={"LISTEN": "::"})
    assert "It listens on port 3000 of IPv6 only: let it listen on 0.0.0.0." in str(failed)


def test_an_app_that_still_starts_is_told_of_the_start_period(site: Site) -> None:
    failed = fails(site, environment={"BOOT_SECONDS": "60"})
    assert "with Host localhost: Connection refused." in str(failed)
    assert "It runs, but listens on no port yet." in str(failed)
    assert "raise health_check.start_period (now 0 s)." in str(failed)


def test_a_redirect_is_not_healthy(site: Site) -> None:
    failed = fails(
        site, environment={"HEALTH": "redirect"}, health_check={**site.check, "host": "blog.com", "retries": 15}
    )
    assert "with Host blog.com answered 301 -, a redirect to https://blog.com/up." in str(failed)
    assert "Let /up answer without a redirect. Rails: " in str(failed)


def test_an_app_that_answers_one_host_only(proxied: Site) -> None:
    """As Django's ALLOWED_HOSTS: luma, luma-proxy's own check, and the switch have to ask for that host."""
    hosts = {"hosts": [proxied.host, "second.example"], "app_port": 3000}
    options: dict[str, Any] = {"environment": {"ALLOWED_HOSTS": "second.example"}, "route": hosts}
    failed = fails(proxied, **options)
    assert "with Host localhost answered 400 -: bad host." in str(failed)
    assert "set health_check.host to one of them" in str(failed)
    check = {**proxied.check, "host": "second.example"}
    prepared = proxied.prepare(**options, health_check=check)
    proxied.switch(prepared["color"], route=hosts, health_check=check)
    backend = proxy_configuration().partition(f"backend {proxied.project}:{APP}\n")[2].partition("\nbackend")[0]
    assert "http-check send meth GET uri '/up' ver HTTP/1.1 hdr Host second.example" in " ".join(backend.split())


def test_deploy_timeout_bounds_all_of_it(site: Site) -> None:
    check = {**site.check, "retries": 1000}
    assert "did not become healthy" in str(
        fails(site, health_check=check, deploy_timeout=1, environment={"HEALTH": "fail"})
    )


def test_an_image_that_is_nowhere(site: Site) -> None:
    failed = fails(site, image="luma-test/no-such-image:1")
    assert "Image luma-test/no-such-image:1 is not on this host and could not be pulled" in str(failed)


@pytest.mark.parametrize("color", ["blue", "green"])
def test_a_foreign_container_of_that_name_is_left_alone(site: Site, color: str) -> None:
    """Also where it is the other color's name: the next deployment would need it."""
    name = f"{APP}-{color}"
    docker("run", "--detach", "--name", name, "luma-example/python", "sleep", "60")
    try:
        failed = fails(site, proxied=True, route={"hosts": [site.host]})
        assert f"The name {name} is taken by a container that belongs to nobody that luma knows" in str(failed)
        assert "nothing was changed" in str(failed)
        assert list((PROXY_FOLDER / "routes").glob(f"{site.project}:*")) == []
        assert site.inspect(name)["State"]["Running"]
    finally:
        docker("rm", "--force", name)


def test_an_engine_that_is_not_there(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="No Docker engine answers at unix://"):
        site.prepare(docker_host=f"unix://{tmp_path}/none.sock")


def test_a_fixed_host_port_is_refused_once_somebody_holds_it(site: Site) -> None:
    site.deploy(ports=["18231:3000"])
    assert "fixed host port 18231:3000" in str(fails(site, ports=["18231:3000"], environment={"A": "2"}))
    assert site.prepare(ports=["18231-18239:3000"])["color"] == "green"


def test_a_command_is_the_health_check(site: Site) -> None:
    check = {"command": ["python3", "-c", "print('it works')"], "interval": 0.2, "retries": 3}
    assert site.deploy(health_check=check) == "blue"
    check["command"] = ["python3", "-c", "raise SystemExit('no disk')"]
    assert "exited with 1: no disk" in str(fails(site, health_check=check, environment={"A": "2"}))
    check = {"command": ["sleep", "60"], "timeout": 0.5, "interval": 0.2, "retries": 1}
    assert "sleep 60 did not end within 0.5 s" in str(fails(site, health_check=check, environment={"A": "2"}))


def test_the_image_s_own_healthcheck(site: Site, tmp_path: Path) -> None:
    for name, code in (("good", 0), ("bad", 1)):
        (tmp_path / "Dockerfile").write_text(
            f"FROM luma-test/app\nHEALTHCHECK --interval=1s --retries=1 CMD exit {code}\n"
        )
        docker("build", "--quiet", "--tag", f"luma-test/{name}", str(tmp_path))
    assert "HEALTHCHECK says unhealthy" in str(fails(site, image="luma-test/bad", health_check={}))
    assert site.prepare(image="luma-test/good", health_check={})["changed"]


def test_without_any_check_it_has_to_stay_running(site: Site) -> None:
    failed = fails(site, health_check={}, command=["python3", "-c", "raise SystemExit(4)"])
    assert "exited" in str(failed)
    assert site.prepare(health_check={})["changed"]


def test_absent_refuses_the_active_color_and_removes_the_other(site: Site) -> None:
    site.deploy()
    with pytest.raises(Failed, match=f"blue is the active color of {APP}"):
        site.prepare(state="absent", color="blue", image=None)
    site.prepare(environment={"A": "2"})
    assert site.prepare(state="absent", color="green", image=None, check=True)["changed"]
    assert len(site.containers()) == 2
    assert site.prepare(state="absent", color="green", image=None)["changed"]
    assert site.containers() == [f"{APP}-blue"]
    assert not site.prepare(state="absent", color="green", image=None)["changed"]


def test_volumes_and_ports_reach_the_container(site: Site, tmp_path: Path) -> None:
    site.prepare(volumes=[f"{tmp_path}:/data:ro"], ports=["127.0.0.1::3000"])
    made = site.inspect(f"{APP}-blue")
    assert made["HostConfig"]["Binds"] == [f"{tmp_path}:/data:ro"]
    published = json.loads(json.dumps(made["NetworkSettings"]["Ports"]))["3000/tcp"]
    assert published[0]["HostIp"] == "127.0.0.1"


def test_check_mode_does_not_need_what_would_be_made_first(site: Site, tmp_path: Path) -> None:
    """Neither the proxy nor the image is there before the first deployment."""
    site.proxied = True
    planned = site.prepare(check=True, image="luma-test/to-be-built", state_dir=str(tmp_path))
    assert (planned["changed"], planned["color"]) == (True, "blue")
    assert planned["diff"]["after"]["image"] == "luma-test/to-be-built"


def test_the_diff_tells_images_apart_by_their_ids(site: Site) -> None:
    site.deploy()
    diff = site.prepare(environment={"A": "2"}, check=True)["diff"]
    assert diff["before"]["image"] == diff["after"]["image"]


def foreign_image(folder: Path, name: str) -> None:
    """Loads a copy of the app's image that says it is for a processor that this machine does not have."""
    docker("save", "--output", str(folder / "saved.tar"), APP_IMAGE)
    with tarfile.open(folder / "saved.tar") as saved:
        saved.extractall(folder, filter="data")
    (manifest,) = json.loads((folder / "manifest.json").read_text())
    config = folder / manifest["Config"]
    config.write_text(json.dumps({**json.loads(config.read_text()), "architecture": "s390x"}))
    digest = hashlib.sha256(config.read_bytes()).hexdigest()
    config.rename(folder / f"{digest}.json")
    (folder / "manifest.json").write_text(json.dumps([{**manifest, "Config": f"{digest}.json", "RepoTags": [name]}]))
    with tarfile.open(folder / "image.tar", "w") as archive:
        for file in ("manifest.json", f"{digest}.json", *{layer.split("/")[0] for layer in manifest["Layers"]}):
            archive.add(folder / file, file)
    docker("load", "--input", str(folder / "image.tar"))


def test_an_image_for_another_processor_is_refused(reserved_host: None, site: Site, tmp_path: Path) -> None:
    """Also by `luma check`, which looks at luma-proxy, too."""
    name = "luma-test/foreign:latest"
    foreign_image(tmp_path, name)
    try:
        with pytest.raises(Failed, match=r"is for s390x, and this host is \w+: nothing was changed\."):
            site.prepare(image=name, pull="missing")
        (finding,) = run_module("host_check", services=[{"image": name}])["findings"]
        assert finding["text"].startswith(f"the image {name} is for s390x")
    finally:
        docker("rmi", name)
    assert site.containers() == []
