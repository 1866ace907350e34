# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A detour: new connections to published ports go to another container, while the one that holds the ports ends.

Docker gives a published port to one container at a time, so that an exchange of two leaves a gap. But what reaches a
published port is led on by rules of the kernel (iptables, table nat), which look at the first packet of a connection
only. Rules in front of Docker's own lead new connections to another container at once; those that are established
stay where they are. Once the ports have their new container, the rules are taken out again.

Three ways lead to a published port of IPv4: the rules in Docker's chain, for packets from outside; and Docker's process
that listens on the host, for connections from the host itself, and from containers. IPv6 goes by that process only.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: The comment by which the rules are found again, also those that a killed run has left.
COMMENT = "luma-detour"
IPV4, IPV6 = "iptables", "ip6tables"
#: Addresses that stand for all of the host's.
EVERY_ADDRESS = ("", "0.0.0.0", "::")

Run = t.Callable[[t.Sequence[str]], str]


@dataclass(frozen=True)
class Way:
    """From a published ``port`` to the container that is to get its connections: its ``target`` (address and port on
    Docker's network), and the host's port ``by`` which it can be reached on ``address``, too."""

    address: str
    port: int
    by: int
    target: str

    @property
    def tool(self) -> str:
        return IPV6 if ":" in self.address else IPV4


def run_tool(command: t.Sequence[str]) -> str:
    """Runs iptables, or ip6tables; raises `LumaError` where it is missing or refuses."""
    try:
        # Not AnsibleModule.run_command: what is here knows no Ansible.
        # pylint: disable-next=ansible-bad-function
        done = subprocess.run([*command], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError) as exc:
        raise LumaError(f"{command[0]} cannot be run: {exc}") from exc
    if done.returncode:
        raise LumaError(f"{' '.join(command)}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode("utf-8", "replace")


class Detour:
    """The rules of one host. ``run`` runs a command, and returns what it prints."""

    def __init__(self, run: Run = run_tool) -> None:
        self.run = run

    def possible(self, ports: t.Collection[int]) -> bool:
        """Whether Docker leads connections to these published ports by rules that ours can stand in front of. It does
        not where it runs without root, or was told to leave iptables alone."""
        try:
            chain = self._rules(IPV4, "DOCKER")
        except LumaError:
            return False
        led = {word for rule in chain if "DNAT" in rule for word in rule}
        return all(str(port) in led for port in ports)

    def open(self, ways: t.Sequence[Way]) -> None:
        """Leads new connections along these ways; all of them or, where a rule is refused, none. Those of IPv6 are
        left as they are on a host that cannot do it."""
        for way in ways:
            try:
                for rule in self._rules_of(way):
                    self.run([way.tool, "-w", "-t", "nat", *rule])
            except LumaError:
                if way.tool == IPV4:
                    self.close()
                    raise

    def close(self) -> None:
        """Takes the rules out, also those of a run that was killed."""
        for tool in (IPV4, IPV6):
            # A host without the one has no rule of it either.
            with contextlib.suppress(LumaError):
                for rule in self._rules(tool):
                    if COMMENT in rule:
                        self.run([tool, "-w", "-t", "nat", "-D", *rule[1:]])

    def _rules(self, tool: str, *chain: str) -> list[list[str]]:
        """The rules of the table nat, each as the words that add it."""
        lines = self.run([tool, "-w", "-t", "nat", "-S", *chain]).splitlines()
        return [shlex.split(line) for line in lines if line.startswith("-A")]

    def _rules_of(self, way: Way) -> list[list[str]]:
        to_port = ["-p", "tcp", "--dport", str(way.port), "-m", "comment", "--comment", COMMENT]
        redirect = ["-j", "REDIRECT", "--to-ports", str(way.by)]
        local = ["-m", "addrtype", "--dst-type", "LOCAL"]
        address = [] if way.address in EVERY_ADDRESS else ["-d", way.address]
        # Without its process that listens (userland-proxy: false), Docker's chain gets those of the host, too.
        listens = any("DOCKER" in rule and "!" in rule for rule in self._rules(IPV4, "OUTPUT"))
        if not listens and way.tool == IPV6:
            return []
        if way.tool == IPV6:
            return [["-I", chain, "1", *address, *to_port, *local, *redirect] for chain in ("PREROUTING", "OUTPUT")]
        # Docker's chain begins with its bridges, whose containers are left to its process that listens on the host.
        bridges = sum("RETURN" in rule for rule in self._rules(IPV4, "DOCKER"))
        led_on = ["-I", "DOCKER", str(bridges + 1), *address, *to_port, "-j", "DNAT", "--to-destination", way.target]
        if not listens:
            return [led_on]
        return [
            led_on,
            ["-I", "OUTPUT", "1", *(address or ["-d", "127.0.0.0/8"]), *to_port, *redirect],
            ["-A", "PREROUTING", *address, *to_port, *local, *redirect],
        ]
