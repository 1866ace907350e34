# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what a deployment came to: ``notify`` of luma.yml. A URL may be a secret, since whoever has that of a
chat can write there: no message holds more of one than its host."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Scalar

if TYPE_CHECKING:
    # It needs this module's addresses.
    from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import SecretsFile

SLACK, NTFY, JSON = "slack", "ntfy", "json"
NOT_A_URL = "has to be a URL such as https://hooks.slack.com/services/… or ntfy+https://chat.example/topic"
NO_TARGET = f"{NOT_A_URL}, or the name of a secret that is one"


@dataclass(frozen=True)
class Address:
    """Where a notice is sent, and the ``kind`` of what is sent: `SLACK`, `NTFY` or `JSON`."""

    kind: str
    url: str

    def __str__(self) -> str:
        """What a message may show."""
        return hidden(self.url)


def address(text: str) -> Address:
    """A URL, before which its kind may stand, as in ``ntfy+https://…``. Raises `ValueError`."""
    kind, plus, url = text.partition("+")
    if not plus or kind not in (SLACK, NTFY, JSON):
        kind, url = "", text
    try:
        parts = urlsplit(url)
        whole = re.fullmatch(r"https?://[!-~]+", url) and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(NOT_A_URL)
    return Address(kind or _kind_of(parts.hostname or ""), url)


def _kind_of(host: str) -> str:
    if host == "hooks.slack.com":
        return SLACK
    return NTFY if host.startswith("ntfy.") else JSON


def hidden(url: str) -> str:
    """A URL without what may be secret: login, path and query."""
    return re.sub(r"(?<=://)(?:[^/@]*@)?([^/?#]*).*", r"\1/…", url, flags=re.DOTALL)


def is_secret(target: str) -> bool:
    """Whether an entry of ``notify`` is the name of a secret."""
    return "://" not in target


def target(value: Scalar) -> str:
    """An entry of ``notify``."""
    if not is_secret(value.text):
        address(value.text)
    elif value.secret or not re.fullmatch(r"[A-Za-z_]\w*", value.text, re.ASCII):
        raise ValueError(NO_TARGET)
    return value.text


def mistake(name: str, secrets: SecretsFile) -> str:
    """What is wrong with the secret of this name, as far as its file tells; empty if nothing is."""
    if name not in secrets.values:
        return secrets.missing(name, "https://...")
    if secrets.values.is_here(name):
        try:
            address(secrets.values[name])
        except ValueError:
            return f"the secret {name} {NOT_A_URL}"
    return ""


def addresses(targets: Sequence[str], secrets: Mapping[str, str]) -> list[Address]:
    """The addresses of ``notify``, with the values of secrets. Raises `ValueError`."""
    return [_of_secret(each, secrets) if is_secret(each) else address(each) for each in targets]


def _of_secret(name: str, secrets: Mapping[str, str]) -> Address:
    if name not in secrets:
        raise ValueError(f"the secret {name} is missing")
    value = secrets[name]
    try:
        return address(value)
    except ValueError:
        raise ValueError(f"the secret {name} {NOT_A_URL}") from None
