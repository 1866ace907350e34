# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/shop, as a new user deploys it: from nothing, with a migration while orders come in, and back."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.host import PREFIX, PROXY_IMAGE, ROOT, docker, free_port, proxy_exists, remove_project
from tests.zero_loss.project import Project, luma, wait_for

HOST = "shop.localhost"


class Shop(Project):
    """A copy of the example, as a project of the test's own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{PREFIX}shop", folder / "shop")
        shutil.copytree(ROOT / "examples", folder, dirs_exist_ok=True)
        self.change("luma.yml", "example-shop", self.name)
        if not proxy_exists():
            self.change("luma.yml", "8080", str(free_port()))
            self.change("luma.yml", "8443", str(free_port()))

    def change(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def numbers(self) -> dict[str, int]:
        answer = ask(self, "GET", "/numbers")
        return dict(json.loads(answer[1]))

    def remove(self) -> None:
        super().remove()
        for volume in ("db", "queue"):
            docker("volume", "rm", "--force", f"{self.name}-{volume}")
        for image in set(docker("images", "--quiet", f"{self.name}-shop").split()):
            docker("rmi", "--force", image)


def ask(shop: Shop, method: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(shop.url).netloc, timeout=30)
    try:
        connection.request(method, path, headers={"Host": HOST})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Customers:
    """Order again and again, until the end."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.placed = 0
        self.lost: list[Any] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._order) for _number in range(4)]

    def __enter__(self) -> Customers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _order(self) -> None:
        while not self._ended.wait(0.1):
            try:
                status, text = ask(self.shop, "POST", "/orders")
            except OSError as exc:
                status, text = 0, str(exc)
            self.placed += status == 303
            if status != 303:
                self.lost.append((status, text))


@pytest.fixture
def shop(reserved_host: None, tmp_path: Path) -> Iterator[Shop]:
    remove_project(f"{PREFIX}shop")
    made = Shop(tmp_path)
    yield made
    made.remove()


def test_orders_are_taken_and_each_job_is_done_once(shop: Shop) -> None:
    assert PROXY_IMAGE in (shop.folder / "luma.yml").read_text()
    first = luma(shop, "deploy")
    assert first.code == 0, first.output
    assert "migrated 001_orders.sql" in first.output
    assert "can be read by others" not in first.output
    assert "Version 1" in ask(shop, "GET", "/")[1]
    with Customers(shop) as customers:
        (shop.folder / "migrations" / "002_gift.sql").write_text("ALTER TABLE orders ADD gift boolean DEFAULT false;")
        shop.change("luma.yml", 'VERSION: "1"', 'VERSION: "2"')
        second = luma(shop, "deploy")
        page = ask(shop, "GET", "/")[1]
        back = luma(shop, "rollback", "shop")
    assert second.code == 0, second.output
    assert "migrated 002_gift.sql" in second.output
    assert "Version 2" in page
    assert back.code == 0, back.output
    assert "Version 1" in ask(shop, "GET", "/")[1]
    assert customers.lost == []
    assert customers.placed > 0
    wait_for(lambda: shop.numbers()["done"] == shop.numbers()["placed"], "not all orders are carried out")
    numbers = shop.numbers()
    assert (numbers["placed"], numbers["most_often_done"], numbers["ticked_twice"]) == (customers.placed, 1, 0)
    assert numbers["ticks"] > 0
    assert restored_orders(shop) == str(numbers["placed"])


def restored_orders(shop: Shop) -> str:
    """How many orders a backup has, once it has been brought back into another database."""
    assert luma(shop, "services", "backup").code == 0
    (backup,) = (shop.folder / "backups").iterdir()
    psql = f"docker exec --interactive {shop.name}-db psql --host /tmp --username shop --quiet --tuples-only --no-align"
    for statement in ("CREATE DATABASE restored", backup.read_text(), "SELECT count(*) FROM orders"):
        database = "shop" if statement.startswith("CREATE DATABASE") else "restored"
        done = subprocess.run(
            [*psql.split(), "--set", "ON_ERROR_STOP=1", database],
            input=statement, capture_output=True, text=True, check=True,
        )  # fmt: skip
    return done.stdout.strip()
