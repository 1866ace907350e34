# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several hosts said, as people read it, and which release a rollback chooses."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from ansible.utils import color
from ansible_collections.luma.deploy.plugins.module_utils.proxy.access_log import FIELDS
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Release
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.rollback import (
    CannotRollBack,
    InvalidChoice,
    spec_of,
    target,
    the_app,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.access_log import NO_SERVER
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.log_lines import log_line, log_lines
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.releases import releases
from ansible_collections.luma.deploy.plugins.plugin_utils.overview.status import status

SILENT = {"unreachable": True, "msg": "no route"}


def app(*hosts: str, replicas: int = 2) -> dict[str, Any]:
    hooks = {"pre_deploy": ["check"], "release": ["migrate"], "post_deploy": None, "on_failure": None}
    return {"name": "blog", "hosts": list(hosts), "replicas": replicas, "deploy": {"batch": 1}, "hooks": hooks}


def container(name: str, **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "color": name.split("-")[1],
        "status": "running",
        "running": True,
        "healthy": True,
        "saw": "GET /up answered 200",
        "release": "r1",
        "image_id": "sha256:a1b2",
        "config_hash": "c1",
        "since": "2026-11-22T21:03:04.123456789Z",
        "restarts": 0,
        "sessions": 3,
        **facts,
    }


def exited(name: str) -> dict[str, Any]:
    return container(name, running=False, healthy=False, status="exited")


def look(
    active: str | None, *containers: dict[str, Any], services: Any = (), last: str | None = None
) -> dict[str, Any]:
    found = {"name": "blog", "active": active, "containers": list(containers), "proxy": None, "proxy_problem": ""}
    found["last_release"] = last
    return {"apps": [found], "services": list(services)}


LEFT, AGAIN = "no container is left", "luma deploy blog"
GREEN = look("green", container("blog-green-1"), container("blog-green-2"))


def job(**facts: Any) -> dict[str, Any]:
    """A container that cron starts, which has run once."""
    told = {"schedule": "0 3 * * *", "finished": "2026-11-23T03:00:07.1234Z", "running": False, "status": "exited"}
    return container("blog-blue", **{**told, **facts})


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ({}, ["Status: ✅ RUNNING (blue active)", "Schedule: 0 3 * * *, last run ended 2026-11-23 03:00 UTC"]),
        ({"finished": None}, ["Status: ✅ RUNNING (blue active)", "Schedule: 0 3 * * *, has not run yet"]),
        ({"running": True}, ["Status: ✅ RUNNING (blue active)", "Schedule: 0 3 * * *, runs now"]),
        (
            {"healthy": False, "saw": "its last run ended with exit code 3"},
            [
                "Status: ⚠️ MIXED (blue active; its last run ended with exit code 3: luma logs blog)",
                "Schedule: 0 3 * * *, last run ended 2026-11-23 03:00 UTC",
            ],
        ),
    ],
)
def test_a_job_waits_for_its_time_or_has_failed(facts: dict[str, Any], lines: list[str]) -> None:
    told = status([app("web1", replicas=1)], {"web1": look("blue", job(**facts))}, details=True)["report"]
    assert [line.strip() for line in told[1:3]] == lines


def test_a_job_that_is_stopped_says_how_it_begins_again() -> None:
    found = look("blue", job())
    found["apps"][0]["paused"] = True
    told = status([app("web1", replicas=1)], {"web1": found}, details=False)["report"]
    assert "STOPPED (its schedule is stopped: luma start blog)" in told[1]


def test_a_running_app_is_shown_as_ever() -> None:
    assert status([app("web1")], {"web1": GREEN}, details=False)["report"] == [
        "📱 App: blog",
        "   Status: ✅ RUNNING (green active)",
        "   Replicas: 2/2 running",
        "   Colors: 0 blue, 2 green",
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"web1": GREEN, "web2": GREEN}, "✅ RUNNING (green active)"),
        (
            {"web1": GREEN, "web2": look("blue", container("blog-blue-1"), container("blog-blue-2"))},
            "✅ RUNNING (green active on web1, blue active on web2)",
        ),
        (
            {"web1": GREEN, "web2": look("green", *[container(f"blog-green-{n}", image_id="x") for n in (1, 2)])},
            "⚠️ MIXED (green active; hosts or replicas run different versions)",
        ),
        (
            {"web1": GREEN, "web2": look("green", container("blog-green-1"))},
            "⚠️ MIXED (green active; web2 has 1 replica, luma.yml says 2: luma deploy blog)",
        ),
        (
            {"web1": GREEN, "web2": look("green", *[container(f"blog-green-{n}") for n in (1, 2, 3)])},
            "⚠️ MIXED (green active; web2 has 3 replicas, luma.yml says 2: luma deploy blog)",
        ),
        (
            {"web1": GREEN, "web2": look("green", container("blog-green-1"), container("blog-green-2", healthy=False))},
            "⚠️ MIXED (green active; blog-green-2 unhealthy)",
        ),
        (
            {"web1": GREEN, "web2": look("green", container("blog-green-1"), exited("blog-green-2"))},
            "⚠️ MIXED (green active; blog-green-2 exited)",
        ),
        ({"web1": GREEN, "web2": look(None)}, "⚠️ MIXED (green active on web1, none active on web2)"),
        ({"web1": look(None), "web2": look(None)}, "❌ STOPPED (never deployed)"),
        ({"web1": look(None, last="r1"), "web2": look(None, last="r1")}, f"❌ STOPPED ({LEFT} of release r1: {AGAIN})"),
        ({"web1": look(None, last=""), "web2": look(None)}, f"❌ STOPPED ({LEFT}: {AGAIN})"),
        ({"web1": look("blue", exited("blog-blue-1")), "web2": look(None)}, "❌ STOPPED"),
        (
            {"web1": look(None, container("blog-blue-1")), "web2": look(None)},
            f"❌ STOPPED (no color gets the traffic: {AGAIN})",
        ),
        ({"web1": GREEN, "web2": SILENT}, "❓ UNKNOWN (green active; web2 did not answer)"),
        ({"web1": GREEN, "web2": {"failed": True}}, "❓ UNKNOWN (green active; web2 did not answer)"),
    ],
)
def test_hosts_are_put_together(found: dict[str, Any], expected: str) -> None:
    lines = status([app("web1", "web2")], found, details=False)["report"]
    assert lines[1] == f"   Status: {expected}"


def test_only_healthy_replicas_of_the_active_color_count() -> None:
    found = look("green", container("blog-green-1"), container("blog-green-2", healthy=False), container("blog-blue-1"))
    assert status([app("web1")], {"web1": found}, details=False)["report"][2:] == [
        "   Replicas: 1/2 running",
        "   Colors: 1 blue, 2 green",
    ]


def test_details_tell_of_each_host_and_of_what_is_not_well() -> None:
    measured = container("blog-green-1", cpu_percent=12.34, memory_bytes=45_600_000)
    ill = container("blog-green-2", healthy=False, saw="GET /up answered 503", sessions=None)
    lines = status([app("web1", "web2")], {"web1": look("green", measured, ill), "web2": SILENT}, details=True)[
        "report"
    ]
    row = next(line for line in lines if "blog-green-1" in line and "CONTAINER" not in line)
    assert "12.3 %  45.6 MB  3" in row
    assert "2026-11-22 21:03 UTC" in row
    assert "     blog-green-2: GET /up answered 503" in lines
    assert lines[-1] == "   web2: no route"


def test_services_have_a_line_each() -> None:
    db = {"name": "db", "container": "db", "image": "postgres:16", "running": True, "status": "Up"}
    cache = {"name": "cache", "hosts": ["web1", "web2"]}
    found = {"web1": look(None, services=[db]), "web2": {"unreachable": True}}
    assert status([], found, False, [cache])["report"] == [
        "🧩 Service: db ✅ RUNNING (postgres:16 on web1)",
        "🧩 Service: cache ❌ STOPPED (not created on web1)",
        "🧩 Service: cache ❓ UNKNOWN (web2 did not answer)",
    ]


# --- releases and rollback ----------------------------------------------------------------------------------------


def release(
    name: str, serves: bool = False, config_hash: str = "c1aa", image_id: str = "", replicas: int = 3
) -> dict[str, Any]:
    spec = {
        "replicas": replicas,
        "image": "my-blog",
        "hosts": ["old"],
        "build": {"context": "."},
        "deploy": {"batch": 9},
    }
    id_ = image_id or f"sha256:{name}"
    known = Release(name, "my-blog", id_, config_hash, "2026-11-22T21:03:04+00:00", "me@here", spec)
    more = {"kept_image": f"luma/shop/blog:{name}", "identity": list(known.identity), "serves": serves}
    return {**asdict(known), **more}


def recorded(*known: dict[str, Any], problem: str = "") -> dict[str, Any]:
    return {"apps": [{"name": "blog", "problem": problem, "releases": list(known)}]}


def test_hosts_that_agree_have_one_table() -> None:
    known = recorded(release("r1"), release("r2", serves=True))
    lines = releases([app("web1", "web2")], {"web1": known, "web2": known})["report"]
    assert [line.split()[0] for line in lines] == ["blog", "RELEASE", "r2", "r1"]
    assert lines[2].endswith("2026-11-22 21:03 UTC  me@here  ← serves")


def test_hosts_that_differ_have_one_each() -> None:
    found = {"web1": recorded(release("r1", serves=True)), "web2": recorded(), "web3": SILENT}
    lines = releases([app("web1", "web2", "web3")], found)["report"]
    assert [line for line in lines if not line.startswith(" ")] == ["blog on web1", "blog on web2"]
    assert lines[-1] == "  no release is on record: deploy it"


def chosen(wanted: str, *known: dict[str, Any]) -> str:
    return str(target(app("web1"), wanted, {"web1": recorded(*known)})["release"])


def test_the_previous_release_is_the_newest_that_does_not_serve() -> None:
    assert chosen("", release("r1"), release("r2"), release("r3", serves=True)) == "r2"
    # After a rollback to r2, which is the newest then, it is the one that was left.
    assert chosen("", release("r1"), release("r3"), release("r2", serves=True)) == "r3"
    # A record that could not be written does not hide the one before.
    assert chosen("", release("r1"), release("r2")) == "r2"


def test_a_release_is_chosen_by_name_or_configuration() -> None:
    known = [release("r1", config_hash="c1aa"), release("r1", config_hash="d2bb"), release("r2", serves=True)]
    found = {"web1": recorded(*known)}
    assert target(app("web1"), "r1", found)["config_hash"] == "d2bb"
    assert target(app("web1"), "c1", found)["config_hash"] == "c1aa"
    assert chosen("r2", *known) == "r2"


def test_another_number_of_replicas_is_another_release() -> None:
    found = {"web1": recorded(release("r1", replicas=1), release("r1", serves=True))}
    assert target(app("web1"), "", found)["spec"]["replicas"] == 1


def test_a_host_with_nothing_to_go_back_to_goes_back_with_the_others() -> None:
    both = recorded(release("r1"), release("r2", serves=True))
    found = {"web1": both, "web2": both, "web3": recorded(release("r1", serves=True))}
    assert target(app(), "", found)["release"] == "r1"


def test_most_hosts_do_not_choose_for_the_others() -> None:
    # A run has died with web1 switched: nobody has asked for r0.
    ahead = recorded(release("r0"), release("r1"), release("r2", serves=True))
    behind = recorded(release("r0"), release("r1", serves=True))
    found = {"web1": ahead, "web2": behind, "web3": behind}
    with pytest.raises(CannotRollBack, match="r1 on web1, r0 on web2, r0 on web3"):
        target(app(), "", found)
    assert target(app(), "r1", found)["release"] == "r1"


def test_a_release_that_a_host_has_missed_is_not_passed_over() -> None:
    all_of_them = recorded(release("r1"), release("r2"), release("r3", serves=True))
    missed = recorded(release("r1"), release("r3", serves=True))
    with pytest.raises(CannotRollBack, match="r2 on web1, r2 on web2, r1 on web3"):
        target(app(), "", {"web1": all_of_them, "web2": all_of_them, "web3": missed})


def test_a_host_that_cannot_be_reached_has_no_say() -> None:
    both = recorded(release("r1"), release("r2", serves=True))
    assert target(app(), "", {"web1": {"unreachable": True}, "web2": both})["release"] == "r1"


@pytest.mark.parametrize(
    ("wanted", "found", "complaint"),
    [
        ("", {"web1": recorded()}, "nothing to roll back to: web1 has no release of blog"),
        ("", {"web1": recorded(release("r1", serves=True))}, "nothing to roll back to"),
        ("r9", {"web1": recorded(release("r1"), release("r2"))}, "no release r9 of blog on record; there are: r2, r1"),
        ("", {"web1": recorded(problem="it cannot be read")}, "web1: it cannot be read"),
        ("", {"web1": {"failed": True, "msg": "no Docker SDK"}}, "web1: no Docker SDK"),
        ("", {"web1": {"unreachable": True}}, "No host of blog can be reached"),
        (
            "",
            {"web1": recorded(release("r1")), "web2": recorded(release("r2"))},
            "do not agree on the release that blog would go back to: r1 on web1, r2 on web2",
        ),
    ],
)
def test_why_there_is_no_rollback(wanted: str, found: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CannotRollBack, match=complaint):
        target(app("web1"), wanted, found)


def test_a_rollback_is_of_one_app() -> None:
    with pytest.raises(InvalidChoice, match="has several: blog, blog"):
        the_app([app("web1"), app("web1")])


def test_it_is_deployed_as_it_was_from_the_kept_image_where_luma_yml_says_today() -> None:
    spec = spec_of(release("r1"), app("web1", "web2"), {})
    assert (spec["replicas"], spec["hosts"], spec["build"]) == (3, ["web1", "web2"], None)
    assert (spec["image"], spec["release"]) == ("luma/shop/blog:r1", "r1")
    # No registry knows that name.
    assert spec["pull"] == "missing"
    assert spec["deploy"] == {"batch": 1}


def test_a_rollback_leaves_https_as_it_is() -> None:
    route = {"hosts": ["blog.com"], "hold": 10}
    kept = release("r1")
    spec = {**kept["spec"], "route": {**route, "hold": 5, "ssl": False}, "health_check": {"path": "/up"}}
    https = {"ssl": True, "ssl_redirect": True, "hsts": 0, "own_certificate": True}
    today = {**app("web1"), "route": {**route, **https}, "https": {"names": ["blog.com"]}}
    back = spec_of({**kept, "spec": spec}, today, {})
    assert back["route"] == {**route, "hold": 5, **https}
    assert (back["https"], back["health_check"]) == (today["https"], {"path": "/up", "https": True})


def test_a_rollback_has_the_hooks_of_today_but_migrates_nothing() -> None:
    hooks = spec_of(release("r1"), app("web1"), {})["hooks"]
    assert hooks == {"pre_deploy": ["check"], "release": None, "post_deploy": None, "on_failure": None}


def test_log_lines_are_in_the_order_of_time() -> None:
    def line(second: int, text: str) -> dict[str, str]:
        at = f"2026-11-22T21:03:{second:02}.000000000Z"
        return {"at": at, "container": "blog-blue", "name": "blog", "text": text}

    found = {"web1": {"lines": [line(1, "a"), line(3, "c")]}, "web2": {"lines": [line(2, "b")]}}
    assert log_lines(found)["report"] == [
        "[web1] blog-blue | a",
        "[web2] blog-blue | b",
        "[web1] blog-blue | c",
    ]


REQUEST = {
    **dict.fromkeys(FIELDS, 0),
    "time": "2026-12-01T10:00:00.123Z",
    "client": "203.0.113.7",
    "host": "shop.com",
    "method": "GET",
    "uri": "/cart?id=7",
    "status": 200,
    "bytes": 5120,
    "backend": "shop:web",
    "server": "web1",
    "total_ms": 12,
    "termination": "----",
}
WENT_AWAY = {**REQUEST, "server": NO_SERVER, "termination": "CR--", "status": 400, "bytes": 0}


@pytest.mark.parametrize(
    ("text", "request_", "shown"),
    [
        (
            json.dumps(REQUEST),
            REQUEST,
            "2026-12-01T10:00:00.123Z 203.0.113.7 GET shop.com/cart?id=7 200, 5.1 kB in 12 ms from shop:web/web1",
        ),
        (
            json.dumps(WENT_AWAY),
            WENT_AWAY,
            "2026-12-01T10:00:00.123Z 203.0.113.7 GET shop.com/cart?id=7 400, 0 bytes in 12 ms (CR--)",
        ),
        (json.dumps(REQUEST)[:100], None, json.dumps(REQUEST)[:100]),
        ('{"level": "info"}', None, '{"level": "info"}'),
        ("[NOTICE] (1) : New worker (8) forked", None, "[NOTICE] (1) : New worker (8) forked"),
    ],
    ids=["answered", "went away", "cut", "other JSON", "no JSON"],
)
def test_a_request_of_the_proxy_is_read(text: str, request_: dict[str, Any] | None, shown: str) -> None:
    line = {"at": "2026-12-01T10:00:00.200000000Z", "container": "luma-proxy", "name": "", "text": text}
    found = log_lines({"web1": {"lines": [line]}})
    assert found["lines"] == [{**line, "host": "web1", "request": request_}]
    assert found["report"] == [f"[web1] luma-proxy | {shown}"]
    # What an app writes is its own.
    assert log_lines({"web1": {"lines": [{**line, "container": "blog-blue"}]}})["lines"][0]["request"] is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("blog", "\x1b[0;36m[web1] c |\x1b[0m x"),
        ("db", "\x1b[0;33m[web1] c |\x1b[0m x"),
        # That of the proxy.
        ("", "[web1] c | x"),
    ],
)
def test_each_app_and_service_has_its_color_on_a_terminal(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {"container": "c", "name": name, "text": "x"}
    monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
    assert log_line("web1", line, ["blog", "db"]) == shown
    # There may be more of them than colors.
    assert log_line("web1", {**line, "name": "n23"}, [f"n{number}" for number in range(30)]).endswith(" x")
    monkeypatch.setattr(color, "ANSIBLE_COLOR", False)
    assert log_line("web1", line, ["blog", "db"]) == "[web1] c | x"
