# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and variables: where their values come from, and that a specification has only their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import (
    Decrypt,
    SecretsFile,
    environment_secrets,
    registry_password,
    vault_of,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

from tests.unit.luma_file import app, mistakes, read, write_secrets

ALL_KINDS = """
name: shop
apps:
  blog:
    image: "my-blog:${TAG}"
    replicas: ${REPLICAS}
    environment:
      plain:
        ORDINARY: "1"
        LITERAL: $${TAG} $HOME ${
        VARIABLE: "a ${TOKEN} b"
        VAULTED: !vault |
          cipher
      secret: [DATABASE_URL]
services:
  db:
    image: postgres:17
    environment: {plain: ["VARIABLE=${TOKEN}"]}
"""


def decrypted(ciphertext: str) -> str:
    return f"decrypted {ciphertext.strip()}"


@pytest.fixture
def all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose luma.yml takes values from everywhere."""
    for name, value in {"TAG": "42", "REPLICAS": "3", "TOKEN": "t0ken"}.items():
        monkeypatch.setenv(name, value)
    write_secrets(tmp_path, "DATABASE_URL=postgres://s3cret\n")
    (tmp_path / "luma.yml").write_text(ALL_KINDS)
    return tmp_path


def test_only_names_of_secrets_are_in_a_specification(all_kinds: Path) -> None:
    project = read(all_kinds, ALL_KINDS, decrypted)
    blog = project["apps"]["blog"]
    assert (blog["image"], blog["replicas"]) == ("my-blog:42", 3)
    assert blog["environment"] == {"ORDINARY": "1", "LITERAL": "${TAG} $HOME ${"}
    assert blog["secrets"] == ["DATABASE_URL", "VARIABLE", "VAULTED"]
    for value in ("t0ken", "s3cret", "decrypted"):
        assert value not in str(project)


def test_values_of_secrets_are_looked_up_for_one_entry(all_kinds: Path) -> None:
    file = str(all_kinds / "luma.yml")
    assert environment_secrets(file, "apps", "blog", decrypted) == {
        "DATABASE_URL": "postgres://s3cret",
        "VARIABLE": "a t0ken b",
        "VAULTED": "decrypted cipher",
    }

    def refused(_ciphertext: str) -> str:
        raise AssertionError("the vault strings of another entry are not its own")

    assert environment_secrets(file, "services", "db", refused) == {"VARIABLE": "t0ken"}


def test_all_variables_that_are_not_set_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidFile, match=r"apps.blog.command: the environment variables NOT_SET, NOR_THIS are not set"
    ):
        app(tmp_path, "command: serve ${NOT_SET} ${NOR_THIS}")
    with pytest.raises(InvalidFile, match=r"\$\{A:-1\} is not the name of a variable"):
        app(tmp_path, "command: serve ${A:-1}")


def test_the_value_of_a_variable_is_in_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "s3cret value")
    with pytest.raises(InvalidFile) as caught:
        app(tmp_path, "proxy: {hosts: ['${HOST}'], app_port: '${HOST}'}\nservers: ['${HOST}']\nports: ['${HOST}']")
    assert "s3cret" not in str(caught.value)
    assert "${HOST} is not a host name" in str(caught.value)


def test_secrets_are_lines(tmp_path: Path) -> None:
    write_secrets(tmp_path, "# comment\n\n A = b=c \nB=\"quoted 'x' \"\nC='1'\nD=\n")
    (tmp_path / "luma.yml").write_text("apps: {blog: {image: x, environment: {secret: [A, B, C, D]}}}")
    secrets = environment_secrets(str(tmp_path / "luma.yml"), "apps", "blog")
    assert secrets == {"A": "b=c", "B": "quoted 'x' ", "C": "1", "D": ""}


def test_a_line_that_is_no_secret_is_an_error_without_its_value(tmp_path: Path) -> None:
    write_secrets(tmp_path, "A=1\ns3cret\nB C=s3cret\nexport A=2\n")
    assert mistakes(tmp_path, "apps: {blog: {image: x, replicas: 0}}") == [
        "luma.yml:1:35: apps.blog.replicas: has to be a whole number, 1 or more",
        ".luma/secrets:2:1: has to be KEY=VALUE, or a comment that begins with #",
        ".luma/secrets:3:1: has to be KEY=VALUE, or a comment that begins with #",
        ".luma/secrets:4:1: A is there twice",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('A="-----BEGIN KEY-----\nab/c+d==\n\n  # no comment\n-----END KEY-----\n"\n', None),
        ("A='one \n\ttwo\\n'  \n", "one \n\ttwo\\n"),
        ('export A="one\\ntwo\\t\\"three\\" \\\\n \\d"', 'one\ntwo\t"three" \\n \\d'),
        ('A="one\n\\"two\\"\n"', 'one\n"two"\n'),
        ("A='one\\ntwo'", "one\\ntwo"),
        ("\ufeffexport\tA=1", "1"),
        # These were values before there were any of several lines, and stay what they were.
        ('A="{"a": "b"}"', '{"a": "b"}'),
        ('A="one" # two', '"one" # two'),
        ("A='it''s", "'it''s"),
        ("A=it's #1 \\n", "it's #1 \\n"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_quoted_value_may_have_several_lines(tmp_path: Path, text: str, value: str | None, newline: str) -> None:
    file = write_secrets(tmp_path, "")
    file.write_text(f"{text}\nB=2\n", newline=newline)
    secrets = SecretsFile.beside(str(tmp_path / "luma.yml"))
    assert secrets.mistakes == ()
    assert secrets.values == {"A": text[3:-2] if value is None else value, "B": "2"}


@pytest.mark.parametrize(
    ("text", "begins", "closed"),
    [
        ('A="s3cret\nB=2\nC=3', 1, "never closed"),
        ("A=1\nB='s3cret\n", 2, "never closed"),
        ('A="s3cret\\"\n', 1, "never closed"),
        ('A="s3cret\nB="s3cret"\nC', 1, "closed in line 2, where more follows"),
    ],
)
def test_a_quote_that_is_not_closed_is_an_error_where_it_begins(
    tmp_path: Path, text: str, begins: int, closed: str
) -> None:
    write_secrets(tmp_path, text)
    mistake = SecretsFile.beside(str(tmp_path / "luma.yml")).mistakes[0]
    assert f"secrets:{begins}:1: the " in mistake
    assert f" that the value begins with is {closed}. Close it" in mistake
    assert "s3cret" not in mistake


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    file = write_secrets(tmp_path, "A=1\n", mode)
    warnings = read(tmp_path, "apps: {blog: {image: x}}")["warnings"]
    assert warnings == ([f"{file} can be read by others than its owner: chmod 600 {file}"] if warned else [])


def test_secrets_of_the_typescript_luma_are_told_what_to_use_instead(tmp_path: Path) -> None:
    of_hosts = ("SSH_KEY_203_0_113_7", "SSH_PASSWORD_LOCALHOST", "SSH_KEY_APP")
    names = ("DEFAULT_SSH_KEY_PATH", "DEFAULT_SSH_PASSWORD", *of_hosts)
    file = write_secrets(tmp_path, "".join(f"{name}=s3cret\n" for name in names))
    apps = "apps: {blog: {image: x, servers: [203.0.113.7, localhost], environment: {secret: [DEFAULT_SSH_PASSWORD]}}}"
    assert read(tmp_path, apps)["warnings"] == [
        f"{file}: DEFAULT_SSH_KEY_PATH is not used: name the key in luma.yml, as ssh.key_file",
        f"{file}: SSH_KEY_203_0_113_7 is not used: name the key in ~/.ssh/config, as IdentityFile of 203.0.113.7",
        f"{file}: SSH_PASSWORD_LOCALHOST is not used: log in to localhost with a key (ssh-copy-id), or give "
        "ansible_password in an inventory (luma -i)",
    ]


COMMON = """
name: shop
environment:
  plain: {A: common, B: common, C: "${TOKEN}"}
  secret: [D, E]
apps:
  blog:
    image: x
    environment:
      plain: [B=own, D=own]
      secret: [A, F]
  api: {image: x}
services:
  db: {image: x}
"""


def test_an_environment_is_common_to_all_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an app has of its own wins, whether either of them is secret."""
    monkeypatch.setenv("TOKEN", "t0ken")
    write_secrets(tmp_path, "".join(f"{name}=secret {name}\n" for name in "ADEF"))
    project = read(tmp_path, COMMON)
    blog, api, db = project["apps"]["blog"], project["apps"]["api"], project["services"]["db"]
    assert (blog["environment"], blog["secrets"]) == ({"B": "own", "D": "own"}, ["A", "C", "E", "F"])
    assert (api["environment"], api["secrets"]) == ({"A": "common", "B": "common"}, ["C", "D", "E"])
    assert (db["environment"], db["secrets"]) == ({}, [])
    file = str(tmp_path / "luma.yml")
    values = {"A": "secret A", "C": "t0ken", "E": "secret E", "F": "secret F"}
    assert environment_secrets(file, "apps", "blog") == values
    assert environment_secrets(file, "apps", "api") == {"C": "t0ken", "D": "secret D", "E": "secret E"}
    assert environment_secrets(file, "services", "db") == {}


def test_a_mistake_in_the_common_environment_is_told_once(tmp_path: Path) -> None:
    text = "environment: {plain: {B: 1}, secret: [A, B]}\napps: {a: {image: x}, b: {image: x}}"
    assert mistakes(tmp_path, text) == [
        "luma.yml:1:39: environment.secret[0]: the secret A is missing: add a line A=... to .luma/secrets",
        "luma.yml:1:42: environment.secret[1]: B is in plain as well",
        "luma.yml:1:42: environment.secret[1]: the secret B is missing: add a line B=... to .luma/secrets",
    ]


def test_a_name_is_plain_or_secret(tmp_path: Path) -> None:
    write_secrets(tmp_path, "A=1\n")
    assert mistakes(tmp_path, "apps: {blog: {image: x, environment: {plain: {A: 2}, secret: [A]}}}") == [
        "luma.yml:1:63: apps.blog.environment.secret[0]: A is in plain as well"
    ]


def test_the_password_of_a_registry(tmp_path: Path) -> None:
    write_secrets(tmp_path, "DOCKER_REGISTRY_PASSWORD=one\nOTHER=two\n")
    text = "apps: {a: {image: x}, b: {image: x, registry: {url: ghcr.io, username: me, password_secret: OTHER}}}"
    read(tmp_path, text)
    file = str(tmp_path / "luma.yml")
    assert [registry_password(file, "apps", name) for name in "ab"] == ["one", "two"]


def test_a_missing_password_is_a_mistake(tmp_path: Path) -> None:
    docker = "docker: {username: me}\napps: {a: {image: me/a}, b: {image: me/b}}\n"
    own = "apps: {a: {image: x, registry: {url: ghcr.io, username: me}}, b: {image: x, registry: {password_secret: A}}}"
    add = "the password is missing: add a line DOCKER_REGISTRY_PASSWORD=... to .luma/secrets"
    assert mistakes(tmp_path, docker) == [f"luma.yml:1:20: docker.username: {add}"]
    assert mistakes(tmp_path, own) == [
        f"luma.yml:1:32: apps.a.registry: {add}",
        "luma.yml:1:87: apps.b.registry: has a password, but no username",
    ]


def vault(password: str) -> Decrypt:
    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(password.encode()))] if password else [])
    return vault_of(loader)


def test_a_vault_string_is_decrypted_with_ansibles_password() -> None:
    ciphertext = VaultLib([("default", VaultSecret(b"right"))]).encrypt("välue").decode()
    assert vault("right")(ciphertext) == "välue"
    for password, complaint in (("wrong", "no vault password that was given fits"), ("", "there is no vault password")):
        with pytest.raises(ValueError, match=complaint):
            vault(password)(ciphertext)
