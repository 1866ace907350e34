# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of ``.luma/secrets`` that come from elsewhere: ``${NAME}`` of luma's environment, and ``$(command)``, which is
run on the controller when the value is needed, once in a run of the luma command."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What the luma command gives to the playbook: a folder that ends with the run, and a key for what is in it.
FOLDER_VARIABLE = "LUMA_RUN_FOLDER"
KEY_VARIABLE = "LUMA_SECRETS_KEY"
#: How long a command may take, in seconds.
TIMEOUT = 120
VARIABLE = re.compile(r"\$\{([^}]*)\}")


class NoValue(ValueError):
    """Why a secret has no value. It does not hold one."""


@dataclass(frozen=True)
class Written:
    """A value as the file has it. ``literal``: a ``$`` in it is one, since it stands in single quotes. ``place``: its
    file, line and column."""

    text: str
    literal: bool = False
    place: str = ""


class SecretValues(Mapping[str, str]):
    """Secrets by their names; each value is found when it is asked for. ``folder``: where commands run. Raises
    `NoValue`."""

    def __init__(self, folder: Path, written: Mapping[str, Written]) -> None:
        self._folder = folder
        self._written = written

    @classmethod
    def laid_over(cls, several: Sequence[SecretValues]) -> SecretValues:
        """The last one that has a secret counts."""
        return cls(several[0]._folder, {name: each for values in several for name, each in values._written.items()})

    def __getitem__(self, name: str) -> str:
        written = self._written[name]
        try:
            return written.text if written.literal else "".join(self._filled_in(written.text))
        except NoValue as exc:
            raise NoValue(f"{written.place}: {name}: {exc}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._written

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)

    def is_here(self, name: str) -> bool:
        """Whether the value is in the file itself, so that nothing has to be asked for it."""
        written = self._written[name]
        return written.literal or not re.search(r"\$[({]", written.text)

    def _filled_in(self, text: str) -> Iterator[str]:
        while text:
            before, dollar, text = text.partition("$")
            yield before
            if text.startswith(("${", "$(")):
                yield text[:2]
                text = text[2:]
            elif text.startswith("("):
                command, text = _command(text)
                yield output_of(command, self._folder)
            elif match := VARIABLE.match(dollar + text):
                yield _variable(match[1])
                text = text[match.end() - 1 :]
            else:
                yield dollar


def _variable(name: str) -> str:
    if name not in os.environ:
        raise NoValue(f"the environment variable {name} is not set; for a literal ${{ write $${{")
    return os.environ[name]


def _command(text: str) -> tuple[str, str]:
    """The command between the parentheses that a text begins with, and what is behind them."""
    depth, quote = 0, ""
    for index, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if not depth:
                return text[1:index], text[index + 1 :]
    raise NoValue("the ( of its command is never closed; for a literal $( write $$(")


def output_of(command: str, folder: Path) -> str:
    """What a command prints, without the newline at its end. Within a run of the luma command it is run once: its
    output is kept, encrypted, until the run ends."""
    kept_in, key = os.environ.get(FOLDER_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not (kept_in and key):
        return _run(command, folder)
    file = Path(kept_in, hashlib.sha256(f"{folder}\0{command}".encode()).hexdigest())
    with file.open("a+b") as kept:
        # Processes of several hosts ask at once.
        fcntl.flock(kept, fcntl.LOCK_EX)
        kept.seek(0)
        known = kept.read()
        if known:
            return _cipher(key).decrypt(known).decode()
        output = _run(command, folder)
        kept.write(_cipher(key).encrypt(output.encode()))
        return output


def _cipher(key: str) -> Any:
    # Ansible's own vault has it, but not each Python that only looks at this file.
    from cryptography.fernet import Fernet

    return Fernet(key)


def _run(command: str, folder: Path) -> str:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoValue(f"its command did not end within {TIMEOUT} s: {command}") from None
    except (OSError, UnicodeDecodeError) as exc:
        raise NoValue(f"its command could not be run ({exc}): {command}") from None
    if done.returncode:
        said = done.stderr.strip()
        raise NoValue(f"its command ended with {done.returncode}: {command}" + (f"\n{said}" if said else ""))
    return done.stdout.rstrip("\n")
