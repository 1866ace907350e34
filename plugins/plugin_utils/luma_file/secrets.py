# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of secrets: from ``.luma/secrets`` beside luma.yml, from the environment, and from Ansible's vault.

They are looked up where they are used, and never part of what luma.yml is turned into. No message holds a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.notify import Address, addresses
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.overlay import secrets_files
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.processes import members, names_to_read, overlaid
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.reader import Reader
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import LUMA_YML, REGISTRY_PASSWORD
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secret_values import NoValue, SecretValues, Written
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile

Decrypt = Callable[[str], str]
OPEN_TO_OTHERS = 0o077
QUOTES = ("'", '"')
#: What a backslash makes of these in double quotes; in front of any other character it is a backslash.
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
NOT_CLOSED = (
    "Close it at the end of the value. If the value has this quote in it, put quotes of the other kind around it."
)


@dataclass(frozen=True)
class SecretsFile:
    """``.luma/secrets``: KEY=VALUE lines; a quoted value may have several. ``mistakes`` and ``warnings`` are lines for
    the user."""

    path: Path
    values: SecretValues
    mistakes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def beside(cls, luma_yml: str) -> SecretsFile:
        """The secrets of this luma.yml; none where there is no such file. Those of an environment are laid over them,
        and ``path`` is theirs."""
        read = [cls._of(path, Path(luma_yml).parent) for path in secrets_files(luma_yml)]
        values = SecretValues.laid_over([each.values for each in read])
        mistakes, warnings = (
            [line for each in read for line in getattr(each, name)] for name in ("mistakes", "warnings")
        )
        return cls(read[-1].path, values, tuple(mistakes), tuple(warnings))

    def add_line(self, name: str, value: str = "...") -> str:
        """What to do about a secret that is missing; ``value`` says what it looks like."""
        return f"add a line {name}={value} to {self.path}"

    def missing(self, name: str, value: str = "...") -> str:
        return f"the secret {name} is missing: {self.add_line(name, value)}"

    @classmethod
    def _of(cls, path: Path, folder: Path) -> SecretsFile:
        nothing = SecretValues(folder, {})
        try:
            text, mode = path.read_text(encoding="utf-8-sig"), path.stat().st_mode
        except FileNotFoundError:
            return cls(path, nothing)
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "this is not a text in UTF-8"
            return cls(path, nothing, mistakes=(f"{path}: {reason}",))
        written, mistakes = _parse(path, text)
        values = SecretValues(folder, written)
        # A file that says only where the secrets are may be read by anybody.
        is_secret = any(map(values.is_here, values))
        warning = f"{path} can be read by others than its owner: chmod 600 {path}"
        return cls(path, values, mistakes, warnings=(warning,) if is_secret and mode & OPEN_TO_OTHERS else ())


def add_secret(luma_yml: str, name: str, value: str, comment: str) -> None:
    """Adds a line to the secrets of a luma.yml, which are kept out of git where there were none. Raises `OSError`."""
    path = secrets_files(luma_yml)[-1]
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700)
        (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    path.touch(mode=0o600)
    text = path.read_text(encoding="utf-8")
    begin = "\n" if text and not text.endswith("\n") else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{begin}# {comment}\n{name}={value}\n")


def _parse(path: Path, text: str) -> tuple[dict[str, Written], tuple[str, ...]]:
    values, mistakes = dict[str, Written](), list[str]()
    lines = enumerate(text.split("\n"), 1)
    for number, line in lines:
        key, separator, value = (part.strip() for part in line.partition("="))
        if not key + separator or key.startswith("#"):
            continue
        key = re.sub(r"^export\s+", "", key)
        try:
            if not separator or not key or " " in key:
                raise ValueError("has to be KEY=VALUE, or a comment that begins with #")
            if value[:1] in QUOTES and _is_open(value):
                # Not trimmed: what is between quotes is as it is written.
                value = _over_several_lines(line.partition("=")[2].lstrip(), lines)
            if key in values:
                raise ValueError(f"{key} is there twice")
            values[key] = Written(_unquoted(value), literal=value[:1] == "'", place=f"{path}:{number}:1")
        except ValueError as exc:
            mistakes.append(f"{path}:{number}:1: {exc}")
    return values, tuple(mistakes)


def _is_open(value: str) -> bool:
    """Whether the quote that a value begins with has no second one in its line."""
    return _end_of_quote(value, value[0], 1) < 0


def _end_of_quote(text: str, quote: str, begin: int = 0) -> int:
    """Where the first quote is, from ``begin`` on; -1 without one. A backslash escapes only double quotes."""
    pattern = r'(?:[^"\\]|\\.)*"' if quote == '"' else "[^']*'"
    found = re.compile(pattern, re.DOTALL).match(text, begin)
    return found.end() - 1 if found else -1


def _over_several_lines(first: str, following: Iterator[tuple[int, str]]) -> str:
    """A quoted value with the lines up to the one that closes the quote. Raises `ValueError` where none does."""
    quote, lines = first[0], [first]
    for number, line in following:
        end = _end_of_quote(line, quote)
        if end >= 0 and line[end + 1 :].strip():
            raise ValueError(
                f"the {quote} that the value begins with is closed in line {number}, where more follows. " + NOT_CLOSED
            )
        lines.append(line)
        if end >= 0:
            return "\n".join(lines).rstrip()
    raise ValueError(f"the {quote} that the value begins with is never closed. " + NOT_CLOSED)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in QUOTES:
        inner = value[1:-1]
        return re.sub(r"\\([nrt\"\\])", lambda found: ESCAPES[found[1]], inner) if value[0] == '"' else inner
    return value


def no_vault(_ciphertext: str) -> str:
    raise ValueError("is encrypted with Ansible Vault, which cannot be read here")


def vault_of(loader: DataLoader) -> Decrypt:
    """Decrypts with the vault passwords that Ansible was given; ``loader`` is a plugin's own."""

    def decrypt(ciphertext: str) -> str:
        vault = loader._vault
        if not vault.secrets:
            raise ValueError(
                "is encrypted with Ansible Vault, and there is no vault password; give it with --vault-password-file "
                "or --ask-vault-pass"
            )
        try:
            return str(vault.decrypt(ciphertext.encode()).decode())
        except (AnsibleError, UnicodeDecodeError) as exc:
            raise ValueError("is encrypted with Ansible Vault, and no vault password that was given fits") from exc

    return decrypt


def environment_of(kind: str, read: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of an app or a service of ``read``, what a luma.yml says: ``plain`` and ``secret``. An app has
    what is common to all apps, and its own in its place, key by key."""
    own: dict[str, Any] = entry["environment"]
    if kind != "apps":
        return own
    return overlaid(read["environment"], own)


def environment_secrets(
    file: str, kind: Literal["apps", "services"], name: str, decrypt: Decrypt = no_vault
) -> dict[str, str]:
    """The environment variables of an app or a service whose values are secret: those of ``environment.secret``, and
    those of ``environment.plain`` that come from the environment or a vault.

    ``decrypt`` is `vault_of` the calling plugin's loader. Raises `InvalidFile` where a secret is missing, and `NoValue`
    where it has no value."""
    environment = environment_of(kind, *_read(file, kind, name, decrypt))
    found = {key: value.text for key, value in environment["plain"].items() if value.secret}
    secrets = SecretsFile.beside(file)
    missing = [name for name in environment["secret"].values() if name not in secrets.values]
    if missing:
        raise InvalidFile(f"{secrets.path}: there is no {', '.join(missing)} in it")
    return found | {key: secrets.values[name] for key, name in environment["secret"].items()}


def registry_password(
    file: str, kind: Literal["apps", "services"], name: str, decrypt: Decrypt = no_vault
) -> str | None:
    """The password for the registry of an app or a service; None where there is none."""
    _luma_yml, entry = _read(file, kind, name, decrypt)
    registry = entry["registry"]
    secret = registry["password_secret"] if registry else REGISTRY_PASSWORD
    return SecretsFile.beside(file).values.get(secret)


def notify_addresses(file: str, decrypt: Decrypt = no_vault) -> list[Address]:
    """Who is told what a deployment came to. Raises `InvalidFile`, and `NoValue` where a secret has no value."""
    reader = Reader(file, decrypt, only="notify")
    targets = reader.read(LUMA_YML)["notify"]
    if reader.mistakes:
        raise InvalidFile("\n".join(reader.lines()))
    try:
        return addresses(targets, SecretsFile.beside(file).values)
    except NoValue:
        raise
    except ValueError as exc:
        raise InvalidFile(f"{file}: notify: {exc}") from None


def _read(file: str, kind: str, name: str, decrypt: Decrypt) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """What luma.yml says, and one entry of it, or one process; others are left out, and their vault strings alone."""
    names = names_to_read(name) if kind == "apps" else [name]
    for owner in names:
        reader = Reader(file, decrypt, only=f"{kind}.{owner}")
        read = reader.read(LUMA_YML)
        if reader.mistakes:
            raise InvalidFile("\n".join(reader.lines()))
        entries = read[kind]
        if kind == "apps":
            entries |= {each.name: each.entry for each in members(read["apps"])}
        if name in entries:
            return read, entries[name]
    raise InvalidFile(f"{file}: there is no {name} in {kind}")
