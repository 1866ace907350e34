# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the arguments of the luma command and runs the playbook of that name, which does everything else."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")

# The widest line of a help.
COLUMNS = 100

FAILED = 1
INVALID_INPUT = 2
INTERRUPTED = 130
# What ansible-playbook exits with after Ctrl-C.
ANSIBLE_INTERRUPTED = 99

# As in plugins/plugin_utils/output/document_shapes.py.
JSON_SCHEMA = 1


class UsageError(Exception):
    """Arguments that cannot be understood."""


class Parser(argparse.ArgumentParser):
    """Raises what argparse would print."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


@dataclass(frozen=True)
class Argument:
    """An argument, as ``add_argument`` takes it; its ``dest`` is the variable of the playbook."""

    flags: tuple[str, ...]
    settings: dict[str, Any]

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(*self.flags, **self.settings)


def argument(*flags: str, **settings: Any) -> Argument:
    return Argument(flags, settings)


@dataclass(frozen=True)
class Command:
    """A command, which is the playbook of its name. ``verbose`` is the playbook's variable that --verbose sets, where
    it does not show Ansible's own output; ``usage`` the line of its help that the arguments alone do not tell."""

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    example: str = ""
    verbose: str = ""
    usage: str | None = None

    @property
    def playbook(self) -> Path:
        return ROOT / "playbooks" / f"{self.name.replace(' ', '_')}.yml"

    @property
    def parser(self) -> Parser:
        parser = Parser(
            prog=f"luma {self.name}",
            usage=self.usage,
            description=f"{self.summary[0].upper()}{self.summary[1:]}.",
            epilog=f"example: luma {self.example or self.name}\n\nOptions of every command: luma --help",
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=COLUMNS),
            allow_abbrev=False,
            add_help=False,
        )
        for each in self.arguments:
            each.add_to(parser)
        return parser

    @property
    def takes_apps(self) -> bool:
        return any(each.settings.get("metavar") == "APP" for each in self.arguments)


def apps(**settings: Any) -> Argument:
    return argument("app", metavar="APP", **settings)


APPS = apps(nargs="*", help="the apps; all of luma.yml without a name")
ONE_APP = apps(nargs="?", help="the app; may be left out if luma.yml has one")
THE_APP = apps(help="the app")

LOG_OPTIONS = (
    argument("-f", "--follow", action="store_true", help="wait for more, until Ctrl-C"),
    argument("-n", "--lines", type=int, metavar="N", help="the last N lines of each container; 100 without it"),
)

ALL = (
    Command("init", "write a commented luma.yml, .luma/secrets and .gitignore, if they are missing"),
    Command("setup", "give the hosts a Docker engine", (APPS,)),
    Command(
        "deploy",
        "replace running apps by the version that luma.yml describes",
        (
            APPS,
            argument("--services", action="store_true", help="deploy the services instead; APP names services"),
            argument("--probe", action="store_true", help="send traffic meanwhile; fail if one request is lost"),
            argument("--force", action="store_true", help="deploy even if nothing changed"),
            argument("--plan", action="store_true", help="only show what would change"),
        ),
        "deploy blog --probe",
    ),
    Command("status", "show what runs; with --verbose each container and the proxy's view", (APPS,), verbose="details"),
    Command(
        "rollback",
        "bring back the previous release, or another one",
        (ONE_APP, argument("--to", dest="release", metavar="RELEASE", help="the release, as luma releases lists it")),
        "rollback blog --to 3f2a9c8",
    ),
    Command("releases", "list the releases that can be brought back", (ONE_APP,), "releases blog"),
    Command(
        "audit",
        "show who deployed what, when, from where, and what came of it",
        (APPS, argument("-n", "--lines", type=int, metavar="N", help="the last N runs; 20 without it")),
        "audit blog -n 5",
    ),
    Command("logs", "show the log lines of all replicas on all hosts", (THE_APP, *LOG_OPTIONS), "logs blog -n 20"),
    Command(
        "exec",
        "run a command in a replica of an app",
        (THE_APP,),
        "exec blog -- ls /srv",
        usage="luma exec APP -- COMMAND...",
    ),
    Command("lock status", "show who is deploying, on each host", (APPS,)),
    Command(
        "lock release", "release an app's lock on all its hosts, whoever holds it", (THE_APP,), "lock release blog"
    ),
    Command("proxy status", "show luma-proxy on each host, and what it serves"),
    Command("proxy logs", "show luma-proxy's log lines", LOG_OPTIONS, "proxy logs -n 20"),
    Command("proxy update", "replace luma-proxy by the image and settings of luma.yml"),
    Command(
        "remove",
        "remove an app, also one that luma.yml no longer names; its volumes stay",
        (
            THE_APP,
            argument("--yes", action="store_true", help="remove it without asking"),
            argument("--plan", action="store_true", help="only show what would be removed"),
            argument("--host", action="append", metavar="HOST", help="only from this host; may be repeated"),
        ),
        "remove blog --plan",
    ),
    Command(
        "takeover",
        "replace what the earlier luma, the TypeScript tool, runs on the hosts",
        (
            argument("--without-https", action="store_true", help="accept that hosts are served over plain HTTP"),
            argument("--plan", action="store_true", help="only show what would be taken over"),
        ),
        "takeover --plan",
    ),
    Command("prune", "remove images and containers of this project that no release needs"),
)
COMMANDS = {command.name: command for command in ALL}

# Needed once: the general help, which has to fit on a screen, does not explain them.
IN_SHORT = ("takeover",)

GLOBAL_OPTIONS = (
    argument("-c", "--config", metavar="FILE", default="luma.yml"),
    argument("-i", "--inventory", metavar="INVENTORY", action="append", default=[]),
    argument("-v", "--verbose", action="count", default=0),
    argument("--json", action="store_true"),
    argument("--ask-vault-pass", action="store_true"),
    argument("-K", "--ask-become-pass", action="store_true"),
    argument("--vault-password-file", metavar="FILE"),
    argument("-h", "--help", action="store_true"),
    argument("--version", action="store_true"),
)
HELP = """\
luma deploys web apps in Docker containers without losing a request.
usage: luma COMMAND [APP...] [OPTION...]           more on one: luma COMMAND --help
{commands}

  -c, --config FILE          the file to read instead of ./luma.yml
  -i, --inventory INVENTORY  an Ansible inventory to use beside it; may be repeated
  -v, --verbose              show what Ansible shows; more with -vv and -vvv
  --json                     print one JSON document and nothing else
  -h, --help, --version; Ansible's: -K, --ask-become-pass, --ask-vault-pass, --vault-password-file

example: luma deploy blog --probe
exit code: 0 done, 1 failed, 2 wrong input, 3 a host is out of reach, 4 locked, 130 Ctrl-C"""


@dataclass(frozen=True)
class Request:
    """What the user wants: a command, the playbook's variables, and the options of every command."""

    command: Command
    variables: dict[str, Any]
    plan: bool
    options: argparse.Namespace

    @property
    def verbosity(self) -> int:
        """How much of Ansible's own output is wanted; 0 for none of it."""
        return 0 if self.command.verbose else int(self.options.verbose)


def read(arguments: Sequence[str]) -> Request | str:
    """What the arguments ask for; a text where that is to be printed. Raises `UsageError`."""
    words, after = split(arguments)
    refuse_terminal(words)
    options, words = global_parser().parse_known_args(words)
    if options.version:
        return version()
    if not words and options.help:
        return general_help()
    command, words = find_command(words)
    if options.help:
        return command.parser.format_help().rstrip()
    values, unknown = command.parser.parse_known_args(words)
    if unknown:
        raise UsageError(f"luma {command.name} does not take {unknown[0]}{option_hint(unknown[0], command)}")
    variables = {name: value for name, value in vars(values).items() if value is not None}
    plan = variables.pop("plan", False)
    app = variables.get("app", [])
    variables |= {"luma_file": str(Path(options.config).absolute()), "app": [app] if isinstance(app, str) else app}
    if command.name == "exec":
        if not after:
            raise UsageError("luma exec needs -- and a command after the app: luma exec blog -- ls /srv")
        variables["command"] = after
    elif after:
        raise UsageError(f"luma {command.name} does not take {after[0]}")
    if options.json and variables.get("follow"):
        raise UsageError(f"luma {command.name} --follow has no end, and so no JSON document: leave out one of them")
    if command.verbose:
        variables[command.verbose] = options.verbose > 0
    return Request(command, variables, plan, options)


def refuse_to_ask_nobody(request: Request) -> None:
    """Raises `UsageError` where a question would come that nobody can answer."""
    asks = request.variables.get("yes") is False and not request.plan
    if asks and (request.options.json or not sys.stdin.isatty()):
        raise UsageError(
            f"luma {request.command.name} asks before it removes anything, and there is no terminal to ask on; "
            "to remove without being asked, add --yes"
        )


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and after a ``--``."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end + 1 :]


def refuse_terminal(words: Sequence[str]) -> None:
    """docker exec's ``-it`` would be read as an inventory t. ``-i`` alone may be luma's own option."""
    asked = next((word for word in words if re.fullmatch(r"-it|-ti?|--tty|--interactive", word)), None)
    if asked and "exec" in words:
        raise UsageError(
            f"luma exec has no terminal and no input yet: it does not take {asked}. On the app's host there is: "
            "docker exec -it CONTAINER sh; luma status --verbose names the containers"
        )


def global_parser() -> Parser:
    parser = Parser(allow_abbrev=False, add_help=False)
    for each in GLOBAL_OPTIONS:
        each.add_to(parser)
    return parser


def find_command(words: Sequence[str]) -> tuple[Command, list[str]]:
    """The command that the first word names, or the first two, and the words behind it."""
    if not words:
        raise UsageError(f"a command is missing; there are: {', '.join(COMMANDS)}")
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return COMMANDS[name], list(words[length:])
    same_group = [name for name in COMMANDS if name.split()[0] == words[0]]
    if same_group:
        raise UsageError(f"luma {words[0]} needs one more word; there are: {', '.join(same_group)}")
    if words[0].startswith("-"):
        raise UsageError(f"unknown option {words[0]}{hint(words[0], option_names(GLOBAL_OPTIONS))}")
    raise UsageError(f"unknown command {words[0]}{hint(words[0], COMMANDS) or '; there are: ' + ', '.join(COMMANDS)}")


def hint(word: str, known: Sequence[str] | dict[str, Command]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def option_hint(word: str, command: Command) -> str:
    return hint(word, option_names((*command.arguments, *GLOBAL_OPTIONS))) if word.startswith("-") else ""


def option_names(arguments: Sequence[Argument]) -> list[str]:
    return [flag for each in arguments for flag in each.flags if flag.startswith("-")]


def general_help() -> str:
    in_short = [name for name in COMMANDS if " " in name or name in IN_SHORT]
    single = [f"  {name:10} {each.summary}" for name, each in COMMANDS.items() if name not in in_short]
    several = [f"  {name}" for name in in_short]
    return HELP.format(commands="\n".join([*single, ",".join(several)]).rstrip())


def version() -> str:
    lines = (ROOT / "galaxy.yml").read_text(encoding="utf-8").splitlines()
    return "luma " + next(line.split()[1] for line in lines if line.startswith("version:"))


def ansible_arguments(request: Request) -> list[str]:
    options = request.options
    arguments = [str(request.command.playbook), "-e", json.dumps(request.variables)]
    for inventory in inventories(options.inventory, request.variables["luma_file"]):
        arguments += ["-i", inventory]
    if options.ask_vault_pass:
        arguments.append("--ask-vault-pass")
    if options.ask_become_pass:
        arguments.append("--ask-become-pass")
    if options.vault_password_file:
        arguments += ["--vault-password-file", options.vault_password_file]
    if request.plan:
        arguments += ["--check", "--diff"]
    return arguments + ["-v"] * request.verbosity


def inventories(given: Sequence[str], luma_file: str) -> list[str]:
    """The user's inventories, and luma.yml after them: what they say about a host wins."""
    configured = [name for name in os.environ.get("ANSIBLE_INVENTORY", "").split(",") if name]
    return [*(given or configured), *([luma_file] if Path(luma_file).exists() else [])]


def ansible_environment(request: Request, result_file: Path) -> dict[str, str]:
    callbacks = [os.environ.get("ANSIBLE_CALLBACKS_ENABLED", ""), "luma.deploy.result"]
    environment = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "default" if request.verbosity else "luma.deploy.luma",
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(filter(None, callbacks)),
        # Else Ansible goes on without an inventory that it cannot read, and would deploy to this machine.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        # The playbook reads luma.yml as well, and says what is wrong with it.
        "LUMA_INVENTORY_INVALID_FILE": "ignore",
        "LUMA_RESULT_FILE": str(result_file),
        # What others are told who find an app locked.
        "LUMA_COMMAND": shlex.join(["luma", *sys.argv[1:]]),
    }
    if os.environ.get("NO_COLOR") or not (sys.stdout.isatty() and sys.stderr.isatty()):
        environment |= {"ANSIBLE_NOCOLOR": "true", "ANSIBLE_FORCE_COLOR": "false"}
    return environment


def run(request: Request) -> int:
    """Runs the playbook; returns the exit code of luma."""
    as_json = request.options.json
    with tempfile.TemporaryDirectory(prefix="luma-") as folder:
        result_file, errors_file = Path(folder, "result"), Path(folder, "errors")
        with errors_file.open("w") as errors:
            ansible = subprocess.Popen(
                [ANSIBLE, *ansible_arguments(request)],
                env=ansible_environment(request, result_file),
                stdout=(sys.stderr if request.verbosity else subprocess.DEVNULL) if as_json else None,
                stderr=errors if as_json else None,
            )
            pass_signals_on(ansible)
            code = ansible.wait()
        result = json.loads(result_file.read_text() or "{}") if result_file.exists() else None
        code = exit_code(code, result)
        if as_json:
            text = errors_file.read_text(encoding="utf-8")
            sys.stderr.write(text)
            if result is None or result.get("exit_code") is None:
                result = {**(result or {}), "errors": text.splitlines()}
            print_document(request.command.name, code, result)
    return code


def pass_signals_on(ansible: subprocess.Popen[bytes]) -> None:
    """Lets Ansible clean up and end. A terminal sends its Ctrl-C to Ansible, too; others know luma's process only."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT or not in_foreground():
            ansible.send_signal(number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, pass_on)


def in_foreground() -> bool:
    """Whether a terminal's Ctrl-C comes to this process, and to all of its process group."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def exit_code(ansible_code: int, result: dict[str, Any] | None) -> int:
    """The exit code that the callback `luma.deploy.result` found out. It has left no file (None) where Ansible refused
    the inventory or the vault's password before it began, and one without an exit code where the run broke off."""
    if ansible_code == ANSIBLE_INTERRUPTED:
        return INTERRUPTED
    if ansible_code < 0:
        return 128 - ansible_code
    if result is None:
        return INVALID_INPUT
    found = result.get("exit_code")
    return FAILED if found is None else int(found) or (FAILED if ansible_code else 0)


def print_document(command: str | None, code: int, result: dict[str, Any]) -> None:
    """Without a result of the callback there are only the keys that all commands have."""
    common = {"schema": JSON_SCHEMA, "command": command, "exit_code": code, "changed": False}
    lines: dict[str, Any] = {"report": [], "errors": [], "warnings": []}
    document = {**common, **({} if "report" in result else lines), **result, "command": command, "exit_code": code}
    print(json.dumps(document, indent=2, ensure_ascii=False))


def complete(words: Sequence[str]) -> list[str]:
    """What the last of these words may become. Nothing where that is a file's name or cannot be known."""
    *before, current = words or [""]
    before, _after = split(before)
    expects_value = {flag for each in GLOBAL_OPTIONS if "metavar" in each.settings for flag in each.flags}
    if "--" in words[:-1] or (before and before[-1] in expects_value):
        return []
    try:
        options, before = global_parser().parse_known_args(before)
        command, _given = find_command(before)
    except UsageError:
        candidates = [name.split()[len(before)] for name in COMMANDS if name.split()[: len(before)] == before]
        return matching(current, [*candidates, *option_names(GLOBAL_OPTIONS)])
    candidates = option_names((*command.arguments, *GLOBAL_OPTIONS))
    if command.takes_apps:
        section = "services" if "--services" in before else "apps"
        candidates += [name for name in names_in(options.config, section) if name not in before]
    return matching(current, candidates)


def matching(current: str, candidates: Sequence[str]) -> list[str]:
    """Options are offered once a dash is there."""
    wanted = [name for name in dict.fromkeys(candidates) if name.startswith("-") == current.startswith("-")]
    return [name for name in wanted if name.startswith(current)]


def names_in(file: str, section: str) -> list[str]:
    """The apps or services of a luma.yml, which may have mistakes; this is not the place to tell them."""
    import yaml  # Takes as long as all the rest of this file, and only the tab key needs it.

    try:
        root: Any = yaml.compose(Path(file).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        found = next(value for key, value in root.value if key.value == section)
        if isinstance(found, yaml.MappingNode):
            return [key.value for key, _entry in found.value]
        return [value.value for entry in found.value for key, value in entry.value if key.value == "name"]
    except (OSError, ValueError, yaml.YAMLError, AttributeError, TypeError, StopIteration):
        return []


def main(arguments: Sequence[str]) -> int:
    # Whoever reads the output may have seen enough, as head does.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if arguments[:1] == ["--complete"]:
        for word in complete(arguments[1:]):
            print(word)
        return 0
    try:
        request = read(arguments)
        if isinstance(request, Request):
            refuse_to_ask_nobody(request)
    except UsageError as error:
        if "--json" in split(arguments)[0]:
            print_document(None, INVALID_INPUT, {"errors": [str(error)]})
        else:
            print(f"luma: {error}\nSee: luma --help", file=sys.stderr)
        return INVALID_INPUT
    if isinstance(request, str):
        print(request)
        return 0
    return run(request)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
