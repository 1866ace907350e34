# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop: `web` takes orders, `worker` carries them out, `clock` ticks each second, `migrate` changes the database.

It ends what it has begun when it is told to stop (SIGTERM), as an app should."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg2
import redis

VERSION = os.environ.get("VERSION", "?")
RELEASE = os.environ.get("LUMA_RELEASE", "?")  # set by luma
DATABASE = {"host": "db", "user": "shop", "dbname": "shop", "password": os.environ["POSTGRES_PASSWORD"]}
STOP = threading.Event()
LOCAL = threading.local()
PAGE = """<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Shop</title><style>body {{ font: 1.1em system-ui; margin: 4em auto; max-width: 30em; padding: 0 1em }}</style>
<h1>Shop</h1><p>Version {version}, release {release}, on {host}</p>
<p>{placed} orders, {done} carried out; the clock has ticked {ticks} times</p>
<form method=post action=/orders><button>Order</button></form>"""


def database() -> Any:
    """This thread's connection."""
    if getattr(LOCAL, "connection", None) is None or LOCAL.connection.closed:
        LOCAL.connection = psycopg2.connect(connect_timeout=5, **DATABASE)
        LOCAL.connection.autocommit = True
    return LOCAL.connection


def ask(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database().cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def jobs() -> Any:
    return redis.Redis("queue", socket_timeout=10)


# --- web -------------------------------------------------------------------------------------------------------------


def numbers() -> dict[str, int]:
    ((placed, done, most),) = ask(
        "SELECT count(*), count(*) FILTER (WHERE done > 0), coalesce(max(done), 0) FROM orders"
    )
    ((ticks, twice),) = ask("SELECT count(*), count(*) FILTER (WHERE times > 1) FROM ticks")
    return {"placed": placed, "done": done, "most_often_done": most, "ticks": ticks, "ticked_twice": twice}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open between requests
    wbufsize = -1  # headers and body leave in one packet

    def do_GET(self) -> None:
        if self.path == "/up":
            ask("SELECT 1")
            self.answer(200, "ok\n")
        elif self.path == "/numbers":
            self.answer(200, json.dumps(numbers()))
        elif self.path == "/":
            text = PAGE.format(version=VERSION, release=RELEASE, host=socket.gethostname(), **numbers())
            self.answer(200, text, "text/html")
        else:
            self.answer(404, "not found\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        ((order,),) = ask("INSERT INTO orders (placed_by) VALUES (%s) RETURNING id", RELEASE)
        jobs().rpush("orders", order)
        self.answer(303, f"{order}\n", location="/")

    def answer(self, status: int, text: str, kind: str = "text/plain", location: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def web() -> None:
    server = ThreadingHTTPServer(("", 3000), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    STOP.wait()
    server.shutdown()


# --- worker, clock, migrate ------------------------------------------------------------------------------------------


def worker() -> None:
    queue = jobs()
    while not STOP.is_set():
        job = queue.blpop(["orders"], timeout=1)
        if job:
            # It is this worker's now, and is carried out also if the worker is told to stop meanwhile.
            time.sleep(0.05)
            ask("UPDATE orders SET done = done + 1 WHERE id = %s", int(job[1]))
            print(f"carried out order {int(job[1])}", flush=True)


def clock() -> None:
    while not STOP.wait(1 - time.time() % 1):
        # Two clocks would tick twice in the same second.
        ask(
            "INSERT INTO ticks (second) VALUES (%s) ON CONFLICT (second) DO UPDATE SET times = ticks.times + 1",
            int(time.time()),
        )


def migrate() -> None:
    """What is new in migrations/ is done once, in the order of the names."""
    with psycopg2.connect(**DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1)")
        cursor.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
        for file in sorted(Path(__file__).parent.glob("*.sql")):
            cursor.execute("SELECT 1 FROM migrations WHERE name = %s", [file.name])
            if not cursor.fetchone():
                cursor.execute(file.read_text())
                cursor.execute("INSERT INTO migrations VALUES (%s)", [file.name])
                print(f"migrated {file.name}")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda _number, _frame: STOP.set())
    {"web": web, "worker": worker, "clock": clock, "migrate": migrate}[sys.argv[1]]()


if __name__ == "__main__":
    main()
