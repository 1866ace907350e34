# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma.yml: what is accepted, its defaults, and that every mistake is reported with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils._config import load
from ansible_collections.luma.deploy.plugins.plugin_utils._yaml import InvalidFile

SMALLEST = """
apps:
  blog:
    image: "my-blog"
    replicas: 2
    proxy:
      hosts: ["blog.com"]
      app_port: 3000
"""


def read(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "luma.yml"
    file.write_text(text)
    return load(str(file))


def app(folder: Path, keys: str) -> dict[str, Any]:
    """The app of a file with these keys beside the image."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    apps: dict[str, Any] = read(folder, "name: shop\napps:\n  blog:\n    image: my-blog\n" + lines)["apps"]
    return dict(apps["blog"])


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        read(folder, text)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_the_smallest_file_has_all_defaults(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    project = read(folder, SMALLEST)
    blog = project["apps"]["blog"]
    assert project["project"] == "my-shop"
    assert project["proxy"] == {"image": None, "http_port": None, "https_port": None, "bind": None}
    assert (blog["image"], blog["replicas"], blog["drain_timeout"], blog["stop_timeout"]) == ("my-blog", 2, 30.0, 30.0)
    assert blog["health_check"] == {
        "path": "/up",
        "port": 3000,
        "host": "blog.com",
        "interval": 1.0,
        "timeout": 5.0,
        "retries": 30,
        "start_period": 0.0,
    }
    assert blog["route"]["response_timeout"] == 30.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("5s", 5), ("1m", 60), ("1h", 3600), ("7", 7), ("2.5", 2.5)]
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    assert app(tmp_path, f"drain_timeout: {text}")["drain_timeout"] == seconds


@pytest.mark.parametrize(
    "text", ['plain: ["A=1", "B=x=y", "C="]', "plain:\n    A: 1\n    B: x=y\n    C:", "plain: {A: 1, B: x=y, C: ''}"]
)
def test_environment_as_list_and_as_map(tmp_path: Path, text: str) -> None:
    keys = "environment:\n" + "\n".join("  " + line for line in text.splitlines())
    assert app(tmp_path, keys)["environment"] == {"A": "1", "B": "x=y", "C": ""}


def test_both_names_of_a_health_check(tmp_path: Path) -> None:
    assert app(tmp_path, "healthcheck: {http_path: /ok}")["health_check"]["path"] == "/ok"
    assert app(tmp_path, "health_check: {path: /ok}")["health_check"]["path"] == "/ok"


def test_a_command_takes_the_place_of_the_request(tmp_path: Path) -> None:
    check = app(tmp_path, "health_check: {command: [pg_isready]}\nproxy: {hosts: [a.b]}")["health_check"]
    assert check["command"] == ["pg_isready"]
    assert "path" not in check


def test_an_app_without_port_and_check_leaves_it_to_the_image(tmp_path: Path) -> None:
    assert not {"path", "command"} & app(tmp_path, "replicas: 1")["health_check"].keys()


def test_a_relative_volume_is_relative_to_the_file(tmp_path: Path) -> None:
    volumes = app(tmp_path, "volumes: ['./data:/data', 'cache:/cache', '/srv:/srv:ro']")["volumes"]
    assert volumes == [f"{tmp_path}/data:/data", "cache:/cache", "/srv:/srv:ro"]


def test_a_command_is_split_as_a_shell_does(tmp_path: Path) -> None:
    assert app(tmp_path, "command: serve --name 'my blog'")["command"] == ["serve", "--name", "my blog"]


def test_every_mistake_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    text = """\
name: shop
apps:
  blog:
    image: my-blog
    replicas: 0
    proxy:
      hosts: [blog.com]
      app_prot: 3000
    drain_timeout: soon
  deploy:
    image: x
prxy: {}
"""
    assert mistakes(tmp_path, text) == [
        "luma.yml:5:15: apps.blog.replicas: has to be a whole number, 1 or more",
        "luma.yml:8:7: apps.blog.proxy.app_prot: unknown key; did you mean app_port?",
        "luma.yml:9:20: apps.blog.drain_timeout: has to be a duration such as 500ms, 5s or 1m, or a number of seconds",
        "luma.yml:10:3: apps.deploy: an app cannot be called like the command luma deploy",
        "luma.yml:12:1: prxy: unknown key; did you mean proxy?",
    ]


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ("replicas: true", "has to be a whole number"),
        ("replicas: '2'", "has to be a whole number"),
        ("proxy: {app_port: 70000}", "has to be a port"),
        ("proxy: {hosts: [a b]}", "a b is not a host name"),
        ("proxy: {ssl: maybe}", "has to be true or false"),
        ("health_check: {path: up}", "has to be a path"),
        ("health_check: {path: '/a b'}", "has to be a path"),
        ("ports: [http]", "is not a published port"),
        ("environment: {plain: [A]}", "has to be KEY=VALUE"),
        ("environment: [A=1]", "has to be a map"),
        ("servers: [web 1]", "neither a host name nor an address"),
        ('command: "it\'s"', "cannot be split"),
        ("drain_timeout: -1", "has to be a duration"),
        ("replicas: 1\nreplicas: 2", "is there twice"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, keys: str, mistake: str) -> None:
    with pytest.raises(InvalidFile, match=mistake):
        app(tmp_path, keys)


@pytest.mark.parametrize("port", ["3000", "8080:3000", "127.0.0.1::3000", "8080-8083:3000/tcp", "53:53/udp"])
def test_ports_as_docker_takes_them(tmp_path: Path, port: str) -> None:
    assert app(tmp_path, f"ports: ['{port}']")["ports"] == [port]


def test_two_apps_cannot_have_the_same_host(tmp_path: Path) -> None:
    text = "apps:\n  a: {image: x, proxy: {hosts: [a.b]}}\n  b: {image: x, proxy: {hosts: [A.B]}}\n"
    assert mistakes(tmp_path, text) == ["luma.yml:3:33: apps.b.proxy.hosts[0]: A.B belongs to a already"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("apps: [", "this is not YAML"),
        ("", "there is no app in it"),
        ("apps:\n  blog: {}\n", "neither image nor build"),
    ],
)
def test_a_file_that_says_nothing(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(InvalidFile, match=mistake):
        read(tmp_path, text)


def test_a_missing_file_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="No such file or directory"):
        load(str(tmp_path / "luma.yml"))
