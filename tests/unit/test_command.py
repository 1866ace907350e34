# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The luma command: what its arguments mean, its help, its suggestions and what the tab key offers."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.names import COMMANDS as RESERVED
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document_shapes import SCHEMA
from luma_command.arguments import Request, option_names, refuse_to_ask_nobody, request_of
from luma_command.commands import COMMANDS, GLOBAL_OPTIONS, UsageError
from luma_command.completion import complete, names_in
from luma_command.playbook import ansible_arguments, ansible_environment, exit_code

ROOT = Path(__file__).parents[2]
# What a command in a container gets of luma's own terminal and input, which tests do not have.
ATTACHED = {"attach": True, "terminal": False, "stdin": False}
SCREEN_LINES, SCREEN_COLUMNS = 24, 100


def asked(text: str) -> Request:
    request = request_of(text.split())
    assert isinstance(request, Request)
    return request


def variables(text: str) -> dict[str, Any]:
    given = dict(asked(text).variables)
    assert given.pop("luma_file") == str(Path.cwd() / "luma.yml")
    return given


def complaint(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        request_of(text.split())
    return str(caught.value)


def ansible(text: str) -> list[str]:
    """What ansible-playbook is given, less the playbook and its variables."""
    playbook, option, given, *rest = ansible_arguments(asked(text))
    assert Path(playbook) == ROOT / "playbooks" / f"{asked(text).command.name}.yml"
    assert (option, json.loads(given)) == ("-e", asked(text).variables)
    return rest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("init", {"app": []}),
        ("setup blog", {"app": ["blog"]}),
        ("deploy", {"app": [], "services": False, "probe": False, "force": False}),
        ("deploy a b --probe", {"app": ["a", "b"], "services": False, "probe": True, "force": False}),
        (
            "deploy --probe --report r.html",
            {"app": [], "services": False, "probe": True, "force": False, "report": "r.html"},
        ),
        ("deploy --force a --services", {"app": ["a"], "services": True, "probe": False, "force": True}),
        ("build a", {"app": ["a"]}),
        (
            "deploy a --release 3f2a9c8",
            {"app": ["a"], "services": False, "probe": False, "force": False, "release": "3f2a9c8"},
        ),
        ("status a b", {"app": ["a", "b"], "details": False}),
        ("status -v", {"app": [], "details": True}),
        ("rollback", {"app": []}),
        ("rollback blog --to 3f2a", {"app": ["blog"], "release": "3f2a"}),
        ("releases blog", {"app": ["blog"]}),
        ("audit", {"app": []}),
        ("audit a b -n 5", {"app": ["a", "b"], "lines": 5}),
        ("lock status", {"app": []}),
        ("lock release blog", {"app": ["blog"]}),
        ("logs blog", {"app": ["blog"], "follow": False, "only_hooks": False}),
        ("logs --hooks", {"app": [], "follow": False, "only_hooks": True}),
        ("logs blog -f -n 5", {"app": ["blog"], "follow": True, "lines": 5, "only_hooks": False}),
        (
            "exec blog -- sh -c ls --json -v",
            {"app": ["blog"], "command": ["sh", "-c", "ls", "--json", "-v"], **ATTACHED},
        ),
        ("exec -ihosts.yml blog -- sh -it", {"app": ["blog"], "command": ["sh", "-it"], **ATTACHED}),
        ("services backup", {"app": []}),
        ("services backup db -o - --host a", {"app": ["db"], "output": "-", "host": ["a"]}),
        ("proxy status", {"app": []}),
        ("proxy logs -n 5", {"app": [], "follow": False, "lines": 5}),
        ("proxy update", {"app": []}),
        ("prune", {"app": []}),
        ("remove blog --yes", {"app": ["blog"], "yes": True}),
        ("remove blog --host a --host b", {"app": ["blog"], "yes": False, "host": ["a", "b"]}),
    ],
)
def test_the_variables_of_each_playbook(text: str, expected: dict[str, Any]) -> None:
    assert variables(text) == expected


def test_options_of_every_command_stand_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    assert asked("-c a/b.yml deploy").variables["luma_file"] == f"{Path.cwd()}/a/b.yml"
    assert asked("deploy x -c /a/b.yml").variables["luma_file"] == "/a/b.yml"
    assert ansible("-i one deploy -i two -vv") == ["-i", "one", "-i", "two", "-v", "-v"]
    assert ansible("deploy -K --ask-vault-pass --vault-password-file=f") == [
        "--ask-vault-pass",
        "--ask-become-pass",
        "--vault-password-file",
        "f",
    ]


def test_quiet_is_for_what_changes_something(tmp_path: Path) -> None:
    assert ansible_environment(asked("deploy -q"), tmp_path)["LUMA_QUIET"] == "true"
    assert "LUMA_QUIET" not in ansible_environment(asked("deploy"), tmp_path)
    assert complaint("logs --quiet") == "luma logs is there to show something: leave out --quiet"
    assert complaint("exec -q blog -- pg_dump") == "luma exec is there to show something: leave out --quiet"
    for other in ("--plan", "--json", "--verbose"):
        assert complaint(f"deploy -q {other}") == f"--quiet and {other} exclude each other: leave out one of them"


def test_each_command_has_a_playbook() -> None:
    assert all(each.playbook.exists() for each in COMMANDS.values())


def test_a_plan_is_ansibles_check_mode_with_differences() -> None:
    assert ansible("deploy --plan") == ["--check", "--diff"]
    assert "plan" not in variables("deploy --plan")


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    refuse_to_ask_nobody(asked("remove blog --yes"))
    refuse_to_ask_nobody(asked("remove blog --plan"))
    with pytest.raises(UsageError, match="no terminal to ask on; to remove without being asked, add --yes"):
        refuse_to_ask_nobody(asked("remove blog"))


def test_details_of_a_status_are_not_ansibles_output() -> None:
    assert ansible("status -v") == []


def test_an_existing_file_is_an_inventory_behind_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "luma.yml"
    file.write_text("apps: {blog: {image: x}}")
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    assert ansible(f"-c {file} deploy -i mine") == ["-i", "mine", "-i", str(file)]
    assert ansible(f"-c {file} deploy") == ["-i", str(file)]
    monkeypatch.setenv("ANSIBLE_INVENTORY", "one,two")
    assert ansible(f"-c {file} deploy") == ["-i", "one", "-i", "two", "-i", str(file)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a command is missing"),
        ("deplyo", "unknown command deplyo; did you mean deploy?"),
        ("xyzzy", "unknown command xyzzy; there are: init, check, config,"),
        ("--jsno deploy", "unknown option --jsno; did you mean --json?"),
        ("deploy --prob", "luma deploy does not take --prob; did you mean --probe?"),
        ("deploy --verbos", "luma deploy does not take --verbos; did you mean --verbose?"),
        ("init blog", "luma init does not take blog"),
        ("deploy -- blog", "luma deploy does not take blog"),
        ("deploy -c", "argument -c/--config: expected one argument"),
        ("cert renew", "the following arguments are required: APP"),
        ("logs blog -n many", "argument -n/--lines: invalid int value: 'many'"),
        ("services backup db -o - --json", "luma services backup --output - and --json both want"),
        ("logs -f --until 1h", "luma logs --follow waits for what comes, and --until is the end"),
        ("logs blog -f --json", "luma logs --follow has no end, and so no JSON document"),
        ("exec blog ls", "luma exec does not take ls"),
        ("exec blog", "luma exec needs -- and a command"),
        ("exec -it blog -- sh", "luma exec -it needs a terminal, and luma has no terminal itself: leave out -it"),
        ("run blog --tty -- sh", "luma run -it needs a terminal, and luma has no terminal itself: leave out -it"),
        ("run blog", "luma run needs -- and a command after the app: luma run blog -- bin/rails db:seed"),
        ("lock release", "the following arguments are required: APP"),
        ("proxy", "luma proxy needs one more word; there are: proxy status, proxy logs, proxy update"),
        ("proxy statsu", "luma proxy needs one more word; there are: proxy status, proxy logs, proxy update"),
    ],
)
def test_what_is_mistyped_is_said_with_what_was_meant(text: str, expected: str) -> None:
    assert complaint(text).startswith(expected)


@pytest.mark.parametrize("words", [[], *([*name.split()] for name in COMMANDS)], ids=" ".join)
def test_help_fits_a_screen_and_has_an_example(words: list[str]) -> None:
    text = request_of([*words, "--help"])
    assert isinstance(text, str)
    lines = text.splitlines()
    assert len(lines) < SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_COLUMNS
    example = re.search("^example: luma (.*)", text, re.MULTILINE)
    assert example
    assert asked(example[1]).command.name.startswith(" ".join(words))


def test_help_names_every_command_and_option() -> None:
    text = str(request_of(["--help"]))
    assert all(re.search(rf" {name}[ ,\n]", text) for name in COMMANDS)
    assert all(name in text for name in option_names(GLOBAL_OPTIONS))


def test_no_app_can_be_called_like_a_command() -> None:
    assert {name.split()[0] for name in COMMANDS} <= set(RESERVED)


def test_the_version_is_that_of_the_collection() -> None:
    assert f"version: {str(request_of(['--version'])).removeprefix('luma ')}\n" in (ROOT / "galaxy.yml").read_text()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, f"{ROOT}/.collections:~/.ansible/collections:/usr/share/ansible/collections"),
        ({"ANSIBLE_COLLECTIONS_PATH": "/mine"}, f"{ROOT}/.collections:/mine"),
        ({"ANSIBLE_CONFIG": "/mine.cfg"}, None),
    ],
)
def test_no_other_version_of_the_collection_comes_before_this_one(
    given: dict[str, str], expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert ansible_environment(asked("status"), tmp_path).get("ANSIBLE_COLLECTIONS_PATH") == expected


def test_completions_are_printed_for_those_who_have_no_checkout() -> None:
    assert f"{request_of(['--completion', 'zsh'])}\n" == (ROOT / "completions" / "_luma").read_text()
    assert "choose from" in complaint("--completion fish")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", list(dict.fromkeys(name.split()[0] for name in COMMANDS))),
        ("de", ["deploy"]),
        ("-c luma.yml dep", ["deploy"]),
        ("deploy ", ["blog", "shop"]),
        ("deploy b", ["blog"]),
        ("deploy blog ", ["shop"]),
        ("deploy --services ", ["db"]),
        ("restart s", ["shop"]),
        ("releases s", ["shop", "shop-web", "shop-job"]),
        ("exec ", ["blog", "shop", "shop-web", "shop-job", "db"]),
        ("services restart ", ["db"]),
        ("deploy --p", ["--probe", "--plan"]),
        ("deploy --j", ["--json"]),
        ("--verb", ["--verbose"]),
        ("deploy -c ", []),
        ("deploy -c lum", []),
        ("init ", []),
        ("proxy ", ["status", "logs", "update"]),
        ("proxy s", ["status"]),
        ("exec blog -- l", []),
        ("nonsense ", []),
    ],
)
def test_the_tab_key(text: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luma.yml").write_text(
        "apps:\n  blog: {image: !vault x}\n  shop: {mistake: 1, processes: {web: {}, job: {}}}\n"
        "services: [{name: db}]\n"
    )
    assert complete(text.split(" ")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apps: {blog: {}, shop: {}}", ["blog", "shop"]),
        ("apps: [{name: blog, image: x}, {image: y, name: shop}]", ["blog", "shop"]),
        ("apps: [", []),
        ("apps:", []),
        ("- 1", []),
        ("", []),
    ],
)
def test_apps_of_any_file(text: str, expected: list[str], tmp_path: Path) -> None:
    file = tmp_path / "luma.yml"
    file.write_text(text)
    assert names_in(str(file), "apps") == expected


def test_apps_of_no_file(tmp_path: Path) -> None:
    assert names_in(str(tmp_path / "luma.yml"), "apps") == []


@pytest.mark.parametrize(
    ("ansible_code", "result", "expected"),
    [
        (0, {"exit_code": 0}, 0),
        (2, {"exit_code": 3}, 3),
        (2, {"exit_code": 0}, 1),
        (1, None, 2),
        (250, {"exit_code": None}, 1),
        (99, {}, 130),
        (-15, {}, 143),
    ],
)
def test_exit_codes(ansible_code: int, result: dict[str, Any] | None, expected: int) -> None:
    assert exit_code(ansible_code, result) == expected


def test_a_usage_error_as_json() -> None:
    done = subprocess.run([ROOT / "bin" / "luma", "deplyo", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "schema": SCHEMA,
        "command": None,
        "exit_code": 2,
        "changed": False,
        "report": [],
        "errors": ["unknown command deplyo; did you mean deploy?"],
        "warnings": [],
    }
