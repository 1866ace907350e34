# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come to an app: only digests of it leave the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.proxy.logins import digest
from ansible_collections.luma.deploy.plugins.plugin_utils.action.login_arguments import with_logins


def completed(folder: Path, secrets: str, *names: str) -> dict[str, Any]:
    (folder / ".luma").mkdir()
    (folder / ".luma" / "secrets").write_text(secrets)
    given = {"project": "shop", "app": "web", "route": {"hosts": ["*"], "basic_auth": list(names)}}
    return with_logins(given, str(folder / "luma.yml"))


def test_a_host_gets_digests_of_all_lines(tmp_path: Path) -> None:
    made = completed(tmp_path, "ONE=ann:a:b\nMORE='bob:x\n\n zoë:y'\n", "ONE", "MORE")
    assert made["route"]["logins"] == [digest("shop:web", login) for login in ("ann:a:b", "bob:x", "zoë:y")]
    assert "ann" not in str(made)


@pytest.mark.parametrize(
    ("secrets", "mistake"),
    [
        ("ONE=ann\n", "the secret ONE has to be USER:PASSWORD"),
        ("ONE=ann:\n", "the secret ONE has to be USER:PASSWORD"),
        ("ONE=\n", "the secret ONE has to be USER:PASSWORD"),
        ("TWO=ann:a\n", "the secret ONE is missing"),
        ("ONE=$(exit 3)\n", "ONE"),
    ],
)
def test_nothing_is_sent_where_a_secret_is_no_login(tmp_path: Path, secrets: str, mistake: str) -> None:
    with pytest.raises(AnsibleActionFail, match=f"proxy.basic_auth: .*{mistake}.*Nothing was changed"):
        completed(tmp_path, secrets, "ONE")


def test_a_route_without_logins_is_left_alone() -> None:
    assert with_logins({"app": "web", "route": {"hosts": ["*"]}}, None) == {"app": "web", "route": {"hosts": ["*"]}}
    assert with_logins({"app": "web"}, None) == {"app": "web"}
