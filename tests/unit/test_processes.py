# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of an app in luma.yml: what each of them is, and what is deployed as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.action.project import chosen, only_on, with_release
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import environment_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

from tests.unit.luma_file import mistakes, read, write_secrets

SHOP = """
name: project
apps:
  shop:
    image: me/shop
    servers: [web1, web2]
    environment: {plain: {A: app, B: app}, secret: [S, T]}
    volumes: ["data:/data"]
    memory: 256m
    stop_timeout: 20s
    hooks: {release: bin/migrate}
    processes:
      web: {replicas: 2, proxy: {hosts: [shop.com], app_port: 3000}}
      worker:
        command: bin/jobs
        servers: [jobs1]
        environment: {plain: {A: worker, T: plain}}
        volumes: ["jobs:/jobs"]
        memory: 1g
        stop_timeout: 5m
      clock: {command: bin/clock, servers: [jobs1], overlap: false}
  blog: {image: me/blog}
"""
INVENTORY = Inventory(["web1", "web2", "jobs1"])


@pytest.fixture
def project(tmp_path: Path) -> dict[str, Any]:
    write_secrets(tmp_path, "S=s\nT=t\n")
    return read(tmp_path, SHOP, inventory=INVENTORY)


def test_each_process_is_what_an_app_of_its_name_would_be(project: dict[str, Any]) -> None:
    assert list(project["apps"]) == ["shop-web", "shop-worker", "shop-clock", "blog"]
    web, worker, clock, blog = project["apps"].values()
    assert [each["app"] for each in (web, worker, blog)] == ["shop", "shop", "blog"]
    assert (web["image"], worker["image"], web["hosts"], worker["hosts"]) == ("me/shop",) * 2 + (
        ["web1", "web2"],
        ["jobs1"],
    )
    assert (web["replicas"], web["proxied"], web["health_check"]["path"]) == (2, True, "/up")
    assert (worker["replicas"], worker["proxied"], worker["command"]) == (1, False, ["bin/jobs"])
    assert (web["overlap"], clock["overlap"]) == (True, False)


def test_what_a_process_says_stands_in_place_of_what_its_app_says(project: dict[str, Any]) -> None:
    web, worker, *_others = project["apps"].values()
    assert (web["environment"], web["secrets"]) == ({"A": "app", "B": "app"}, ["S", "T"])
    assert (worker["environment"], worker["secrets"]) == ({"A": "worker", "B": "app", "T": "plain"}, ["S"])
    assert (web["volumes"], worker["volumes"]) == (["data:/data"], ["data:/data", "jobs:/jobs"])
    assert (web["runtime"]["memory"], worker["runtime"]["memory"]) == (256 * 2**20, 2**30)
    assert (web["stop_timeout"], worker["stop_timeout"]) == (20, 300)


def test_the_whole_app_has_what_its_processes_share(project: dict[str, Any]) -> None:
    shop, blog = project["whole_apps"].values()
    assert [each["name"] for each in shop["processes"]] == ["shop-web", "shop-worker", "shop-clock"]
    assert shop["hosts"] == ["web1", "web2", "jobs1"]
    assert (shop["environment"], shop["secrets"], shop["hooks"]["release"]) == (
        {"A": "app", "B": "app"},
        ["S", "T"],
        ["bin/migrate"],
    )
    assert (blog["name"], blog["processes"]) == ("blog", [])


def test_secrets_are_found_by_the_name_of_a_process(project: dict[str, Any]) -> None:
    assert environment_secrets(project["file"], "apps", "shop-worker") == {"S": "s"}
    assert environment_secrets(project["file"], "apps", "shop-web") == {"S": "s", "T": "t"}
    assert environment_secrets(project["file"], "apps", "shop") == {"S": "s", "T": "t"}


def names(project: dict[str, Any], *asked: str, whole: bool = False) -> list[str]:
    apps, _services = chosen(project, list(asked), "none", whole)
    return [app["name"] for app in apps]


def test_the_name_of_an_app_means_all_of_its_processes(project: dict[str, Any]) -> None:
    assert names(project, "shop", whole=True) == ["shop-web", "shop-worker", "shop-clock"]
    assert names(project, "shop-worker", "shop") == ["shop-worker", "shop-web", "shop-clock"]
    with pytest.raises(InvalidFile, match=r"shop-web is a process of shop, .* name shop instead"):
        names(project, "shop-web", whole=True)
    with pytest.raises(InvalidFile, match=r"no app shop-wep .* did you mean shop-web"):
        names(project, "shop-wep")


def test_all_processes_have_the_release_that_was_built(project: dict[str, Any]) -> None:
    shop = {**project["whole_apps"]["shop"], "image": "me/shop:r2", "release": "r2"}
    members = with_release([project["apps"]["shop-worker"]], [shop])
    assert [(each["image"], each["release"]) for each in (*members, *shop["processes"])] == [("me/shop:r2", "r2")] * 4


PROCESSES = "apps:\n  shop:\n    image: a\n{}    processes:\n      web: {{{}}}\n"
OWN = "each process has its own: move it down, as in apps.shop.processes.web.replicas"
SHARED = "all processes of an app share it: move it up to the app"


@pytest.mark.parametrize(
    ("app", "process", "place", "key", "mistake"),
    [
        ("    replicas: 2\n", "", "4:15", "replicas", OWN),
        ("    servers: [web9]\n", "", "4:15", "servers[0]", "web9 "),
        ("", "image: b", "5:13", "processes.web.image", SHARED),
        ("", "comand: x", "5:13", "processes.web.comand", "unknown key; did you mean command?"),
        ("", "servers: [web9]", "5:23", "processes.web.servers[0]", "web9 "),
        ("", "environment: {secret: [X]}", "5:36", "processes.web.environment.secret[0]", "the secret X is missing"),
        ("", "overlap: false, proxy: {hosts: [a.com]}", "5:22", "processes.web.overlap", "an app with proxy.hosts"),
    ],
)
def test_mistakes_are_told_where_they_are(
    app: str, process: str, place: str, key: str, mistake: str, tmp_path: Path
) -> None:
    (line,) = mistakes(tmp_path, PROCESSES.format(app, process), INVENTORY)
    assert line.startswith(f"luma.yml:{place}: apps.shop.{key}: {mistake}")


def test_names_are_taken_once(tmp_path: Path) -> None:
    text = PROCESSES.format("", "proxy: {hosts: [a.com]}")
    assert "an app has this name already" in mistakes(tmp_path, f"{text}  shop-web: {{image: a}}\n")[0]
    assert "a process has this name already" in mistakes(tmp_path, f"{text}services:\n  shop-web: {{image: a}}\n")[0]
    assert "a.com belongs to" in mistakes(tmp_path, f"{text}  blog: {{image: a, proxy: {{hosts: [a.com]}}}}\n")[0]
    assert "longer than 63" in mistakes(tmp_path, text.replace("web", "w" * 60))[0]


def test_a_part_of_the_hosts_is_a_part_of_the_transaction(project: dict[str, Any]) -> None:
    apps, _services = chosen(project, ["shop"], "none", True)
    whole = [project["whole_apps"]["shop"]]
    told = only_on(["jobs1"], apps, [], whole)
    assert [(each["name"], each["hosts"]) for each in apps] == [("shop-worker", ["jobs1"]), ("shop-clock", ["jobs1"])]
    assert [each["name"] for each in whole[0]["processes"]] == ["shop-worker", "shop-clock"]
    assert (whole[0]["hosts"], len(told)) == (["jobs1"], 1)
    assert "web1, web2 stay as they are" in told[0]
    with pytest.raises(InvalidFile, match="web9 is no host of what is deployed; there are: jobs1"):
        only_on(["web9"], apps, [], whole)
