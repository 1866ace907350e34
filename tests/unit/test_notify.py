# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others are told what a deployment came to, each in the form that they take, and nothing tells who they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.action import delivery
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.notice import notice
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.report import outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.transaction import Transaction
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.notify import Address, address
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.secrets import notify_addresses
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.shown import settings
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile, compose

from tests.unit.fleet import BROKEN, COMMAND, OK, prepared
from tests.unit.luma_file import mistakes, read, write_secrets
from tests.unit.test_transaction import everywhere, transaction

APPS = "apps:\n  blog:\n    image: my-blog\n"
SLACK = "https://hooks.slack.com/services/T0/B0/s3cret"
RUN = {"by": "me@laptop", "command": COMMAND, "pid_started": "0"}


def told(run: Transaction, failed: bool = False, **ledger: Any) -> dict[str, Any]:
    run = Transaction.read({**run.app, "project": "shop"}, run.as_dict())
    return notice(run, {"outcome": outcome(run), "release": "r2", "before": "r1", **ledger}, RUN, failed)


def deployed() -> Transaction:
    run = transaction()
    run.lock(everywhere(OK))
    run.prepare(everywhere(prepared()), {})
    run.switch(everywhere(OK))
    run.retire(everywhere(OK))
    return run


def test_a_deployment_that_succeeded() -> None:
    document = told(deployed())
    assert document["hosts"][0] == {"host": "web1", "process": "shop-web", "outcome": "deployed", "serves": "r2"}
    assert len(document["hosts"]) == 4
    assert (document["title"], document["failed"]) == ("shop: shop was deployed", False)
    assert document["text"] == f"r1 → r2. Users of shop are served r2 on all 3 hosts. me@laptop: {COMMAND}"
    assert {key: document[key] for key in ("outcome", "release", "previous_release", "by", "command")} == {
        "outcome": "deployed", "release": "r2", "previous_release": "r1", "by": "me@laptop", "command": COMMAND,
    }  # fmt: skip


def test_no_line_of_a_log_is_told() -> None:
    run = transaction()
    run.lock(everywhere(OK))
    with pytest.raises(Exception, match="did not become healthy"):
        run.prepare(everywhere(prepared(), web_web1={**BROKEN, "msg": "blog did not become healthy: s3cret"}), {})
    document = told(run, failed=True, outcome=outcome(run, undone_for=[BROKEN]))
    assert document["title"] == "shop: shop was not deployed"
    assert "s3cret" not in json.dumps(document)


def test_a_hook_that_failed_is_told_of_a_deployment_that_serves() -> None:
    assert told(deployed(), failed=True)["title"] == "shop: shop is deployed, but the probe or a hook failed"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SLACK, "slack"),
        ("https://ntfy.sh/deploys", "ntfy"),
        ("https://ntfy.example.com/deploys?auth=x", "ntfy"),
        ("https://chat.example/hooks/s3cret", "json"),
        ("slack+https://chat.example/hooks/s3cret", "slack"),
        ("ntfy+http://10.0.0.1:8080/deploys", "ntfy"),
        ("json+https://ntfy.sh/deploys", "json"),
    ],
)
def test_the_form_follows_from_the_host_or_is_named(text: str, kind: str) -> None:
    assert address(text).kind == kind
    assert "s3cret" not in str(address(text))


def body_of(request: Request) -> object:
    assert isinstance(request.data, bytes)
    return json.loads(request.data)


def test_each_gets_its_form() -> None:
    document = told(deployed()) | {"text": "r1 <→> r2 & more"}
    slack = delivery.request_of(Address("slack", SLACK), document)
    assert body_of(slack) == {"text": "✅ shop: shop was deployed. r1 &lt;→&gt; r2 &amp; more"}
    ntfy = delivery.request_of(Address("ntfy", "https://me:s%3Acret@ntfy.sh/deploys"), document | {"failed": True})
    assert (ntfy.full_url, ntfy.data) == ("https://ntfy.sh/deploys", "r1 <→> r2 & more".encode())
    assert {"Title": "shop: shop was deployed", "Tags": "x", "Priority": "high"}.items() <= ntfy.headers.items()
    assert ntfy.get_header("Authorization") == "Basic bWU6czpjcmV0"
    plain = delivery.request_of(Address("json", "https://chat.example/"), document)
    assert body_of(plain) == document


def test_a_url_may_be_a_secret_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", "https://chat.example/s3cret")
    write_secrets(tmp_path, f"SLACK_URL={SLACK}\n")
    project = read(tmp_path, f"notify: [SLACK_URL, '${{CHAT}}', https://ntfy.sh/s3cret]\n{APPS}")
    assert project["notify"] is True
    assert "s3cret" not in json.dumps(project)
    found = notify_addresses(str(tmp_path / "luma.yml"))
    assert [each.url for each in found] == [SLACK, "https://chat.example/s3cret", "https://ntfy.sh/s3cret"]
    (shown,) = [each.value for each in settings(compose(str(tmp_path / "luma.yml"))) if each.path == "notify"]
    assert shown == '[SLACK_URL, "${CHAT}", https://ntfy.sh/…]'
    assert read(tmp_path, APPS)["notify"] is False


def test_mistakes_do_not_show_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", "s3cret")
    write_secrets(tmp_path, "WRONG=ftp://chat.example/s3cret\nLATER=$(echo s3cret)\n")
    text = f"notify: ['${{CHAT}}', 'https://', 'http://chat:x/s3cret', MISSING, WRONG, LATER]\n{APPS}"
    found = mistakes(tmp_path, text)
    assert [line.partition(": notify")[2][:30] for line in found] == [
        "[0]: has to be a URL such as h",
        "[1]: has to be a URL such as h",
        "[2]: has to be a URL such as h",
        "[0]: the secret MISSING is mis",
        "[1]: the secret WRONG has to b",
    ]
    assert "add a line MISSING=https://... to .luma/secrets" in found[3]
    # What a command prints is known once it is needed.
    read(tmp_path, f"notify: LATER\n{APPS}")
    with pytest.raises(InvalidFile, match="the secret LATER has to be a URL") as caught:
        notify_addresses(str(tmp_path / "luma.yml"))
    assert "s3cret" not in f"{found}{caught.value}"
