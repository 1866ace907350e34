# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lego says where an order fails, as a sentence for people."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.acme.wanted import Wanted
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: An error of the protocol (RFC 8555, section 6.7), with what the CA says to it.
PROBLEM = re.compile(r"urn:ietf:params:acme:error:(\w+) :: ([^\n]*)")
OF_A_NAME = re.compile(r"^\s*\[([^\]\s]+)\] (.*)$", re.MULTILINE)
RETRY_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", re.IGNORECASE)
#: What begins each line of lego's that is not the end of it.
NOTE = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (\[(INFO|WARN)\] )?")
#: Secrets that are shorter are words, such as "true".
SHORTEST_SECRET = 5
LONGEST = 400


class OrderFailed(LumaError):
    """``limited``: the CA takes no order for a time, which ends at ``until`` if it says so. ``names``: those of the
    order that it was about."""

    def __init__(self, message: str, limited: bool = False, until: float = 0.0, names: t.Sequence[str] = ()) -> None:
        super().__init__(message)
        self.limited = limited
        self.until = until
        self.names = list(names)


def complaint(output: str, wanted: Wanted, ordered: t.Sequence[str]) -> OrderFailed:
    """The error that lego's output means."""
    for secret in sorted(wanted.secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            output = output.replace(secret, "***")
    lines = [line for line in output.splitlines() if not re.search(r"\[(INFO|WARN)\]", line[:30])]
    text = "\n".join(NOTE.sub("", line) for line in lines if "HEADS UP" not in line)
    problem = PROBLEM.search(text)
    if problem and problem.group(1) == "rateLimited":
        return _limited(problem.group(2))
    by_name = {name: words for name, words in OF_A_NAME.findall(text) if name in ordered}
    if by_name:
        return OrderFailed(" ".join(_of_name(name, words) for name, words in by_name.items()), names=list(by_name))
    if "get directory at" in text or "Could not create client" in text:
        return OrderFailed(_away(wanted.directory, text))
    if problem:
        return _refused(problem.group(1), problem.group(2), ordered)
    panic = re.search(r"^panic: (.*)$", text, re.MULTILINE)
    return OrderFailed(f"The order failed: {_short(panic.group(1)) if panic else _last(text)}.")


def _limited(detail: str) -> OrderFailed:
    found = RETRY_AFTER.search(detail)
    until = 0.0
    if found:
        moment = datetime.datetime.fromisoformat(f"{found.group(1)}T{found.group(2)}+00:00")
        until = moment.timestamp()
    return OrderFailed(
        f"The CA takes no order for now, since there were too many: {_short(detail)}. luma tries again by itself.",
        limited=True,
        until=until,
    )


def _of_name(name: str, words: str) -> str:
    problem = PROBLEM.search(words)
    detail = _short(problem.group(2) if problem else words)
    return f"The CA could not validate {name}: {detail}."


def _away(directory: str, text: str) -> str:
    if "x509:" in text or "tls:" in text:
        hint = "Its TLS certificate is not trusted here: acme_ca_file names the CA that is"
    else:
        hint = "Is the address right, and does a firewall let this server out"
    return f"The CA at {directory} does not answer: {_short(text.strip().rpartition(': ')[2])}. {hint}."


def _refused(kind: str, detail: str, ordered: t.Sequence[str]) -> OrderFailed:
    if kind in ("externalAccountRequired", "unauthorized") and "xternal account" in detail:
        return OrderFailed(f"The CA wants an account that it knows (acme_eab): {_short(detail)}.")
    names = [name for name in ordered if f'"{name}"' in detail]
    return OrderFailed(f"The CA refused the order ({kind}): {_short(detail)}.", names=names)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _short(lines[-1]) if lines else "lego says nothing"


def _short(text: str) -> str:
    """One line, without an end of its own."""
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
