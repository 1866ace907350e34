# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of secrets: from ``.luma/secrets`` beside luma.yml, from the environment, and from Ansible's vault.

They are looked up where they are used, and never part of what luma.yml is turned into. No message holds a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.luma.deploy.plugins.plugin_utils._schema import LUMA_YML, REGISTRY_PASSWORD
from ansible_collections.luma.deploy.plugins.plugin_utils._yaml import InvalidFile, Reader

Decrypt = Callable[[str], str]
OPEN_TO_OTHERS = 0o077


@dataclass(frozen=True)
class SecretsFile:
    """``.luma/secrets``: KEY=VALUE lines. ``mistakes`` and ``warnings`` are lines for the user."""

    path: Path
    values: dict[str, str]
    mistakes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def beside(cls, luma_yml: str) -> SecretsFile:
        """The secrets of this luma.yml; none where there is no such file."""
        path = Path(luma_yml).parent / ".luma" / "secrets"
        try:
            text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode
        except FileNotFoundError:
            return cls(path, {})
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "this is not a text in UTF-8"
            return cls(path, {}, mistakes=(f"{path}: {reason}",))
        warning = f"{path} can be read by others than its owner: chmod 600 {path}"
        return cls(path, *_parse(path, text), warnings=(warning,) if mode & OPEN_TO_OTHERS else ())


def _parse(path: Path, text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    values, mistakes = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        key, separator, value = (part.strip() for part in line.partition("="))
        if not key + separator or key.startswith("#"):
            continue
        if not separator or not key or " " in key:
            mistakes.append(f"{path}:{number}:1: has to be KEY=VALUE, or a comment that begins with #")
        elif key in values:
            mistakes.append(f"{path}:{number}:1: {key} is there twice")
        else:
            values[key] = _unquoted(value)
    return values, tuple(mistakes)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
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


def environment_secrets(
    file: str, kind: Literal["apps", "services"], name: str, decrypt: Decrypt = no_vault
) -> dict[str, str]:
    """The environment variables of an app or a service whose values are secret: those of ``environment.secret``, and
    those of ``environment.plain`` that come from the environment or a vault.

    ``decrypt`` is `vault_of` the calling plugin's loader. Raises `InvalidFile` where a secret is missing."""
    entry = _entry(file, kind, name, decrypt)["environment"]
    found = {key: value.text for key, value in entry["plain"].items() if value.secret}
    secrets = SecretsFile.beside(file)
    missing = [key for key in entry["secret"] if key not in secrets.values]
    if missing:
        raise InvalidFile(f"{secrets.path}: there is no {', '.join(missing)} in it")
    return found | {key: secrets.values[key] for key in entry["secret"]}


def registry_password(
    file: str, kind: Literal["apps", "services"], name: str, decrypt: Decrypt = no_vault
) -> str | None:
    """The password for the registry of an app or a service; None where there is none."""
    registry = _entry(file, kind, name, decrypt)["registry"]
    secret = registry["password_secret"] if registry else REGISTRY_PASSWORD
    return SecretsFile.beside(file).values.get(secret)


def _entry(file: str, kind: str, name: str, decrypt: Decrypt) -> dict[str, Any]:
    """One entry of luma.yml, read by itself: the vault strings of others are left alone."""
    reader = Reader(file, decrypt, only=f"{kind}.{name}")
    entries = reader.read(LUMA_YML)[kind]
    if reader.mistakes:
        raise InvalidFile("\n".join(reader.lines()))
    if name not in entries:
        raise InvalidFile(f"{file}: there is no {name} in {kind}")
    entry: dict[str, Any] = entries[name]
    return entry
