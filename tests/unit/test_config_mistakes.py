# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma.yml is refused for, and where it says that the mistake is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.servers import Inventory
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load

from tests.unit.luma_file import app, mistakes, read


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("[./gone:/x]", "apps.blog.files[0]: there is no {0}/gone"),
        ("[./here]", "apps.blog.files[0]: ./here is not a file to send such as ./my.cnf:/etc/mysql/my.cnf"),
        ("[./here:x]", "is not a file to send"),
        ("[./here:/x:z]", "is not a file to send"),
        ("[./here:/data]", "/data is mounted already"),
        ("[./here:/x, ./here:/x]", "apps.blog.files[1]: /x is mounted already"),
        ("[./large:/x]", "{0}/large is larger than 1 MB, the most that files: sends. Put it into the image"),
        ("[./special:/x]", "{0}/special is neither a file nor a folder"),
        ("[./folder:/x]", "{0}/folder/link is neither a file nor a folder"),
    ],
)
def test_a_file_that_cannot_be_sent(tmp_path: Path, files: str, expected: str) -> None:
    (tmp_path / "here").touch()
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    os.mkfifo(tmp_path / "special")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path)
    text = f"apps: {{blog: {{image: x, volumes: ['/srv:/data'], files: {files}}}}}"
    with pytest.raises(InvalidFile) as caught:
        read(tmp_path, text)
    assert expected.format(tmp_path) in str(caught.value)


def test_every_mistake_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    text = """\
name: shop
apps:
  blog:
    image: my-blog
    replicas: 0
    proxy:
      hosts: [blog.com, a b, c d]
      app_prot: 3000
    drain_timeout: soon
    build: {context: nowhere}
  deploy:
    image: x
  api:
    environment: {plain: {A: "${NOT_SET}"}, secret: [API_KEY]}
    server: not-there
    proxy: {hosts: [BLOG.com]}
services:
  api: {image: x}
  db:
    ports: [80:80]
  db-new: {image: x}
prxy: {}
"""
    assert mistakes(tmp_path, text, Inventory(["web1"])) == [
        "luma.yml:5:15: apps.blog.replicas: has to be a whole number, 1 or more",
        "luma.yml:7:25: apps.blog.proxy.hosts[1]: a b is not a host name",
        "luma.yml:7:30: apps.blog.proxy.hosts[2]: c d is not a host name",
        "luma.yml:8:7: apps.blog.proxy.app_prot: unknown key; did you mean app_port?",
        "luma.yml:9:20: apps.blog.drain_timeout: has to be a duration such as 500ms, 5s or 1m, or a number of seconds",
        "luma.yml:10:22: apps.blog.build.context: there is no folder nowhere",
        "luma.yml:11:3: apps.deploy: an app cannot have the name of the command luma deploy",
        "luma.yml:13:3: apps.api: has neither image nor build: it needs one of them",
        "luma.yml:14:30: apps.api.environment.plain.A: the environment variable NOT_SET is not set; for a literal ${ "
        "write $${",
        "luma.yml:14:54: apps.api.environment.secret[0]: the secret API_KEY is missing: add a line API_KEY=... to "
        ".luma/secrets",
        "luma.yml:15:13: apps.api.servers[0]: not-there is not in the inventory, and has no address",
        "luma.yml:16:21: apps.api.proxy.hosts[0]: BLOG.com belongs to blog already",
        "luma.yml:18:3: services.api: an app has this name already",
        "luma.yml:19:3: services.db: has no image",
        "luma.yml:21:3: services.db-new: the service db has this name while it is replaced",
        "luma.yml:22:1: prxy: unknown key; did you mean proxy?",
    ]


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ("replicas: true", "has to be a whole number"),
        ("replicas: '2'", "has to be a whole number"),
        ("replicas:", "has no value"),
        ("replicas: [2]", "has to be one value"),
        ("proxy: {app_port: 70000}", "has to be a port"),
        ("proxy: {ssl: maybe}", "has to be true or false"),
        (
            "proxy: {hosts: [a.test], basic_auth: LOGIN}",
            "the secret LOGIN is missing: add a line LOGIN=USER:PASSWORD",
        ),
        ("proxy: {hosts: [a.test], error_pages: nowhere}", "error_pages: there is no folder"),
        (
            "proxy: {hosts: [a.test], error_pages: .}",
            "has no page, such as 503.html, 4xx.html, 5xx.html",
        ),
        ("health_check: {path: up}", "has to be a path"),
        ("health_check: {path: '/a b'}", "has to be a path"),
        ("health_check: {host: 'a b'}", "is not a host name"),
        ("health_check: {path: /a, http_path: /b}", "path is there already, under its other name"),
        ("ports: [http]", "http is not a published port"),
        ("ports: {a: b}", "has to be a list"),
        ("ports: 80", "has to be a list"),
        ("environment: {plain: [A]}", "has to be KEY=VALUE"),
        ("environment: {plain: {A B: 1}}", "has to be the name of an environment variable"),
        ("environment: [A=1]", "has to be a map"),
        ("servers: [web 1]", "neither a host name nor an address"),
        ('command: "it\'s"', "cannot be split"),
        ("drain_timeout: -1", "has to be a duration"),
        ("replicas: 1\nreplicas: 2", "is there twice"),
        ("volumes: [!other a]", "the tag !other is unknown"),
        ("build: {args: [NOT_SET], prepare: x}", "the environment variable NOT_SET is not set"),
        ("build: {context: .}", "there is no Dockerfile in"),
        ("pull: never", "pull: has to be always or missing"),
        ("deploy: {batch: 0}", "batch: has to be a whole number, 1 or more, or a percentage from 1% to 100%"),
        ("deploy: {batch: 150%}", "a percentage from 1% to 100%"),
        ("deploy: {batch: 0%}", "a percentage from 1% to 100%"),
        ("deploy: {canary: -1}", "canary: has to be a whole number, 0 or more"),
        ("deploy: {canary: 10%}", "canary: has to be a whole number, 0 or more"),
        ("deploy: {bake: long}", "bake: has to be a duration"),
        ("deploy: {max_unavailable_hosts: all}", "has to be a whole number, 0 or more"),
        ("hooks: {before: x}", "hooks.before: unknown key; known here: pre_deploy, release, post_deploy, on_failure"),
        ('hooks: {release: "it\'s"}', "hooks.release: cannot be split"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, keys: str, mistake: str) -> None:
    with pytest.raises(InvalidFile, match=mistake):
        app(tmp_path, keys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apps: [", "luma.yml:1:8: this is not YAML"),
        ("a: \0", "this is not YAML"),
        ("", "there is no app in it"),
        ("apps:\n  blog: {}\n", "neither image nor build"),
        ("apps: [{image: x}]", "luma.yml:1:8: apps[0]: has to be a map with name"),
        ("apps: [{name: a, image: x}, {name: a, image: x}]", "luma.yml:1:36: apps.a: is there twice"),
        ("apps:\n  Blog: {image: x}", "the name of an app has to hold only a-z"),
        (
            "apps:\n  blog: {image: x}\nservices:\n  blog-green-1: {image: x}",
            "a container of the app blog may have this",
        ),
        (
            "name: shop\napps:\n  blog: {image: x}\n  shop-blog-green: {image: x}",
            "luma.yml:4:3: apps.shop-blog-green: a container of the app blog may have this",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in "\n".join(mistakes(tmp_path, text))


def test_what_is_built_or_routed_is_no_service(tmp_path: Path) -> None:
    text = "services:\n  web: {build: {context: .}, proxy: {hosts: [a.b]}}\n"
    assert mistakes(tmp_path, text) == [
        "luma.yml:2:9: services.web.build: a service is not built: move the entry from services to apps",
        "luma.yml:2:30: services.web.proxy: a service is not routed: move the entry from services to apps",
    ]


def test_a_missing_file_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="No such file or directory"):
        load(str(tmp_path / "luma.yml"))


def test_an_unknown_server_is_told_from_a_known_one(tmp_path: Path) -> None:
    text = "apps:\n  a: {image: x, servers: [wbe1, empty]}\n"
    unknown, empty = mistakes(tmp_path, text, Inventory(["web1"], {"empty": []}))
    assert unknown.endswith("and has no address; did you mean web1?")
    assert empty.endswith("the inventory's group empty has no hosts")


@pytest.mark.parametrize("written", ["a.*.blog.com", "blog.*", "**", "*blog.com", "ä..test", "a b"])
def test_what_is_neither_a_name_nor_a_pattern(written: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="is not a host name"):
        read(tmp_path, f"apps:\n  blog:\n    image: b\n    proxy: {{hosts: ['{written}']}}")
