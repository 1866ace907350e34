# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a notice to all of its addresses at the same time, by HTTP."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.notify import NTFY, SLACK, Address

#: Seconds that a server may be silent.
TIMEOUT = 5.0
#: Seconds until nobody is waited for any more, also for a server that answers byte by byte, or a DNS that does not.
PATIENCE = 10.0
Notice = Mapping[str, Any]


class _NoRedirect(HTTPRedirectHandler):
    """Followed, a POST becomes a GET, and nobody is told."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def deliver(notice: Notice, addresses: Sequence[Address]) -> list[str]:
    """Tell all; returns a line for each address that could not be told, without what may be secret of it."""
    problems = dict.fromkeys(range(len(addresses)), f"did not answer within {PATIENCE:.0f} s")

    def tell(index: int) -> None:
        problems[index] = _post(request_of(addresses[index], notice))

    # Daemons: who is still waited for at the end keeps nobody from ending.
    threads = [threading.Thread(target=tell, args=(index,), daemon=True) for index in problems]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [f"{addresses[index]} {problem}" for index, problem in problems.items() if problem]


def request_of(address: Address, notice: Notice) -> Request:
    """The request in the form that the address takes."""
    headers = {"User-Agent": "luma", "Content-Type": "application/json"}
    if address.kind == SLACK:
        body = json.dumps({"text": _escaped(f"{_sign(notice)} {notice['title']}. {notice['text']}")})
    elif address.kind == NTFY:
        headers |= {"Content-Type": "text/plain; charset=utf-8", "Title": notice["title"], **_importance(notice)}
        body = notice["text"]
    else:
        body = json.dumps(notice, ensure_ascii=False)
    parts = urlsplit(address.url)
    login, _at, host = parts.netloc.rpartition("@")
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(unquote(login).encode()).decode()
    return Request(urlunsplit(parts._replace(netloc=host)), body.encode(), headers, method="POST")


def _sign(notice: Notice) -> str:
    return "❌" if notice["failed"] else "✅"


def _importance(notice: Notice) -> dict[str, str]:
    """ntfy's headers for it: the tags are the names of signs, and phones wake for a high priority."""
    return {"Tags": "x", "Priority": "high"} if notice["failed"] else {"Tags": "white_check_mark"}


def _escaped(text: str) -> str:
    """As Slack wants it of what is no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(request: Request) -> str:
    """Why a request did not succeed; empty if it did. What http.client says of a URL names all of it."""
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT):
            return ""
    except HTTPError as exc:
        return f"answered {exc.code}"
    except OSError as exc:
        return f"cannot be reached: {getattr(exc, 'reason', exc)}"
    except (HTTPException, ValueError) as exc:
        return f"cannot be told: {type(exc).__name__}"
