# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the arguments of the luma command ask for."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import stat
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luma_command.commands import (
    COLUMNS,
    COMMANDS,
    COMPLETIONS,
    GLOBAL_OPTIONS,
    HELP,
    IN_SHORT,
    ROOT,
    THAT_SHOW,
    Argument,
    Command,
    Parser,
    UsageError,
)


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


def request_of(arguments: Sequence[str]) -> Request | str:
    """What the arguments ask for; a text where that is to be printed. Raises `UsageError`."""
    words, after = split(arguments)
    terminal = take_terminal(words)
    options, words = global_parser().parse_known_args(words)
    if options.version:
        return version()
    if options.completion:
        return COMPLETIONS[options.completion].read_text(encoding="utf-8").rstrip()
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
    if command.in_container:
        in_container(variables, command, terminal, after, options.json)
    elif after:
        raise UsageError(f"luma {command.name} does not take {after[0]}")
    refuse_contradictions(command, variables, options.json)
    if options.quiet:
        refuse_loud(command, plan, options)
    if command.verbose:
        variables[command.verbose] = options.verbose > 0
    return Request(command, variables, plan, options)


def refuse_contradictions(command: Command, variables: dict[str, Any], as_json: bool) -> None:
    """Raises `UsageError` where two options exclude each other."""
    reason = ""
    if variables.get("follow") and as_json:
        reason = "--follow has no end, and so no JSON document"
    elif variables.get("follow") and variables.get("until"):
        reason = "--follow waits for what comes, and --until is the end"
    elif variables.get("output") == "-" and as_json:
        reason = "--output - and --json both want the standard output"
    if reason:
        raise UsageError(f"luma {command.name} {reason}: leave out one of them")


def refuse_loud(command: Command, plan: bool, options: argparse.Namespace) -> None:
    """Raises `UsageError` where --quiet has nothing to leave out, or would leave out what is asked for."""
    if command.name in THAT_SHOW:
        raise UsageError(f"luma {command.name} is there to show something: leave out --quiet")
    others = {"--plan": plan, "--json": options.json, "--verbose": options.verbose}
    for other in (name for name, given in others.items() if given):
        raise UsageError(f"--quiet and {other} exclude each other: leave out one of them")


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


def take_terminal(words: list[str]) -> bool:
    """Takes docker's ``-it`` out of the words of a command that knows it, as which it would be read as an inventory t.
    ``-i`` alone is luma's own option: input that is no terminal is handed on anyhow."""
    asked = [word for word in words if re.fullmatch(r"-it|-ti?|--tty|--interactive", word)]
    if not any(name in words for name, command in COMMANDS.items() if command.in_container):
        return False
    for word in asked:
        words.remove(word)
    return bool(asked)


def in_container(request: dict[str, Any], command: Command, terminal: bool, after: list[str], as_json: bool) -> None:
    """Adds what a command in a container gets of the user's: a terminal, or input, if luma itself has it."""
    if not after:
        raise UsageError(f"luma {command.name} needs -- and a command after the app: luma {command.example}")
    if terminal and (as_json or not sys.stdin.isatty()):
        reason = "--json prints one document" if as_json else "luma has no terminal itself"
        raise UsageError(f"luma {command.name} -it needs a terminal, and {reason}: leave out -it")
    request["command"] = after
    if not as_json:
        # Output is seen as it comes, and as it is: it may be a dump.
        request |= {"attach": True, "terminal": terminal, "stdin": not terminal and has_input()}


def has_input() -> bool:
    """Whether luma was given something to read, as in ``luma exec db -- psql < dump.sql``."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


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
    # A line is not to end within a name.
    names = ", ".join(name.replace(" ", "_") for name in in_short)
    several = textwrap.wrap(names, COLUMNS, initial_indent="  ", subsequent_indent="  ")
    several = [line.replace("_", " ") for line in several]
    return HELP.format(commands="\n".join([*single, *several]).rstrip())


def version() -> str:
    lines = (ROOT / "galaxy.yml").read_text(encoding="utf-8").splitlines()
    return "luma " + next(line.split()[1] for line in lines if line.startswith("version:"))
