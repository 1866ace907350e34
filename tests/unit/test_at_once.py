# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items that are worked on at the same time, by Ansible itself on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.luma.deploy.plugins.action.at_once import at_once

from tests.host import ROOT

MEET = "'touch %s; for turn in $(seq 300); do [ -e %s ] && exit; sleep 0.1; done; exit 1' % (item.name, item.other)"
PAIR = [{"name": "one", "other": "two"}, {"name": "two", "other": "one"}]


def results_of(folder: Path, items: list[dict[str, str]], *before: dict[str, Any], **task: Any) -> dict[str, Any]:
    """What the task registers that runs a command, an expression, for each item in that folder, after other tasks."""
    arguments = {"argv": ["'sh'", "'-c'", task.pop("command", MEET)]}
    at_once = {"module": "ansible.builtin.command", "items": items, "item_var": "item", "arguments": arguments}
    task = {"luma.deploy.at_once": {**at_once, **task.pop("options", {})}, "register": "came_to", **task}
    show = {"ansible.builtin.copy": {"content": "{{ came_to | to_json }}", "dest": str(folder / "came_to")}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [*before, {**task, "ignore_errors": True}, show]}
    play["module_defaults"] = {"ansible.builtin.command": {"chdir": str(folder)}}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    playbook = Path(sys.executable).with_name("ansible-playbook")
    subprocess.run(
        [playbook, str(folder / "play.yml"), "-e", f"ansible_python_interpreter={sys.executable}"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        check=True,
    )
    return dict(json.loads((folder / "came_to").read_text()))


def test_items_are_worked_on_at_the_same_time(tmp_path: Path) -> None:
    """Each of them waits for the other one."""
    came_to = results_of(tmp_path, PAIR)
    assert [(each["item"]["name"], each["rc"]) for each in came_to["results"]] == [("one", 0), ("two", 0)]
    assert (came_to["changed"], came_to["failed"], came_to["skipped"]) == (True, False, False)


def test_one_that_fails_and_one_that_is_not_meant_keep_nobody_from_his_work(tmp_path: Path) -> None:
    items = [{"name": name} for name in ("fails", "is-left-out", "works")]
    came_to = results_of(
        tmp_path,
        items,
        command="'touch ' ~ item.name ~ '; test ' ~ item.name ~ ' != fails'",
        options={"condition": "item.name != 'is-left-out'"},
    )
    failed, left_out, worked = came_to["results"]
    assert (failed["failed"], left_out["skipped"], worked["rc"]) == (True, True, 0)
    assert (came_to["failed"], came_to["changed"], came_to["skipped"]) == (True, True, False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["came_to", "fails", "play.yml", "works"]


def test_a_module_needs_no_action_plugin(tmp_path: Path) -> None:
    options = {"module": "ansible.builtin.ping", "arguments": {"data": "item.name"}}
    (came_to,) = results_of(tmp_path, [{"name": "one"}], options=options)["results"]
    assert came_to["ping"] == "one"


def test_what_a_host_has_said_is_no_expression(tmp_path: Path) -> None:
    said = {"ansible.builtin.command": {"argv": ["echo", "1 + 1"]}, "register": "said"}
    options = {"module": "ansible.builtin.ping", "arguments": {"data": "{{ said.stdout }}"}}
    (came_to,) = results_of(tmp_path, [{"name": "one"}], said, options=options)["results"]
    assert came_to["msg"] == "luma.deploy.at_once evaluates no expression of unknown origin: 1 + 1"


def test_a_process_that_ends_early_is_a_failure() -> None:
    ended, broken, done = at_once([lambda: os._exit(1), lambda: {"one": [][1]}, lambda: {"changed": True}])
    assert done == {"changed": True}
    assert (ended["failed"], broken["failed"]) == (True, True)
    assert "ended before it was done" in ended["msg"]
    assert broken["msg"] == "Unexpected IndexError: list index out of range"
