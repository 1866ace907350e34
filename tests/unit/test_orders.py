# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment leaves on a host for HTTPS: what is kept, what is replaced, and what luma-proxy has to load."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import Https, Orders

BLOG, DOCS = "shop:blog", "shop:docs"
WANTED: dict[str, Any] = {"names": ["blog.com", "www.blog.com"], "dns": None, "thumbprint": "t1", "hosts": 1}
HTTPS = Https(key="KEY1\n", certificate="SELF\n", wanted=WANTED, account_key="ACCOUNT1\n")


class Host:
    """One host's folder. ``marked``: how often luma-proxy had something to load."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.orders = Orders(folder)
        self.marked = 0

    def place(self, https: Https, backend: str = BLOG, check: bool = False) -> bool:
        return self.orders.place(backend, https, check, self._mark)

    def _mark(self) -> None:
        self.marked += 1

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    @property
    def served(self) -> str:
        return self.orders.certificates.read(BLOG)

    def issue(self, pem: str) -> None:
        """As the agent does it."""
        self.orders.certificates.write(BLOG, pem)
        self.orders.certificates.trust(BLOG, ["blog.com"])


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_first_time_and_the_second(host: Host) -> None:
    assert host.place(HTTPS, check=True)
    assert not list(host.folder.iterdir())
    assert host.place(HTTPS)
    assert (host.served, host.marked) == ("KEY1\nSELF\n", 1)
    assert host.text("etc/certs/trusted.map") == ""
    assert host.text("etc/certs/challenges.map") == "blog.com t1\nwww.blog.com t1\n"
    assert json.loads(host.text(f"acme/{BLOG}/wanted.json")) == WANTED
    files = [file for file in host.folder.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert not host.place(replace(HTTPS, certificate="ANOTHER SELF\n"))
    assert host.marked == 1


def test_what_a_ca_has_given_stays(host: Host) -> None:
    host.place(HTTPS)
    host.issue("KEY1\nFROM CA\n")
    assert not host.place(HTTPS)
    assert host.served == "KEY1\nFROM CA\n"
    assert host.text("etc/certs/trusted.map") == f"blog.com {BLOG}\n"


def test_with_another_key_the_earlier_certificate_stays_until_the_agent_has_one(host: Host) -> None:
    host.place(HTTPS)
    host.issue("KEY1\nFROM CA\n")
    assert host.place(replace(HTTPS, key="KEY2\n"))
    assert host.served == "KEY1\nFROM CA\n"
    assert host.text(f"acme/{BLOG}/tls.key") == "KEY2\n"


def test_a_self_signed_one_goes_with_its_key(host: Host) -> None:
    host.place(HTTPS)
    assert host.place(replace(HTTPS, key="KEY2\n"))
    assert (host.served, host.marked) == ("KEY2\nSELF\n", 2)


def test_a_secret_that_was_made_just_now_changes_no_keys(host: Host) -> None:
    host.place(HTTPS)
    more = {**WANTED, "names": ["blog.com"], "thumbprint": "t2"}
    assert host.place(replace(HTTPS, key="KEY2\n", account_key="ACCOUNT2\n", wanted=more, fresh=True))
    kept = json.loads(host.text(f"acme/{BLOG}/wanted.json"))
    assert (kept["names"], kept["thumbprint"]) == (["blog.com"], "t1")
    assert (host.text(f"acme/{BLOG}/account.key"), host.served) == ("ACCOUNT1\n", "KEY1\nSELF\n")


def test_one_of_the_users_own_comes_and_goes(host: Host) -> None:
    own = Https(key="OWN\n", certificate="CHAIN\n", own=True, names=["blog.com"])
    host.place(HTTPS)
    assert host.place(own)
    assert (host.served, host.text("etc/certs/trusted.map")) == ("OWN\nCHAIN\n", f"blog.com {BLOG}\n")
    assert not list((host.folder / "acme" / BLOG).iterdir())
    assert host.place(replace(own, certificate="NEXT\n"))
    assert host.place(HTTPS)
    # Until the agent has another one.
    assert host.served == "OWN\nNEXT\n"
    assert host.place(replace(HTTPS, wanted=None))
    assert (host.served, host.text("etc/certs/trusted.map")) == ("KEY1\nSELF\n", "")


def test_who_proves_names_by_dns_needs_no_answer(host: Host) -> None:
    host.place(replace(HTTPS, wanted={**WANTED, "dns": {"provider": "cloudflare"}}))
    assert host.text("etc/certs/challenges.map") == ""


def test_apps_do_not_disturb_each_other(host: Host) -> None:
    docs = replace(HTTPS, wanted={**WANTED, "names": ["docs.com"], "thumbprint": "t2"})
    host.place(HTTPS)
    host.issue("KEY1\nFROM CA\n")
    host.place(docs, DOCS)
    assert host.text("etc/certs/trusted.map") == f"blog.com {BLOG}\n"
    assert host.text("etc/certs/challenges.map") == "blog.com t1\ndocs.com t2\nwww.blog.com t1\n"
    assert not host.place(HTTPS)
    host.orders.forget(BLOG)
    assert (host.orders.has_any(BLOG), host.orders.has_any(DOCS)) == (False, True)
    assert (host.served, host.text("etc/certs/trusted.map")) == ("", "")
