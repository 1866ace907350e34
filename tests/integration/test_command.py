# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The luma command as a user runs it: files, exit codes, what is printed on a terminal and into a pipe, the tab key."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import json_page
from tests.host import APP_IMAGE, PROXY_IMAGE, docker, install
from tests.integration.conftest import Site
from tests.terminal import ENVIRONMENT, SECONDS, Screen, Terminal

ROOT = Path(__file__).parents[2]
LUMA = ROOT / "bin" / "luma"
ESCAPE = "\x1b"


def luma(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LUMA, *arguments],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON document, which has the keys that its page documents, and no value of the environment."""
    made: dict[str, Any] = json.loads(done.stdout)
    assert made["exit_code"] == done.returncode
    keys = json_page.by_command()[made["command"]]
    for path, names in json_page.produced(made):
        assert names == keys[path] | (json_page.common() if path == json_page.TOP else set())
    assert not re.search("plain-value|secret-value", done.stdout)
    return made


@pytest.fixture
def project(site: Site, tmp_path: Path, proxy_options: dict[str, Any]) -> Path:
    """The folder of a project without a luma.yml, whose containers are removed."""
    folder = tmp_path / site.project
    folder.mkdir()
    return folder


def write(folder: Path, **app: Any) -> None:
    """A luma.yml with one app, of the name that `Site` cleans up."""
    values = {"image": APP_IMAGE, "stop_timeout": 1, **app}
    (folder / "luma.yml").write_text(json.dumps({"apps": {"testapp": values}}))


def test_a_project_from_init_to_a_deployment(project: Path, proxy_options: dict[str, Any]) -> None:
    (project / ".gitignore").write_text("node_modules\n")
    first = luma(project, "init")
    assert first.returncode == 0
    assert first.stdout.splitlines() == [
        "[localhost] Wrote luma.yml",
        "[localhost] Wrote .luma/secrets",
        "[localhost] Added .luma/ to .gitignore",
    ]
    assert stat.S_IMODE((project / ".luma").stat().st_mode) == 0o700
    assert stat.S_IMODE((project / ".luma" / "secrets").stat().st_mode) == 0o600
    assert (project / ".gitignore").read_text() == "node_modules\n.luma/\n"

    file = project / "luma.yml"
    filled_in = file.read_text().replace("my-image", APP_IMAGE).replace("server.example.com", "localhost")
    environment = "environment: {plain: {A: plain-value}, secret: [B]}"
    filled_in = filled_in.replace("    # environment:\n", f"    {environment}\n", 1)
    (project / ".luma" / "secrets").write_text("B=secret-value\n")
    file.write_text(f"{filled_in}\nproxy: {json.dumps({'image': PROXY_IMAGE, **proxy_options})}\n")
    before = {each.name: each.read_text() for each in project.rglob("*") if each.is_file()}
    second = luma(project, "init", "--json")
    assert document(second)["changed"] is False
    assert [line.rpartition(" ")[2] for line in document(second)["report"]] == [
        "luma.yml",
        ".luma/secrets",
        ".gitignore",
    ]
    assert {each.name: each.read_text() for each in project.rglob("*") if each.is_file()} == before

    plan = luma(project, "deploy", "--plan")
    assert plan.returncode == 0
    assert plan.stdout.startswith("[localhost] web:\n")
    assert re.search(r"^  color +none → blue$", plan.stdout, re.MULTILINE)
    deployed = document(luma(project, "deploy", "--json"))
    assert (deployed["command"], deployed["changed"], deployed["errors"]) == ("deploy", True, [])
    (app,) = deployed["apps"]
    assert (app["name"], app["outcome"], app["color"], app["hosts"][0]["replicas"]) == ("web", "deployed", "blue", 2)
    (host,) = app["hosts"]
    assert (host["serves"], host["timings"]["commit"] > 0) == (app["release"], True)
    # An app that was taken out of luma.yml.
    labels = ["--label", f"luma.project={project.name}", "--label", "luma.app=old", "--label", "luma.color=blue"]
    docker("create", "--name", f"{project.name}-old-blue", *labels, APP_IMAGE)
    looked_at = document(luma(project, "status", "--json"))
    (status,) = looked_at["apps"]
    assert (status["status"], len(status["hosts"][0]["containers"])) == ("RUNNING", 2)
    assert [(each["name"], each["host"], each["running"]) for each in looked_at["orphans"]] == [("old", "localhost", 0)]
    (recorded,) = document(luma(project, "releases", "--json"))["apps"]
    assert [(each["release"], each["serves"]) for each in recorded["hosts"][0]["releases"]] == [(app["release"], True)]
    again = luma(project, "deploy", "--plan")
    assert again.returncode == 0
    warning, *nothing = again.stdout.splitlines()
    assert warning.startswith("⚠️ old has stopped containers on localhost, but luma.yml has no such app.")
    assert nothing == ["[localhost] Nothing would change: web", "Nothing would change."]


def test_a_deployment_that_fails_gives_1_also_with_ansibles_own_output(project: Path) -> None:
    write(project, command=["false"], health_check={"command": ["true"], "retries": 2, "interval": 0.1})
    failed = luma(project, "deploy", "--verbose")
    assert failed.returncode == 1, failed.stdout
    assert "PLAY RECAP" in failed.stdout


def test_wrong_input_gives_2_and_one_document(project: Path) -> None:
    write(project)
    wrong = luma(project, "deploy", "testap", "--json", ANSIBLE_FORCE_COLOR="true")
    assert wrong.returncode == 2
    errors = ["❌ There is no app testap in luma.yml; did you mean testapp?"]
    assert document(wrong)["errors"] == errors
    assert wrong.stderr.splitlines()[-1:] == errors


def test_an_engine_that_does_not_answer_gives_3(project: Path) -> None:
    write(project)
    silent = luma(project, "deploy", DOCKER_HOST=f"unix://{project}/none.sock")
    assert silent.returncode == 3
    assert "❌ No Docker engine answers at" in silent.stderr


def test_a_host_that_does_not_answer_gives_3(project: Path) -> None:
    write(project, servers=["away"])
    (project / "hosts").write_text("away ansible_host=127.0.0.1 ansible_port=1\n")
    away = luma(project, "-i", "hosts", "deploy", "--quiet")
    assert (away.returncode, away.stdout) == (3, "")
    assert "[away] ❌ cannot be reached:" in away.stderr


@pytest.mark.parametrize("option", ["--inventory", "--vault-password-file"])
def test_what_ansible_itself_refuses_gives_2(option: str, project: Path) -> None:
    write(project)
    refused = luma(project, "deploy", "--json", option, "missing.yml")
    assert refused.returncode == 2
    # Nothing began, and no command has keys of its own.
    made = json.loads(refused.stdout)
    assert set(made) == json_page.common()
    assert "missing.yml" in "".join(made["errors"])
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["color", "none"])
def test_colors_on_a_terminal(project: Path, environment: dict[str, str], colored: bool) -> None:
    write(project)
    terminal = Terminal(str(LUMA), "-c", str(project / "luma.yml"), "deploy", "testap", **environment)
    assert terminal.end() == 2
    assert ("\x1b[0;31m❌ There is no app" in terminal.shown) == colored
    assert "❌ There is no app testap" in terminal.shown


def test_ctrl_c_gives_130(project: Path) -> None:
    write(project, health_check={"path": "/never", "retries": 100})
    terminal = Terminal(str(LUMA), "-c", str(project / "luma.yml"), "deploy")
    terminal.wait_for(r"testapp  prepare \d+ s")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "Ctrl-C: luma finishes or undoes this step" in terminal.shown
    assert "❌ testapp was interrupted. Users of testapp are served nothing yet on localhost." in terminal.shown
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_to_luma_alone_is_a_ctrl_c(project: Path, number: int) -> None:
    write(project, health_check={"path": "/never", "retries": 100})
    command = [str(LUMA), "-c", str(project / "luma.yml"), "deploy"]
    # As where a CI service cancels a job: there is no terminal, and only this process is known.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stderr
        for line in run.stderr:
            if "Prepare the inactive color..." in line:
                break
        run.send_signal(number)
        said = run.stderr.read()
    assert run.returncode == 130
    assert "Ctrl-C: luma finishes or undoes this step" in said


PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Think
      ansible.builtin.command: sleep 2
    - name: Speak
      ansible.builtin.debug:
        msg: thought
"""


def test_each_host_that_works_has_a_live_line_on_a_terminal_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    hosts = "one ansible_connection=local\ntwo ansible_connection=local\n"
    (tmp_path / "hosts").write_text(hosts)
    ansible = Path(sys.executable).with_name("ansible-playbook")
    command = [str(ansible), "-i", str(tmp_path / "hosts"), str(tmp_path / "play.yml")]
    environment = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "NO_COLOR": "1"}
    screen = Screen(24, 80, *command, **environment)
    thinking = [rf". {host}  Think \d s" for host in ("one", "two")]
    screen.wait_until(lambda lines: all(map(re.fullmatch, thinking, lines[-2:])))
    assert screen.end() == 0
    assert "\x1b[0;" not in screen.shown
    # Two hosts are told of in the order in which they end.
    assert sorted(filter(None, screen.lines)) == ["[one] thought", "[two] thought"]


def tab(shell: Terminal, folder: Path) -> None:
    """Type beginnings and have them completed, by real shells."""
    write(folder)
    shell.type(f"cd {folder}; PATH={ROOT}/bin:$PATH; PS1=rea'dy> '\n")
    shell.wait_for("ready> ")
    for typed, completed in (("luma de\t", "deploy"), ("tes\t", "testapp"), ("--pla\t", "--plan")):
        shell.type(typed)
        shell.wait_for(completed)
    shell.kill()


def test_the_tab_key_in_bash(project: Path) -> None:
    shell = Terminal("bash", "--norc", "-i")
    shell.type(f"source {ROOT}/completions/luma.bash\n")
    tab(shell, project)


@pytest.fixture(scope="session")
def zsh() -> str:
    install(zsh="zsh")
    return "zsh"


def test_the_tab_key_in_zsh(zsh: str, project: Path) -> None:
    shell = Terminal(zsh, "-f", "-i")
    shell.type(f"fpath+=({ROOT}/completions); autoload -Uz compinit; compinit -u -D\n")
    tab(shell, project)
