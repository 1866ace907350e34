# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of commands: their names, arguments and help."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

# In a checkout this package lies in bin; a wheel brings it beside the collection.
_BESIDE = Path(__file__).resolve().parents[1]
_INSTALLED = _BESIDE / "ansible_collections" / "luma" / "deploy"
#: The collection that this command belongs to.
ROOT = _INSTALLED if _INSTALLED.is_dir() else _BESIDE.parent
#: Where Ansible finds that one.
COLLECTIONS = _BESIDE if _INSTALLED.is_dir() else ROOT / ".collections"
#: What lets the tab key complete luma, for each shell.
COMPLETIONS = {"bash": ROOT / "completions" / "luma.bash", "zsh": ROOT / "completions" / "_luma"}

# The widest line of a help.
COLUMNS = 100


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
    it does not show Ansible's own output; ``usage`` the line of its help that the arguments alone do not tell;
    ``in_container``: whether a command to be run in a container follows a ``--``."""

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    example: str = ""
    verbose: str = ""
    usage: str | None = None
    in_container: bool = False

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
    def takes(self) -> tuple[str, ...]:
        """Whose names the command takes: those of apps, processes, services."""
        names = {each.settings.get("metavar") for each in self.arguments}
        if "SERVICE" in names:
            return ("services",)
        if "APP" not in names:
            return ()
        if self.name in OF_WHOLE_APPS:
            return ("apps",)
        return ("apps", "processes", "services") if self.name in ALSO_OF_SERVICES else ("apps", "processes")


#: All processes of an app are one release.
OF_WHOLE_APPS = ("build", "deploy", "rollback", "restart")
ALSO_OF_SERVICES = ("exec", "logs")


def apps(**settings: Any) -> Argument:
    return argument("app", metavar="APP", **settings)


APPS = apps(nargs="*", help="the apps; all of luma.yml without a name")
SOME_APPS = apps(nargs="+", help="the apps, or processes of them")
SOME_SERVICES = argument("app", metavar="SERVICE", nargs="+", help="the services")
ONE_APP = apps(nargs="?", help="the app; may be left out if luma.yml has one")
THE_APP = apps(help="the app")

LOG_OPTIONS = (
    argument("-f", "--follow", action="store_true", help="wait for more, until Ctrl-C"),
    argument("-n", "--lines", type=int, metavar="N", help="the last N lines of each container; 100 without it"),
    argument("--since", metavar="TIME", help="all from then on: 10m, 2h or 1d ago, or 2026-11-23T03:57:15Z"),
    argument("--until", metavar="TIME", help="up to then"),
    argument("--grep", metavar="PATTERN", help="only lines with this regular expression in them"),
)

IN_A_CONTAINER = (
    argument("--host", metavar="HOST", help="on this host; the app's first one without it"),
    argument("--replica", type=int, metavar="N", help="in this replica, or as this one has it; the first without it"),
)

ALL = (
    Command("init", "write a commented luma.yml, .luma/secrets and .gitignore, if they are missing"),
    Command(
        "check", "say whether luma.yml is valid and its hosts are ready; changes nothing", (APPS,), "-d staging check"
    ),
    Command("config", "show luma.yml as it is read, with the place of each value"),
    Command("setup", "give the hosts a Docker engine", (APPS,)),
    Command(
        "deploy",
        "replace running apps by the version that luma.yml describes",
        (
            APPS,
            argument("--services", action="store_true", help="deploy the services instead; APP names services"),
            argument("--probe", action="store_true", help="send traffic meanwhile; fail if one request is lost"),
            argument("--report", metavar="FILE", help="with --probe: write what it saw into a page for the browser"),
            argument("--force", action="store_true", help="deploy even if nothing changed"),
            argument("--release", metavar="RELEASE", help="build nothing; deploy what was built as this release"),
            argument("--plan", action="store_true", help="only show what would change"),
            argument("--host", action="append", metavar="HOST", help="only to this host; may be repeated"),
        ),
        "deploy blog --probe",
    ),
    Command("build", "build the images of apps, and push them if there is a registry", (APPS,), "build blog"),
    Command("status", "show what runs; with --verbose each container and the proxy's view", (APPS,), verbose="details"),
    Command(
        "rollback",
        "bring back the previous release, or another one",
        (ONE_APP, argument("--to", dest="release", metavar="RELEASE", help="the release, as luma releases lists it")),
        "rollback blog --to 3f2a9c8",
    ),
    Command(
        "restart", "replace an app's containers by new ones of the release that serves", (ONE_APP,), "restart blog"
    ),
    Command("stop", "finish the requests in flight and stop an app, until luma start", (SOME_APPS,), "stop blog"),
    Command("start", "start an app that was stopped", (SOME_APPS,), "start blog"),
    Command("releases", "list the releases that can be brought back", (ONE_APP,), "releases blog"),
    Command(
        "audit",
        "show who deployed what, when, from where, and what came of it",
        (APPS, argument("-n", "--lines", type=int, metavar="N", help="the last N runs; 20 without it")),
        "audit blog -n 5",
    ),
    Command(
        "logs",
        "show the log lines of apps and services on all hosts",
        (
            apps(nargs="*", help="apps and services; all of luma.yml without a name"),
            *LOG_OPTIONS,
            argument("--hooks", dest="only_hooks", action="store_true", help="only what the hooks of apps wrote"),
            argument("--host", action="append", metavar="HOST", help="only of this host; may be repeated"),
        ),
        "logs blog --since 10m --grep ERROR",
    ),
    Command(
        "exec",
        "run a command in a replica of an app, or in a service; -it for a terminal",
        (apps(help="the app or service"), *IN_A_CONTAINER),
        "exec blog -- ls /srv",
        usage="luma exec [-it] [--host HOST] [--replica N] APP -- COMMAND...",
        in_container=True,
    ),
    Command(
        "run",
        "run a command in a new container of the release that serves; -it for a terminal",
        (THE_APP, *IN_A_CONTAINER),
        "run blog -- bin/rails db:seed",
        usage="luma run [-it] [--host HOST] [--replica N] APP -- COMMAND...",
        in_container=True,
    ),
    Command("lock status", "show who is deploying, on each host", (APPS,)),
    Command(
        "lock release", "release an app's lock on all its hosts, whoever holds it", (THE_APP,), "lock release blog"
    ),
    Command(
        "maintenance on",
        "answer an app's visitors with 503 and a page that says so",
        (THE_APP, argument("--allow", action="append", metavar="ADDRESS", help="serve this address; may be repeated")),
        "maintenance on blog --allow 203.0.113.7",
    ),
    Command("maintenance off", "serve an app's visitors again", (THE_APP,), "maintenance off blog"),
    Command("services status", "show the services, host by host"),
    Command(
        "services restart", "stop services and start them again, as they are", (SOME_SERVICES,), "services restart db"
    ),
    Command(
        "services backup",
        "bring backups of services into files on this machine",
        (
            argument(
                "app", metavar="SERVICE", nargs="*", help="the services; all with backup in luma.yml without a name"
            ),
            argument(
                "-o", "--output", metavar="FILE", help="write the backup of one service there; - for standard output"
            ),
            argument("--host", action="append", metavar="HOST", help="only of this host; may be repeated"),
        ),
        "services backup db",
    ),
    Command("cert status", "show the certificate of each app, and what keeps one from being there", (APPS,)),
    Command("cert renew", "order a new certificate of an app now", (THE_APP,), "cert renew blog"),
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
            argument("--without-https", action="store_true", help="accept that HTTPS is away for a minute"),
            argument("--plan", action="store_true", help="only show what would be taken over"),
        ),
        "takeover --plan",
    ),
    Command("prune", "remove images and containers of this project that no release needs"),
)
COMMANDS = {command.name: command for command in ALL}

#: What these print is all that they are for.
THAT_SHOW = (
    *("audit", "cert status", "config", "exec", "lock status", "logs", "proxy logs", "proxy status", "releases", "run"),
    *("services status", "status"),
)

# The general help, which has to fit on a screen, does not explain them.
IN_SHORT = ("audit", "build", "check", "config", "prune", "releases", "remove", "restart", "start", "stop", "takeover")

GLOBAL_OPTIONS = (
    argument("-c", "--config", metavar="FILE", default="luma.yml"),
    argument("-d", "--environment", metavar="NAME"),
    argument("-i", "--inventory", metavar="INVENTORY", action="append", default=[]),
    argument("-v", "--verbose", action="count", default=0),
    argument("-q", "--quiet", action="store_true"),
    argument("--json", action="store_true"),
    argument("--ask-vault-pass", action="store_true"),
    argument("-K", "--ask-become-pass", action="store_true"),
    argument("--vault-password-file", metavar="FILE"),
    argument("-h", "--help", action="store_true"),
    argument("--version", action="store_true"),
    argument("--completion", metavar="SHELL", choices=COMPLETIONS),
)
HELP = """\
luma deploys web apps in Docker containers without losing a request.
usage: luma COMMAND [APP...] [OPTION...]           more on one: luma COMMAND --help
{commands}

  -c, --config FILE          the file to read instead of ./luma.yml
  -d, --environment NAME     staging: lay luma.staging.yml and .luma/secrets.staging over the others
  -i, --inventory INVENTORY  an Ansible inventory to use beside it; may be repeated
  -v, --verbose              show what Ansible shows; more with -vv and -vvv
  -q, --quiet; --json        print only errors and the last line; one JSON document and nothing else
  --completion SHELL         print what lets the tab key complete luma in bash or zsh
  -h, --help, --version; Ansible's: -K, --ask-become-pass, --ask-vault-pass, --vault-password-file
example: luma deploy blog --probe
exit code: 0 done, 1 failed, 2 wrong input, 3 a host is out of reach, 4 locked, 130 Ctrl-C"""
