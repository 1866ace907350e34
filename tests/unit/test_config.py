# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""luma.yml: what is accepted, its defaults, and that every mistake is reported with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file import servers as servers_module
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory

from tests.unit.luma_file import app, mistakes, read

SMALLEST = """
apps:
  blog:
    image: "my-blog"
    replicas: 2
    proxy:
      hosts: ["blog.com"]
      app_port: 3000
"""


def test_the_smallest_file_has_all_defaults(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    project = read(folder, SMALLEST, inventory=Inventory())
    assert project["project"] == "my-shop"
    assert (project["folder"], project["file"]) == (str(folder), str(folder / "luma.yml"))
    assert project["proxy"] == dict.fromkeys(
        ("image", "http_port", "https_port", "bind", "proxy_protocol", "http3", "metrics", "access_log")
    )
    assert (project["services"], project["warnings"]) == ({}, [])
    blog = project["apps"]["blog"]
    assert blog == {
        "project": "my-shop",
        "name": "blog",
        "app": "blog",
        "image": "my-blog",
        "pull": "always",
        "release": None,
        "build": None,
        "registry": None,
        "hosts": ["localhost"],
        "servers": [],
        "replicas": 2,
        "overlap": True,
        "schedule": None,
        "command": [],
        "environment": {},
        "secrets": [],
        "ports": [],
        "volumes": [],
        "files": [],
        "runtime": {},
        "health_check": {
            "path": "/up",
            "port": 3000,
            "host": "blog.com",
            "interval": 1.0,
            "timeout": 5.0,
            "retries": 30,
            "start_period": 0.0,
            "https": True,
        },
        "proxied": True,
        "probe_path": "/up",
        "https": {
            "names": ["blog.com"],
            "hosts": ["blog.com"],
            "servers": ["localhost"],
            "acme": {
                "directory": "https://acme-v02.api.letsencrypt.org/directory",
                "email": "",
                "key_type": "ec256",
                "ca_file": None,
                "eab": None,
                "dns": None,
                "image": None,
            },
            "certificate": None,
            "key": None,
        },
        "route": {
            "hosts": ["blog.com"],
            "app_port": 3000,
            "path_prefix": [],
            "strip_path_prefix": True,
            "own_certificate": True,
            "response_timeout": 30.0,
            "stream_timeout": 3600.0,
            "hold": 10.0,
            "ssl": True,
            "ssl_redirect": True,
            "hsts": 0,
            "forward_headers": False,
            "forward_from": [],
            "allow": [],
            "max_body": 0,
            "redirects": {},
            "basic_auth": [],
            "error_pages": {},
            "sticky": False,
            "keep_alive": 75.0,
        },
        "proxy": {
            "hosts": ["blog.com"],
            "app_port": 3000,
            "path_prefix": [],
            "strip_path_prefix": True,
            "ssl": None,
            "ssl_redirect": True,
            "hsts": 0,
            "forward_headers": [],
            "allow": [],
            "max_body": None,
            "redirects": {},
            "basic_auth": [],
            "error_pages": None,
            "sticky": False,
            "response_timeout": 30.0,
            "stream_timeout": 3600.0,
            "hold": 10.0,
        },
        "deploy": {"batch": None, "canary": 0, "bake": 0.0, "max_unavailable_hosts": 0},
        "hooks": {"pre_deploy": None, "release": None, "post_deploy": None, "on_failure": None},
        "releases": {"keep": 5},
        "drain_timeout": 30.0,
        "stream_drain_timeout": 30.0,
        "stop_timeout": 30.0,
    }


def test_a_name_that_is_redirected_is_routed(tmp_path: Path) -> None:
    blog = app(tmp_path, "proxy: {hosts: [blog.localhost], redirects: {www.blog.localhost: blog.localhost}}")
    assert blog["route"]["hosts"] == ["blog.localhost", "www.blog.localhost"]
    assert blog["route"]["redirects"] == {"www.blog.localhost": "blog.localhost"}
    assert blog["health_check"]["host"] == "blog.localhost"


def test_pages_are_taken_that_the_proxy_has_a_use_for(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    for name in ("503.html", "4xx.html", "404.html", "logo.svg"):
        (tmp_path / "public" / name).write_text(name)
    blog = app(tmp_path, "proxy: {hosts: [blog.localhost], error_pages: public}")
    assert blog["route"]["error_pages"] == {"503": "503.html", "4xx": "4xx.html"}


def test_a_service_has_all_defaults(tmp_path: Path) -> None:
    services = read(tmp_path, "name: shop\nservices:\n  db:\n    image: postgres:17\n    ports: ['5432:5432']")[
        "services"
    ]
    assert services == {
        "db": {
            "project": "shop",
            "name": "db",
            "image": "postgres:17",
            "pull": "always",
            "registry": None,
            "servers": [],
            "command": [],
            "environment": {},
            "secrets": [],
            "ports": ["5432:5432"],
            "volumes": [],
            "files": [],
            "runtime": {},
            "health_check": {"interval": 1.0, "timeout": 5.0, "retries": 30, "start_period": 0.0},
            "backup": None,
            "stop_timeout": 30.0,
        }
    }


def test_apps_and_services_as_lists(tmp_path: Path) -> None:
    as_lists = (
        "name: shop\napps:\n- {name: blog, image: x}\n- {name: api, image: y}\nservices:\n- {image: z, name: db}\n"
    )
    as_maps = "name: shop\napps: {blog: {image: x}, api: {image: y}}\nservices: {db: {image: z}}\n"
    assert read(tmp_path, as_lists) == read(tmp_path, as_maps)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("5s", 5), ("1m", 60), ("1h", 3600), ("7", 7), ("2.5", 2.5)]
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    assert app(tmp_path, f"drain_timeout: {text}")["drain_timeout"] == seconds


@pytest.mark.parametrize(
    "text",
    [
        'plain: ["A=1.10", "B=x=y", "C=", "D=yes"]',
        "plain:\n    A: 1.10\n    B: x=y\n    C:\n    D: yes",
        "plain: {A: 1.10, B: x=y, C: '', D: yes}",
    ],
)
def test_environment_as_list_and_as_map_is_taken_as_it_is_written(tmp_path: Path, text: str) -> None:
    keys = "environment:\n" + "\n".join("  " + line for line in text.splitlines())
    assert app(tmp_path, keys)["environment"] == {"A": "1.10", "B": "x=y", "C": "", "D": "yes"}


@pytest.mark.parametrize("keys", ["healthcheck: {http_path: /ok}", "health_check: {path: /ok}"])
def test_both_names_of_a_health_check(tmp_path: Path, keys: str) -> None:
    assert app(tmp_path, keys)["health_check"]["path"] == "/ok"


def test_the_host_of_a_health_check(tmp_path: Path) -> None:
    proxy = "proxy: {hosts: [a.b, c.d]}"
    assert app(tmp_path, proxy)["health_check"]["host"] == "a.b"
    assert app(tmp_path, f"health_check: {{host: c.d}}\n{proxy}")["health_check"]["host"] == "c.d"
    assert app(tmp_path, f"health_check: {{host: münchen.de}}\n{proxy}")["health_check"]["host"] == "xn--mnchen-3ya.de"
    assert app(tmp_path, "health_check: {path: /up}")["health_check"]["host"] == "localhost"


def test_a_command_takes_the_place_of_the_request(tmp_path: Path) -> None:
    check = app(tmp_path, "health_check: {command: [pg_isready]}\nproxy: {hosts: [a.b]}")["health_check"]
    assert check["command"] == ["pg_isready"]
    assert "path" not in check


def test_an_app_without_port_and_check_leaves_it_to_the_image(tmp_path: Path) -> None:
    assert not {"path", "command"} & app(tmp_path, "replicas: 1")["health_check"].keys()


def test_a_file_to_send_has_the_digest_of_what_it_has_now(tmp_path: Path) -> None:
    def files(text: str) -> Any:
        (tmp_path / "my.cnf").write_text(text)
        return app(tmp_path, "files: [./my.cnf:/etc/my.cnf, ./my.cnf:/etc/other:rw]\nvolumes: ['./data:/data']")[
            "files"
        ]

    read_only, writable = files("one")
    source = str(tmp_path / "my.cnf")
    assert read_only == {"source": source, "target": "/etc/my.cnf", "access": "ro", "digest": read_only["digest"]}
    assert (writable["target"], writable["access"]) == ("/etc/other", "rw")
    assert len({each["digest"] for each in (*files("one"), *files("two"))}) == 4


def test_an_app_overrides_what_is_for_all_key_by_key(tmp_path: Path) -> None:
    text = """
deploy: {batch: 25%, canary: 1, bake: 1m}
hooks: {pre_deploy: check 'it all', release: [migrate], post_deploy: tell}
apps:
  blog: {image: x, deploy: {batch: 2, canary: 0}, hooks: {release: "bin/rails db:migrate", post_deploy: []}}
  api: {image: x, deploy: {max_unavailable_hosts: 1}}
"""
    apps = read(tmp_path, text)["apps"]
    assert [app["deploy"] for app in apps.values()] == [
        {"batch": 2, "canary": 0, "bake": 60.0, "max_unavailable_hosts": 0},
        {"batch": "25%", "canary": 1, "bake": 60.0, "max_unavailable_hosts": 1},
    ]
    for_all = {"pre_deploy": ["check", "it all"], "release": ["migrate"], "post_deploy": ["tell"], "on_failure": None}
    own = {"release": ["bin/rails", "db:migrate"], "post_deploy": None}
    assert [app["hooks"] for app in apps.values()] == [for_all | own, for_all]


@pytest.mark.parametrize("words", ["serve --name 'my blog'", "[serve, --name, my blog]"])
def test_a_command_is_split_as_a_shell_does(tmp_path: Path, words: str) -> None:
    assert app(tmp_path, f"command: {words}")["command"] == ["serve", "--name", "my blog"]


def test_what_is_left_empty_is_as_if_it_were_absent(tmp_path: Path) -> None:
    empty = "ports:\nvolumes:\nenvironment:\n  plain:\n  secret:\nhealth_check:\n"
    assert app(tmp_path, empty) == app(tmp_path, "replicas: 1")


def test_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").touch()
    monkeypatch.setenv("NODE_ENV", "test")
    build = "{context: web, args: [NODE_ENV, A=1], target: web, platform: linux/arm64}"
    text = f"name: shop\napps:\n  blog:\n    build: {build}\n"
    blog = read(tmp_path, text)["apps"]["blog"]
    assert blog["image"] == "shop-blog"
    assert blog["build"] == {
        "folder": str(tmp_path),
        "context": f"{tmp_path}/web",
        "dockerfile": "Dockerfile",
        "prepare": None,
        "args": {"NODE_ENV": "test", "A": "1"},
        "target": "web",
        "platform": ["linux/arm64"],
        "secrets": {},
        "ssh": [],
        "cache_from": [],
        "cache_to": [],
        "builder": None,
    }
    assert read(tmp_path, text.replace("[NODE_ENV, A=1]", "{A: 1}"))["apps"]["blog"]["build"]["args"] == {"A": "1"}


@pytest.mark.parametrize("port", ["3000", "22:22", "127.0.0.1::3000", "8080-8083:3000/tcp", "53:53/udp"])
def test_ports_as_docker_takes_them(tmp_path: Path, port: str) -> None:
    # YAML itself takes 22:22 for a number to the base of 60.
    assert app(tmp_path, f"ports: [{port}]")["ports"] == [port]


def test_keys_that_begin_with_x_are_the_users_own(tmp_path: Path) -> None:
    """A home for anchors, where compose has one; not on a level where every key of luma.yml is known."""
    text = """
x-common: &common
  image: x
  x-more: {environment: "${NOT_SET}"}
apps:
  blog: {<<: *common, replicas: 2}
services:
  db: {<<: *common, x-y: [1]}
"""
    project = read(tmp_path, text)
    assert (project["apps"]["blog"]["image"], project["services"]["db"]["image"]) == ("x", "x")
    assert "unknown key" in "".join(mistakes(tmp_path, "x: {}\n" + text))
    assert "unknown key" in "".join(mistakes(tmp_path, "apps: {blog: {image: x, proxy: {x-y: 1}}}"))


def test_behind_a_jump_host_a_name_need_not_resolve_here(tmp_path: Path) -> None:
    text = "ssh: {proxy_jump: '%s'}\napps: {a: {image: x, servers: [web1.internal]}}\n"
    project = read(tmp_path, text % "bastion.example,me@[2001:db8::1]:22", inventory=Inventory())
    assert project["apps"]["a"]["hosts"] == ["web1.internal"]
    for value in ("a b", "-oProxyCommand=x", "a;b", "$(x)"):
        assert "ssh.proxy_jump: has to be" in "".join(mistakes(tmp_path, text % value, Inventory()))


def test_ssh_names_no_user_where_only_it_knows_who_is_logged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("Host web*\n User deploy\n")
    monkeypatch.setattr(servers_module, "SSH_CONFIGURATION", (tmp_path / "config", tmp_path / "gone"))
    assert servers_module.configured_users(["web1", "db1", "::1", "{{ a }}"]) == {"web1": "deploy"}


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    text = """
apps:
  blog: &blog
    image: my-blog
    replicas: 2
  api:
    <<: *blog
    replicas: 3
"""
    apps = read(tmp_path, text)["apps"]
    assert (apps["api"]["image"], apps["api"]["replicas"], apps["blog"]["replicas"]) == ("my-blog", 3, 2)


@pytest.mark.parametrize(
    ("servers", "hosts"),
    [
        ("web", ["web1", "web2"]),
        ("[web2, web, 203.0.113.7]", ["web2", "web1", "203.0.113.7"]),
        ("['::1', localhost]", ["::1", "localhost"]),
    ],
)
def test_servers_are_hosts_and_groups_and_addresses(tmp_path: Path, servers: str, hosts: list[str]) -> None:
    inventory = Inventory(["web1", "web2", "db1"], {"web": ["web1", "web2"]})
    text = f"apps:\n  a: {{image: x, servers: {servers}}}\n"
    assert read(tmp_path, text, inventory=inventory)["apps"]["a"]["hosts"] == hosts


def test_an_app_without_servers_goes_to_every_host(tmp_path: Path) -> None:
    def hosts(text: str, inventory: Inventory) -> Any:
        return read(tmp_path, text, inventory=inventory)["apps"]["a"]["hosts"]

    text = "apps:\n  a: {image: x}\n  b: {image: x, server: 203.0.113.7}\n"
    assert hosts(text, Inventory(["web1"])) == ["web1", "203.0.113.7"]
    assert hosts(text, Inventory()) == ["203.0.113.7"]


@pytest.mark.parametrize(
    ("written", "routed"),
    [
        ("münchen.test", "xn--mnchen-3ya.test"),
        ("*.Straße.example", "*.xn--strae-oqa.example"),
        ("*.blog.com", "*.blog.com"),
        ("*", "*"),
    ],
)
def test_hosts_are_names_and_patterns_as_browsers_send_them(written: str, routed: str, tmp_path: Path) -> None:
    app = read(tmp_path, f"apps:\n  blog:\n    image: b\n    proxy: {{hosts: ['{written}']}}")["apps"]["blog"]
    assert app["route"]["hosts"] == [routed]
    assert "*" not in app["health_check"]["host"]
