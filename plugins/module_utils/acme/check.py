# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a name leads to this app's hosts: what its addresses answer to a challenge of our own.

That is what the CA will ask, so that a name which is not ready costs none of the failures that the CA allows.
"""

from __future__ import annotations

import base64
import errno
import os
import re
import socket
import ssl
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from ansible_collections.luma.deploy.plugins.module_utils.acme.at_once import at_once

TIMEOUT = 5.0
REDIRECTS = 5
LONGEST = 16384
PATH = "/.well-known/acme-challenge/"
#: A host without IPv6 says nothing about an address of IPv6.
NO_ROUTE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
SHOWN = 60


@dataclass(frozen=True)
class Checked:
    """A name. ``unreachable``: nothing answers at any of its addresses. ``problem``: a sentence."""

    passed: bool
    problem: str = ""
    unreachable: bool = False


@dataclass
class Answers:
    """What the addresses of a name have answered."""

    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


def addresses(name: str) -> list[str]:
    """All addresses of a name, of both kinds; none where it has none. Raises `OSError` where the DNS does not say."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as exc:
        if exc.errno == socket.EAI_AGAIN:
            raise
        return []
    except UnicodeError:
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def check(names: t.Sequence[str], thumbprint: str) -> dict[str, Checked]:
    """Checks names at the same time."""
    return dict(zip(names, at_once(lambda name: _check(name, thumbprint), names)))


def _check(name: str, thumbprint: str) -> Checked:
    try:
        found = addresses(name)
    except OSError:
        return Checked(
            False,
            f"The DNS gives this server no answer for {name}: look at the name's records and the server's resolver.",
        )
    if not found:
        return Checked(
            False, f"{name} has no DNS record (A or AAAA): point it to this server, luma then goes on by itself."
        )
    answers = Answers()
    at_once(lambda address: _ask(name, address, thumbprint, answers), found)
    return judge(name, answers)


def judge(name: str, answers: Answers) -> Checked:
    """What the answers of a name's addresses mean for it."""
    if answers.wrong:
        return Checked(
            False,
            f"{name} leads to {answers.wrong[0]}. Point all its DNS records (A and AAAA) to servers of this app.",
        )
    if answers.right:
        return Checked(True)
    silent = answers.silent[0] if answers.silent else "no address that this server has a route to"
    return Checked(
        False,
        f"{name} leads to {silent}. The CA has to reach port 80 there: look at the DNS records and the firewall.",
        unreachable=True,
    )


def _ask(name: str, address: str, thumbprint: str, answers: Answers) -> None:
    token = base64.urlsafe_b64encode(os.urandom(24)).decode()
    try:
        answer = get(name, address, PATH + token)
    except OSError as exc:
        if exc.errno not in NO_ROUTE:
            answers.silent.append(f"{address}, which does not answer on port 80 ({exc.strerror or exc})")
    except ValueError:
        answers.wrong.append(f"{address}, which does not answer by HTTP")
    else:
        if answer == f"{token}.{thumbprint}":
            answers.right.append(address)
        else:
            answers.wrong.append(f"{address}, which answers a challenge with: {_shown(answer)}")


def get(name: str, address: str, path: str) -> str:
    """What an address answers for a name, after redirects, which a CA follows too: the status where it is not 200.
    Raises `OSError`, and `ValueError` where that is not HTTP."""
    url = f"http://{name}{path}"
    for _redirect in range(REDIRECTS):
        parts = urlsplit(url)
        host = parts.hostname or name
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        with _connection(parts.scheme, host, address if host == name else host) as connection:
            status, location, body = _exchange(connection, host, target)
        if status not in (301, 302, 303, 307, 308) or not location:
            return body if status == 200 else f"status {status}"
        url = urljoin(url, location)
    return f"more than {REDIRECTS} redirects"


def _connection(scheme: str, host: str, address: str) -> socket.socket:
    """To the standard port only, as a CA does it."""
    if scheme not in ("http", "https"):
        raise ValueError(scheme)
    connection = socket.create_connection((address, 80 if scheme == "http" else 443), TIMEOUT)
    if scheme == "http":
        return connection
    # A CA does not look at the certificate there: this is how one is got.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise


def _exchange(connection: socket.socket, host: str, target: str) -> tuple[int, str, str]:
    """The status, the location and the body of an answer. The image's Python has no ``http.client``."""
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: luma\r\nConnection: close\r\n\r\n"
    connection.sendall(request.encode("ascii", "replace"))
    answer = b""
    while len(answer) < LONGEST and (chunk := connection.recv(4096)):
        answer += chunk
    if not answer:
        raise ConnectionResetError("it ends the connection")
    head, _end, body = answer.decode("latin-1").partition("\r\n\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})", head)
    if not status:
        raise ValueError("no HTTP")
    if re.search(r"^transfer-encoding:.*chunked", head, re.MULTILINE | re.IGNORECASE):
        # Of a longer answer the first part is enough: a right one is short.
        size, _end, rest = body.partition("\r\n")
        body = rest[: int(size.partition(";")[0], 16)]
    location = re.search(r"^location:[ \t]*(\S+)", head, re.MULTILINE | re.IGNORECASE)
    return int(status.group(1)), location.group(1) if location else "", body.strip()


def _shown(answer: str) -> str:
    first = answer.partition("\n")[0]
    return (first[:SHOWN] + "…" if len(first) > SHOWN else first) or "nothing"
