# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that come from elsewhere: from luma's environment, and from commands, each of which is run once in a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import (
    FOLDER_VARIABLE,
    KEY_VARIABLE,
    NoValue,
    SecretValues,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile, environment_secrets
from cryptography.fernet import Fernet

from tests.unit.luma_file import app, mistakes, write_secrets


def secrets(folder: Path, text: str) -> SecretValues:
    write_secrets(folder, text)
    return SecretsFile.beside(str(folder / "luma.yml")).values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${USER_OF_DB}", "me"),
        ('"postgres://${USER_OF_DB}@db"', "postgres://me@db"),
        ("'${USER_OF_DB}'", "${USER_OF_DB}"),
        ("$${USER_OF_DB} $$(date)", "${USER_OF_DB} $(date)"),
        ("pa$$word$", "pa$$word$"),
        ("$(echo one; echo two)", "one\ntwo"),
        ("a-$(printf '%s' ')')-$(echo $(echo nested))", "a-)-nested"),
        ("$(cat file)", "beside luma.yml"),
        ("$(printf %s \"$USER_OF_DB\")", "me"),
    ],
)  # fmt: skip
def test_a_value_may_come_from_elsewhere(
    written: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_OF_DB", "me")
    (tmp_path / "file").write_text("beside luma.yml\n")
    assert secrets(tmp_path, f"KEY={written}\n")["KEY"] == value


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("${NOT_SET_ANYWHERE}", "the environment variable NOT_SET_ANYWHERE is not set"),
        ("$(echo", r"the \( of its command is never closed"),
        ("$(echo locked >&2; exit 3)", r"its command ended with 3: echo locked >&2; exit 3\nlocked"),
    ],
)
def test_one_that_cannot_be_had_is_told_with_its_line(written: str, reason: str, tmp_path: Path) -> None:
    values = secrets(tmp_path, f"# a comment\nKEY={written}\n")
    with pytest.raises(NoValue, match=rf"secrets:2:1: KEY: {reason}"):
        values["KEY"]
    # That it is there is known without asking.
    assert ("KEY" in values, len(values)) == (True, 1)
    assert not values.is_here("KEY")


def test_a_command_is_run_once_in_a_run_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = secrets(tmp_path, "KEY=$(echo asked >> asked; sleep 0.1; echo s3cret)\n")
    kept_in = tmp_path / "run"
    kept_in.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(kept_in))
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    with ThreadPoolExecutor() as threads:
        assert list(threads.map(lambda _number: values["KEY"], range(4))) == ["s3cret"] * 4
    assert (tmp_path / "asked").read_text() == "asked\n"
    assert b"s3cret" not in b"".join(file.read_bytes() for file in kept_in.iterdir())


RENAMED = "environment: {secret: {DB_PASSWORD: MAIN_DB_PASSWORD}}"


def test_a_variable_may_have_another_name_than_its_secret(tmp_path: Path) -> None:
    write_secrets(tmp_path, "MAIN_DB_PASSWORD=s3cret\n")
    assert app(tmp_path, RENAMED)["secrets"] == ["DB_PASSWORD"]
    assert environment_secrets(str(tmp_path / "luma.yml"), "apps", "blog") == {"DB_PASSWORD": "s3cret"}


def test_the_secret_that_is_missing_is_named(tmp_path: Path) -> None:
    text = f"apps:\n  blog:\n    image: a\n    {RENAMED}\n"
    assert mistakes(tmp_path, text) == [
        "luma.yml:4:28: apps.blog.environment.secret.DB_PASSWORD: the secret MAIN_DB_PASSWORD is missing: add a line "
        "MAIN_DB_PASSWORD=... to .luma/secrets"
    ]
