# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who pulls with which login, what refusals mean, which layers travel, and what of a secret is to be seen."""

from __future__ import annotations

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible_collections.luma.deploy.plugins.action import bluegreen_container
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    Registry,
    chain_ids,
    error_in,
    has_tag,
    refusal,
    registry_of,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import has_healthcheck
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in_errors
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import (
    take_registry,
    take_secrets,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import with_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.images import transfer
from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import Archive

from tests.unit.luma_file import write_secrets

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("blog", "docker.io"),
        ("user/blog:1", "docker.io"),
        ("index.docker.io/user/blog", "docker.io"),
        ("ghcr.io/org/blog:1", "ghcr.io"),
        ("registry:5000/blog", "registry:5000"),
        ("localhost/blog", "localhost"),
    ],
)
def test_an_image_names_its_registry(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_a_port_is_no_tag() -> None:
    assert not has_tag("registry:5000/blog")
    assert has_tag("registry:5000/blog:1")
    assert has_tag(f"blog@{A}")


def test_a_login_goes_to_its_own_registry_only() -> None:
    registry = Registry("registry.example.com", "luma", "pass")
    assert registry.login_for("registry.example.com/blog:1") == {"username": "luma", "password": "pass"}
    assert registry.login_for("haproxy:3.2") is None
    hub = Registry("https://index.docker.io/v1/", "luma", "pass")
    assert hub.login_for("luma/blog")
    assert hub.login_for("registry.example.com/blog") is None


def test_a_registry_without_password_is_no_login() -> None:
    assert Registry.of({"server": "registry.example.com", "username": "luma", "password": None}) is None
    assert Registry.of(None) is None
    assert "pass" not in repr(Registry("a", "b", "pass"))


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("manifest for r.example.com/blog:9 not found: manifest unknown: manifest unknown", "has no such image"),
        ('Head "https://r.example.com/v2/blog/manifests/9": no basic auth credentials', "refuses it (without login)"),
        ("unauthorized: authentication required", "refuses it (without login)"),
        ("pull access denied for blog, repository does not exist or may require 'docker login'", "or shows it to"),
        ('Get "https://r.example.com/v2/": dial tcp: lookup r.example.com: no such host', "cannot be reached"),
        ('Get "https://r.example.com/v2/": x509: certificate signed by unknown authority', "is not trusted"),
        ("http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("failed to register layer: write /usr/bin/x: no space left on device", "its disk is full"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_the_engine_said(words: str, meaning: str) -> None:
    text = refusal("r.example.com/blog:9", words, None)
    assert meaning in text
    assert words in text


def test_a_refused_user_is_named() -> None:
    assert "(as user luma)" in refusal("r.example.com/blog", "unauthorized", Registry("r.example.com", "luma", "pass"))


def test_other_words_of_an_engine_are_passed_on() -> None:
    assert refusal("blog", "the engine has a cold", None) == "the engine has a cold"


def test_an_error_within_an_answer_is_found() -> None:
    assert error_in([{"status": "Pulling"}, {"errorDetail": {"message": "gone"}, "error": "gone"}]) == "gone"
    assert error_in([{"message": "no such thing"}]) == "no such thing"
    assert error_in([{"status": "Pulling"}, {"status": "Done"}]) == ""


def test_a_chain_id_is_made_as_the_specification_says() -> None:
    # The example of the OCI image specification: ChainID(L0|L1) = Digest(ChainID(L0) + " " + DiffID(L1)).
    assert chain_ids([]) == []
    assert chain_ids([A]) == [A]
    assert chain_ids([A, B])[0] == A
    assert len({*chain_ids([A, B, A]), *chain_ids([B, A])}) == 5


# --- archives --------------------------------------------------------------------------------------------------------


def saved_image(folder: Path, layers: dict[str, str], links: dict[str, str] | None = None) -> Path:
    """The output of docker save: ``layers`` by file, with their diff ids; ``links`` are files that are symlinks."""
    config = {"rootfs": {"diff_ids": list(layers.values())}}
    manifest = [{"Config": "config.json", "RepoTags": ["blog:1"], "Layers": list(layers)}]
    texts = {"manifest.json": json.dumps(manifest), "config.json": json.dumps(config), "index.json": "{}"}
    texts |= {path: f"content of {path}" for path in layers if path not in (links or {})}
    saved = folder / "saved"
    with tarfile.open(saved, "w") as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return saved


def content(archive: Archive) -> set[str]:
    with tarfile.open(archive.file) as tar:
        return set(tar.getnames())


@pytest.mark.parametrize(
    ("name", "saved"), [("blog", "blog:latest"), ("blog:1", "blog:1"), ("r:5000/blog", "r:5000/blog:latest")]
)
def test_an_image_is_sent_alone(name: str, saved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(transfer, "run_docker", lambda *command: commands.append(command))
    monkeypatch.setattr(Archive, "of", lambda *_arguments: SimpleNamespace(layers=1, all_layers=1))
    action = bluegreen_container.ActionModule.__new__(bluegreen_container.ActionModule)
    monkeypatch.setattr(action, "_send_archive", lambda *_arguments: {"report": ["sent"]})
    assert action._send_image(name, A, (), {"inventory_hostname": "one"}) == ["sent"]
    # Docker takes a name without a tag for all of the repository.
    assert commands[0][-1] == saved


def test_what_the_host_has_is_left_out(tmp_path: Path) -> None:
    saved = saved_image(tmp_path, {"1/layer.tar": A, "2/layer.tar": B, "3/layer.tar": C})
    archive = Archive.of(saved, set(chain_ids([A, B])))
    assert content(archive) == {"manifest.json", "config.json", "3/layer.tar"}
    assert (archive.layers, archive.all_layers) == (1, 3)


def test_a_host_that_has_nothing_gets_all_of_it(tmp_path: Path) -> None:
    archive = Archive.of(saved_image(tmp_path, {"1/layer.tar": A, "2/layer.tar": B}), ())
    assert content(archive) == {"manifest.json", "config.json", "index.json", "1/layer.tar", "2/layer.tar"}


def test_a_layer_counts_as_known_only_on_top_of_the_same_layers(tmp_path: Path) -> None:
    saved = saved_image(tmp_path, {"1/layer.tar": A, "2/layer.tar": B})
    archive = Archive.of(saved, set(chain_ids([B, A])))
    assert {"1/layer.tar", "2/layer.tar"} <= content(archive)


def test_the_file_of_a_known_layer_stays_where_an_unknown_one_links_to_it(tmp_path: Path) -> None:
    layers = {"1/layer.tar": A, "2/layer.tar": B, "3/layer.tar": A}
    saved = saved_image(tmp_path, layers, links={"3/layer.tar": "../1/layer.tar"})
    archive = Archive.of(saved, set(chain_ids([A, B])))
    assert content(archive) == {"manifest.json", "config.json", "1/layer.tar", "3/layer.tar"}


def test_the_parts_are_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 100)
    monkeypatch.setattr(transfer, "CHUNK", 7)
    archive = Archive.of(saved_image(tmp_path, {"1/layer.tar": A}), ())
    whole = archive.file.read_bytes()
    parts = [part.read_bytes() for part in archive.parts()]
    assert b"".join(parts) == whole
    assert 1 < len(parts) <= transfer.PARTS


# --- secrets ---------------------------------------------------------------------------------------------------------


def module_with(secrets: dict[str, Any]) -> Any:
    return SimpleNamespace(params={"secrets": secrets}, no_log_values={str(value) for value in secrets.values()})


def test_of_processes_that_miss_the_same_image_one_sends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    with ThreadPoolExecutor() as threads:
        with suppress(OSError), transfer.alone_with("shop:1", "web1") as fails:
            raise OSError("the connection is lost")
        with transfer.alone_with("shop:1", "web1") as sends:
            waits = threads.submit(lambda: has_been_sent("shop:1", "web1"))
            assert not has_been_sent("shop:1", "web2")
        assert (fails, sends, waits.result()) == (False, False, True)


def has_been_sent(image: str, host: str) -> bool:
    with transfer.alone_with(image, host) as is_so:
        return is_so


def test_values_leave_the_parameters_and_names_stay() -> None:
    module = module_with({"USER": "blog", "PORT": 5432})
    assert take_secrets(module, module.params) == {"USER": "blog", "PORT": "5432"}
    assert list(module.params["secrets"]) == ["USER", "PORT"]
    assert "blog" not in module.params["secrets"].values()


def test_a_short_value_does_not_hide_what_the_roles_need() -> None:
    module = module_with({"USER": "blog"})
    take_secrets(module, module.params)
    assert module.no_log_values == set()


def test_a_password_that_is_a_secret_too_is_not_shown() -> None:
    options: dict[str, Any] = {"registry": {"server": "ghcr.io", "username": "me", "password": "t0ken"}}
    registry = take_registry(options)
    assert registry is not None
    assert registry.password == "t0ken"
    assert "t0ken" not in str(options)


def test_a_secret_that_luma_yml_no_longer_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "luma.yml").write_text("apps: {blog: {image: blog, environment: {secret: [NEW]}}}")
    write_secrets(tmp_path, "OLD=1\nNEW=2\nOTHER=3\n")
    arguments = {"app": "blog", "secret_names": ["OLD", "NEW"]}
    completed = with_secrets(arguments, str(tmp_path / "luma.yml"), "apps", "blog", DataLoader())
    assert completed == {"app": "blog", "secrets": {"OLD": "1", "NEW": "2"}}


def test_nothing_is_deployed_without_the_secrets_that_it_names() -> None:
    with pytest.raises(AnsibleActionFail, match="There is no value of KEY:"):
        with_secrets({"secret_names": ["KEY", "GIVEN"], "secrets": {"GIVEN": "1"}}, None, "apps", "blog", DataLoader())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, False),
        ({"Healthcheck": None}, False),
        ({"Healthcheck": {}}, False),
        ({"Healthcheck": {"Test": ["NONE"]}}, False),
        ({"Healthcheck": {"Test": ["CMD", "true"]}}, True),
    ],
)
def test_an_image_s_healthcheck(config: dict[str, Any] | None, expected: bool) -> None:
    assert has_healthcheck({"Config": config}) is expected


def test_errors_show_no_line_of_a_value() -> None:
    secrets = {"KEY": "first line\nsecond line", "URL": "postgres://blog:hunter2@db", "NUMBER": "7"}
    with pytest.raises(LumaError) as caught, hidden_in_errors(secrets):
        raise LumaError("7: no postgres://blog:hunter2@db", failures=[{"logs": ["key: second line", "exit 7"]}])
    assert str(caught.value) == "7: no ********"
    assert caught.value.facts == {"failures": [{"logs": ["key: ********", "exit 7"]}]}
