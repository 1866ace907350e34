# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One app of the ACME agent with a moved clock, and with stand-ins for HAProxy, lego, the peers and the DNS."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.acme import state
from ansible_collections.luma.deploy.plugins.module_utils.acme.app import App
from ansible_collections.luma.deploy.plugins.module_utils.acme.check import Checked
from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands
from ansible_collections.luma.deploy.plugins.module_utils.acme.complaints import OrderFailed
from ansible_collections.luma.deploy.plugins.module_utils.acme.decision import DAY, HOUR, SLOT
from ansible_collections.luma.deploy.plugins.module_utils.acme.served import Refused, Shown
from ansible_collections.luma.deploy.plugins.module_utils.acme.tools import Tools
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import Certificate
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.certificates import Certificates

BACKEND = "shop:blog"
BEGIN = 1_890_000_000.0


class X509:
    """Reads certificates that are written as ``NAMES BEGINS KEY``, and keys that are their public ones."""

    def certificate(self, pem: str) -> Certificate | None:
        found = [line.split() for line in pem.splitlines() if line.startswith("cert ")]
        if not found:
            return None
        _cert, names, begins, key = found[0]
        return Certificate(
            chain=" ".join(found[0]) + "\n",
            names=tuple(names.split(",")),
            begins=float(begins),
            expires=float(begins) + 90 * DAY,
            serial=begins,
            issuer="CA",
            authority="CA",
            self_signed=key == "self",
            key=key,
            fingerprint=" ".join(found[0]),
        )

    def public_key(self, private_key: str) -> str:
        return private_key.strip()


class Proxy:
    """HAProxy."""

    def __init__(self, x509: X509) -> None:
        self.x509 = x509
        self.up, self.away, self.refuses = True, False, False
        self.pem = "cert blog.com 1 self\n"
        self.names: set[str] = set()

    def is_up(self, _backend: str) -> bool:
        if self.away:
            raise LumaError("luma-proxy does not answer")
        return self.up

    def certificate(self, _backend: str) -> Shown:
        self.is_up("")
        found = self.x509.certificate(self.pem)
        assert found
        return Shown(list(found.names), found.expires, found.serial, found.issuer, found.fingerprint)

    def load(self, _backend: str, pem: str) -> None:
        self.is_up("")
        if self.refuses:
            raise Refused("luma-proxy refused it")
        self.pem = pem

    def trust(self, _backend: str, names: set[str]) -> bool:
        before, self.names = self.names, set(names)
        return before != names


class Stand:
    """An app on a host, and what happens around it."""

    def __init__(self, folder: Path) -> None:
        self.now = BEGIN
        self.folder = folder / "acme" / BACKEND
        self.folder.mkdir(parents=True)
        self.x509 = X509()
        self.proxy = Proxy(self.x509)
        self.certificates = Certificates(folder / "certs")
        self.bad: dict[str, Checked] = {}
        self.fails: OrderFailed | None = None
        self.orders: list[tuple[float, list[str]]] = []
        self.peers: list[tuple[str, str]] = []
        self.chain = ""
        self.due = True
        with self.certificates.exclusive():
            self.certificates.write(BACKEND, self.proxy.pem)
        self.want()
        self.start()

    def want(self, *names: str, key: str = "key", **more: Any) -> None:
        wanted = {"names": names or ["blog.com", "www.blog.com"], "directory": "https://ca/dir", "thumbprint": "t"}
        (self.folder / "tls.key").write_text(key)
        (self.folder / "wanted.json").write_text(json.dumps({**wanted, **more}))
        os.utime(self.folder / "wanted.json", (self.now, self.now))

    def start(self) -> None:
        """An agent, which may be another one than before."""
        tools: Any = Tools(
            self.certificates,
            self.proxy,  # type: ignore[arg-type]
            Commands(),
            self.x509,  # type: ignore[arg-type]
            lambda: self.now,
            SLOT,
            lambda names, _thumbprint: {name: self.bad.get(name, Checked(True)) for name in names},
        )
        self.app = App(tools, self.folder)
        self.app.lego = self.app.peers = Both(self)  # type: ignore[assignment]

    def obtain(self, _wanted: Any, names: list[str], *_: Any) -> None:
        self.orders.append((self.now, names))
        if self.fails:
            raise self.fails
        self.chain = f"cert {','.join(names)} {self.now} {self.app._look().key}\n"

    def renew(self, wanted: Any, names: list[str], certificate: Certificate, force: bool) -> None:
        self.chain = certificate.chain
        if force or certificate.expires - self.now < 30 * DAY:
            self.obtain(wanted, names)

    def certificates_of_peers(self) -> list[tuple[str, Certificate]]:
        return [(peer, found) for peer, text in self.peers if (found := self.x509.certificate(text))]

    def pass_(self, seconds: float, step: float = 10.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            try:
                self.app.tick()
            except (LumaError, OSError) as exc:
                self.app.journal.trouble(str(exc))

    @property
    def state(self) -> state.State:
        return state.read(self.folder)

    @property
    def served(self) -> tuple[str, ...]:
        found = self.x509.certificate(self.proxy.pem)
        assert found
        return () if found.self_signed else found.names


class Both:
    """What an app calls lego and peers, which are the stand's."""

    def __init__(self, stand: Stand) -> None:
        self.obtain, self.renew = stand.obtain, stand.renew
        self.chain = lambda _main: stand.chain
        self.certificates = lambda _name, _peers: stand.certificates_of_peers()


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


BOTH = ("blog.com", "www.blog.com")
WRONG = Checked(False, "www.blog.com leads to 192.0.2.1.")
SILENT = Checked(False, "Nothing answers.", unreachable=True)


def test_a_first_certificate(stand: Stand) -> None:
    stand.pass_(60)
    assert (stand.served, stand.proxy.names, len(stand.orders)) == (BOTH, set(BOTH), 1)
    assert stand.certificates.trusted(BACKEND) == set(BOTH)
    assert stand.certificates.read(BACKEND).startswith("key\ncert ")
    now = stand.state
    assert (now.names, now.source, now.last_error, now.next_try, now.failures) == (list(BOTH), "ca", "", None, 0)
    stand.pass_(40 * DAY, 2 * HOUR)
    assert len(stand.orders) == 1
    stand.pass_(40 * DAY, 2 * HOUR)
    assert len(stand.orders) == 2


def test_what_a_peer_has_is_not_ordered(stand: Stand) -> None:
    stand.peers = [("192.0.2.9:443", f"cert blog.com,www.blog.com {BEGIN - DAY} key")]
    stand.pass_(60)
    assert (stand.served, stand.state.source, stand.orders) == (BOTH, "peer 192.0.2.9:443", [])


def test_a_user_has_peers_asked_at_once(stand: Stand) -> None:
    stand.peers = [("192.0.2.9:443", f"cert blog.com,www.blog.com {BEGIN - DAY} key")]
    stand.pass_(60)
    (stand.folder / "look").touch()
    stand.pass_(20)
    stand.peers = [("192.0.2.9:443", f"cert blog.com,www.blog.com {BEGIN} key")]
    stand.pass_(20)
    assert (stand.proxy.certificate("").serial, stand.orders) == (str(BEGIN), [])
    assert not (stand.folder / "look").exists()


def test_what_lego_has_got_for_an_agent_that_died_is_taken_up(stand: Stand) -> None:
    stand.chain = f"cert blog.com,www.blog.com {BEGIN - DAY} key"
    stand.pass_(60)
    assert (stand.served, stand.orders) == (BOTH, [])


def test_a_name_that_comes_later(stand: Stand) -> None:
    stand.bad = {"www.blog.com": WRONG}
    stand.pass_(HOUR)
    assert (stand.served, stand.proxy.names, stand.state.last_error) == (("blog.com",), {"blog.com"}, WRONG.problem)
    assert len(stand.orders) == 1
    stand.bad = {}
    stand.pass_(HOUR)
    assert (stand.served, stand.state.last_error, len(stand.orders)) == (BOTH, "", 2)


def test_by_dns_no_name_is_checked(stand: Stand) -> None:
    stand.bad = dict.fromkeys(BOTH, WRONG)
    stand.want(dns={"provider": "exec", "environment": {}})
    stand.pass_(60)
    assert stand.served == BOTH


def test_behind_nat_an_order_is_tried_after_an_hour(stand: Stand) -> None:
    stand.bad = dict.fromkeys(BOTH, SILENT)
    stand.pass_(0.9 * HOUR)
    assert (stand.orders, stand.state.last_error) == ([], "Nothing answers. Nothing answers.")
    stand.start()
    stand.pass_(HOUR)
    assert (len(stand.orders), stand.served) == (1, BOTH)


def test_orders_that_fail_get_rarer_also_over_restarts(stand: Stand) -> None:
    stand.fails = OrderFailed("The CA is away.")
    for _hour in range(48):
        stand.pass_(HOUR, 150)
        stand.start()
    times = [when for when, _names in stand.orders]
    pauses = [round((after - before) / SLOT) for before, after in itertools.pairwise(times)]
    assert pauses == [1, 2, 4, 8, 16, 32, 48, 48]
    assert (stand.state.last_error, stand.state.failures) == ("The CA is away.", 9)
    stand.fails = None
    stand.pass_(12 * HOUR, 150)
    assert (stand.served, stand.state.last_error, stand.state.next_try) == (BOTH, "", None)


@pytest.mark.parametrize(("until", "hours"), [(BEGIN + 50 * HOUR, 50), (0.0, 24)])
def test_a_rate_limit_is_kept_to_whatever_is_deployed(stand: Stand, until: float, hours: int) -> None:
    stand.fails = OrderFailed("Too many.", limited=True, until=until)
    stand.pass_(60)
    stand.want("blog.com", "www.blog.com", "new.blog.com")
    stand.start()
    stand.pass_((hours - 1) * HOUR, 150)
    assert len(stand.orders) == 1
    stand.pass_(2 * HOUR, 150)
    assert len(stand.orders) == 2


def test_a_name_that_the_ca_refuses_does_not_take_the_others(stand: Stand) -> None:
    stand.fails = OrderFailed("Not www.blog.com.", names=["www.blog.com"])
    stand.pass_(60)
    stand.fails = None
    stand.pass_(SLOT)
    assert (stand.served, "could not validate www.blog.com" in stand.state.last_error) == (("blog.com",), True)
    stand.fails = OrderFailed("Not www.blog.com.", names=["www.blog.com"])
    stand.pass_(2 * DAY, 300)
    assert len(stand.orders) < 12
    assert set(stand.served) == {"blog.com"}
    stand.fails = None
    stand.pass_(DAY, 300)
    assert set(stand.served) == set(BOTH)


def test_a_new_key_and_another_ca_get_new_certificates(stand: Stand) -> None:
    stand.pass_(60)
    stand.want(key="key2")
    stand.pass_(60)
    assert (len(stand.orders), stand.proxy.pem.splitlines()[0]) == (2, "key2")
    stand.want(key="key2", directory="https://other/dir")
    stand.pass_(60)
    assert (len(stand.orders), stand.served) == (3, BOTH)


def test_a_user_asks_once(stand: Stand) -> None:
    stand.fails = OrderFailed("Too many.", limited=True)
    stand.pass_(60)
    stand.fails = None
    (stand.folder / "renew").touch()
    stand.pass_(60)
    assert (len(stand.orders), stand.served) == (2, BOTH)
    (stand.folder / "renew").touch()
    stand.pass_(60)
    assert len(stand.orders) == 3
    assert not (stand.folder / "renew").exists()


def test_only_the_host_whose_turn_it_is_orders(stand: Stand) -> None:
    stand.want(rank=1, hosts=2)
    stand.pass_(SLOT - 10)
    assert (stand.orders, stand.state.failures) == ([], 0)
    stand.pass_(2 * SLOT)
    assert [int(when // SLOT) % 2 for when, _names in stand.orders] == [1]


def test_nothing_is_ordered_while_the_app_is_down(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand.proxy.up = False
    stand.pass_(HOUR)
    assert stand.orders == []
    assert stand.state.last_error.startswith("No replica of the app serves yet")
    assert capsys.readouterr().out.count("No replica") == 1
    stand.proxy.up = True
    stand.pass_(60)
    assert (stand.served, stand.state.last_error) == (BOTH, "")


def test_a_proxy_that_is_away_or_began_anew_serves_what_is_on_disk(stand: Stand) -> None:
    stand.pass_(60)
    stand.proxy.away = True
    stand.pass_(120)
    assert stand.state.last_error == "luma-proxy does not answer"
    stand.proxy.away, stand.proxy.pem, stand.proxy.names = False, "cert blog.com 1 self\n", set()
    stand.pass_(70)
    assert (stand.served, stand.proxy.names, stand.state.last_error, len(stand.orders)) == (BOTH, set(BOTH), "", 1)


def test_what_the_proxy_refuses_is_put_back(stand: Stand) -> None:
    before = stand.certificates.read(BACKEND)
    stand.proxy.refuses = True
    stand.pass_(60)
    assert stand.certificates.read(BACKEND) == before
    assert (stand.state.last_error, len(stand.orders)) == ("luma-proxy refused it", 1)


def test_on_a_full_disk_nothing_is_ordered(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    stand.bad = dict.fromkeys(BOTH, WRONG)
    stand.pass_(60)
    stand.bad = {}
    with monkeypatch.context() as patch:
        patch.setattr(state, "write", full)
        stand.pass_(HOUR)
        stand.start()
        stand.pass_(HOUR)
    assert stand.orders == []
    stand.pass_(60)
    assert stand.served == BOTH


def test_a_certificate_that_runs_out_is_not_trusted(stand: Stand) -> None:
    stand.pass_(60)
    stand.fails = OrderFailed("The CA is away.")
    stand.pass_(91 * DAY, 2 * HOUR)
    assert (stand.proxy.names, stand.certificates.trusted(BACKEND)) == (set(), set())
    stand.fails = None
    stand.pass_(DAY, 300)
    assert stand.proxy.names == set(BOTH)
