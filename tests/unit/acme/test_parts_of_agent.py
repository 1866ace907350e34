# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent makes of what others say: modules, the DNS, addresses, lego, openssl, HAProxy."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.acme import check, complaints, served, state, wanted, x509
from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands, Done
from ansible_collections.luma.deploy.plugins.module_utils.acme.complaints import OrderFailed, complaint
from ansible_collections.luma.deploy.plugins.module_utils.acme.peers import Peers
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

TEXT = {"names": ["Blog.com", "www.blog.com"], "directory": "https://ca/dir", "thumbprint": "t"}
WANTED = wanted.parse(json.dumps({**TEXT, "eab": {"kid": "kid-1", "hmac": "very secret"}}))
PREFIX = "2026/11/26 15:16:16 "


# --- wanted.json and state.json -----------------------------------------------------------------------------------


def test_what_is_wanted() -> None:
    assert (WANTED.names, WANTED.rank, WANTED.hosts, WANTED.eab) == (
        ("blog.com", "www.blog.com"),
        0,
        1,
        ("kid-1", "very secret"),
    )
    dns = {"provider": "exec", "environment": {"EXEC_PATH": "/x"}}
    assert wanted.parse(json.dumps({**TEXT, "names": ["*.blog.com"], "dns": dns})).dns == "exec"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        "{}",
        {"names": []},
        {"rank": 1},
        {"names": ["*.blog.com"]},
        {"names": ["-x"]},
        {"eab": {"kid": "hush"}},
    ],
)
def test_a_broken_wish_is_told_without_what_is_in_it(wrong: Any) -> None:
    text = wrong if isinstance(wrong, str) else json.dumps({**TEXT, **wrong})
    with pytest.raises(LumaError) as caught:
        wanted.parse(text)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("damage", ["", "[]", '{"next_try": "soon"}', '{"failures": "x"}', '{"expires": 3}'])
def test_a_broken_state_is_an_empty_one(tmp_path: Path, damage: str) -> None:
    (tmp_path / state.FILE).write_text(damage)
    assert state.read(tmp_path) == state.State()


def test_failures_survive_a_restart(tmp_path: Path) -> None:
    before = state.State()
    before.failed(state.ORDER, "It failed.", 1000.0, 2000.0)
    state.write(tmp_path, before)
    after = state.read(tmp_path)
    assert after == before
    assert after.waits(1999)
    assert not after.waits(2000)


# --- names --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> Iterator[list[str]]:
    """A server on the port that is asked, which gives these answers; ``TOKEN`` stands for what was asked for."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = socket.create_connection

        def redirected(_address: Any, timeout: float) -> socket.socket:
            return connect(server.getsockname(), timeout)

        def serve() -> None:
            for answer in answers:
                connection, _peer = server.accept()
                with connection:
                    asked.append(connection.recv(9999).decode())
                    token = asked[-1].split()[1].rpartition("/")[2]
                    connection.sendall(answer.replace("TOKEN", token).encode())

        threading.Thread(target=serve, daemon=True).start()
        with monkeypatch.context() as patch:
            patch.setattr(socket, "create_connection", redirected)
            patch.setattr(check, "addresses", lambda _name: ["192.0.2.1"])
            yield asked


def found(name: str = "blog.com") -> check.Checked:
    return check.check([name], "THUMB")[name]


CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n26\r\nTOKEN.THUMB\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", ["HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\nTOKEN.THUMB\n", CHUNKED])
def test_a_name_that_leads_here(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with answering(monkeypatch, answer) as asked:
        assert found() == check.Checked(True)
    assert asked[0].startswith("GET /.well-known/acme-challenge/")
    assert "\r\nHost: blog.com\r\n" in asked[0]


def test_redirects_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = "HTTP/1.1 301 Moved\r\nlocation: http://blog.com/.well-known/acme-challenge/TOKEN\r\n\r\n"
    with answering(monkeypatch, moved, "HTTP/1.1 200 OK\r\n\r\nTOKEN.THUMB") as asked:
        assert found().passed
        assert len(asked) == 2
    with answering(monkeypatch, *[moved] * 5):
        assert "more than 5 redirects" in found().problem


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "answers a challenge with: status 404"),
        ("HTTP/1.1 200 OK\r\n\r\nTOKEN.OTHER", ".OTHER"),
        ("SSH-2.0\r\n", "does not answer by HTTP"),
        ("HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n\r\n", "does not answer by HTTP"),
    ],
)
def test_a_name_that_leads_elsewhere(monkeypatch: pytest.MonkeyPatch, answer: str, words: str) -> None:
    with answering(monkeypatch, answer):
        one = found()
    assert (one.passed, one.unreachable) == (False, False)
    assert one.problem.startswith("blog.com leads to 192.0.2.1, which")
    assert words in one.problem


def test_an_address_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "addresses", lambda _name: ["127.0.0.1"])

    def refused(*_: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refused)
    one = found()
    assert one.unreachable
    assert "127.0.0.1, which does not answer on port 80 (Connection refused)" in one.problem


def test_answers_of_several_addresses() -> None:
    right, wrong, silent = ["1.1.1.1"], ["2.2.2.2, which lies"], ["3.3.3.3, which is silent"]
    assert check.judge("blog.com", check.Answers(right, [], silent)).passed
    assert not check.judge("blog.com", check.Answers(right, wrong, [])).passed
    # Nothing but addresses to which there is no route.
    assert check.judge("blog.com", check.Answers()).unreachable


def test_a_host_without_ipv6_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    answers = check.Answers()
    check._ask("blog.com", "2001:db8::1", "THUMB", answers)
    assert answers == check.Answers()


@pytest.mark.parametrize(
    ("error", "words"), [(socket.EAI_NONAME, "has no DNS record"), (socket.EAI_AGAIN, "no answer for")]
)
def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch, error: int, words: str) -> None:
    def lookup(*_: Any, **__: Any) -> None:
        raise socket.gaierror(error, "")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert words in found().problem


# --- lego ---------------------------------------------------------------------------------------------------------


def complained(*lines: str) -> OrderFailed:
    return complaint("\n".join(PREFIX + line for line in lines), WANTED, WANTED.names)


def test_a_name_that_the_ca_does_not_validate() -> None:
    error = complaint(
        f"{PREFIX}[INFO] [blog.com] acme: Trying to solve HTTP-01\n{PREFIX}Could not obtain certificates:\n"
        "\terror: one or more domains had a problem:\n[www.blog.com] invalid authorization: acme: error: 403 :: "
        "urn:ietf:params:acme:error:unauthorized :: 192.0.2.1: Invalid response from http://www.blog.com: 404\n",
        WANTED,
        WANTED.names,
    )
    assert str(error) == (
        "The CA could not validate www.blog.com: 192.0.2.1: Invalid response from http://www.blog.com: 404."
    )
    assert (error.names, error.limited) == (["www.blog.com"], False)


def test_a_rate_limit_with_and_without_its_end() -> None:
    problem = (
        "Could not obtain: acme: error: 429 :: urn:ietf:params:acme:error:rateLimited :: too many certificates (5)"
    )
    error = complained(problem + ", retry after 2026-11-28 17:02:30 UTC: see https://letsencrypt.org/docs")
    assert (error.limited, state.iso(error.until)) == (True, "2026-11-28T17:02:30+00:00")
    assert "too many certificates (5)" in str(error)
    assert (complained(problem).limited, complained(problem).until) == (True, 0.0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "Could not create client: get directory at 'https://ca/dir': Get x: dial tcp 1.2.3.4:443: connect: "
            "connection refused",
            "The CA at https://ca/dir does not answer: connection refused.",
        ),
        (
            "Could not create client: get directory at 'https://ca/dir': tls: failed to verify certificate: x509: "
            "certificate signed by unknown authority",
            "acme_ca_file",
        ),
        (
            "acme: error: 403 :: urn:ietf:params:acme:error:externalAccountRequired :: no External account binding",
            "acme_eab",
        ),
        ("panic: no memory", "The order failed: no memory."),
        ("", "lego says nothing"),
    ],
)
def test_other_complaints(line: str, words: str) -> None:
    assert words in str(complained(line))


def test_a_refused_name_is_known_and_no_secret_is_told() -> None:
    problem = 'acme: error: 400 :: urn:ietf:params:acme:error:rejectedIdentifier :: Not for "www.blog.com": very secret'
    error = complained(problem)
    assert error.names == ["www.blog.com"]
    assert "very secret" not in str(error)
    assert str(error).endswith("***.")
    assert len(str(complained("x" * 9999))) < complaints.LONGEST + 50


# --- programs, openssl, HAProxy -----------------------------------------------------------------------------------


def test_a_program_that_hangs_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(LumaError, match=r"did not finish within 0\.2 seconds"):
        Commands().run(["sh", "-c", "sleep 60 & wait"], 0.2)
    assert time.monotonic() - began < 30


def test_the_end_ends_what_runs_and_starts_nothing() -> None:
    commands = Commands()
    thread = threading.Thread(target=commands.run, args=(["sleep", "60"], 60))
    thread.start()
    while not commands._running:
        time.sleep(0.01)
    commands.end()
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(LumaError):
        commands.run(["true"], 5)


def test_a_program_that_is_missing() -> None:
    with pytest.raises(LumaError, match="lego-that-is-not cannot be started"):
        Commands().run(["lego-that-is-not"], 5)


SUBJECT = "/O=Me, Myself/CN=blog.com"


def self_signed(names: str) -> tuple[str, str]:
    """A key and a certificate."""
    commands = Commands()
    key = commands.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], 20).output
    key = key[key.index("-----BEGIN") :]
    made = commands.run(
        [
            *["openssl", "req", "-x509", "-key", "/dev/stdin", "-days", "9", "-subj"],
            "/O=Me, Myself/CN=blog.com",
            "-addext",
            names,
        ],
        20,
        key,
    )
    return key, made.output


def test_a_certificate_as_openssl_tells_it() -> None:
    key, pem = self_signed("subjectAltName=DNS:blog.com,DNS:*.blog.com")
    reader = x509.X509(Commands())
    one = reader.certificate(key + pem)
    assert one
    assert (one.names, one.self_signed, one.authority) == (("blog.com", "*.blog.com"), True, "Me, Myself")
    assert one.issuer == "Me, Myself blog.com"
    assert one.lifetime == 9 * 86400
    assert abs(one.begins - time.time()) < 60
    assert one.key == reader.public_key(key)
    assert one.covered(["blog.com", "WWW.blog.com", "a.b.blog.com", "other.com", "*.blog.com"]) == {
        "blog.com",
        "WWW.blog.com",
        "*.blog.com",
    }
    assert reader.certificate("nothing") is None
    with pytest.raises(LumaError, match="no certificate in PEM"):
        reader.certificate(pem + "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    with pytest.raises(LumaError, match="no private key in PEM"):
        reader.public_key("rubbish")


SHOWN = """Filename: /etc/luma/certs/shop:blog.pem
Status: Used
Serial: 749CE71FE98D1224
notBefore: Nov 26 15:16:44 2026 GMT
notAfter: Feb  4 15:16:43 2027 GMT
Subject Alternative Name: DNS:blog.com, DNS:www.blog.com
SHA1 FingerPrint: 401A6228C0CA4408384454DFFBDBF25A16EA2C12
Subject:
Issuer: /C=US/O=Let's Encrypt/CN=E7
"""


def test_a_certificate_as_haproxy_shows_it() -> None:
    shown = served.parse(SHOWN)
    assert shown
    assert (shown.names, shown.serial, shown.issuer) == (
        ["blog.com", "www.blog.com"],
        "749CE71FE98D1224",
        "Let's Encrypt E7",
    )
    assert state.iso(shown.expires) == "2027-02-04T15:16:43+00:00"
    assert served.parse("Can't display the certificate: Not found or the certificate is a bundle!\n") is None


@pytest.mark.parametrize(("status", "found"), [(0, 1), (1, 0)])
def test_a_peer_is_believed_only_after_a_whole_handshake(status: int, found: int) -> None:
    """Anybody can show a chain with our public key in it."""

    class Shows(Commands):
        def run(self, arguments: Any, *_: Any, **__: Any) -> Done:
            assert arguments[arguments.index("-servername") + 1] == "www.localhost"
            return Done(status, "a chain")

    class Reads:
        def certificate(self, text: str) -> str:
            return text

    peers = Peers(Shows(), Reads())  # type: ignore[arg-type]
    assert len(peers.certificates("*.localhost", ["192.0.2.1:443"])[:1]) == found
