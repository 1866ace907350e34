# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that draws a fleet of 30 hosts on its terminal, and does what it reads: ``fail HOST``,
``print LINE, LINE``, ``close``."""

from __future__ import annotations

import sys
import termios

from ansible_collections.luma.deploy.plugins.plugin_utils.output.live_lines import LiveLines

HOSTS = [f"web-{number:02}.example.com" for number in range(30)]


def main() -> None:
    mode = termios.tcgetattr(sys.stdin)
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, mode)
    live = LiveLines()
    live.deploy("blog", {host: {"green"} for host in HOSTS})
    for host in HOSTS:
        live.begin(host, "Prepare the inactive color", "prepare")
    for line in sys.stdin:
        match line.strip().split(" ", 1):
            case ["fail", host]:
                live.end(host, failed=True)
            case ["print", text]:
                with live.lines_above():
                    print(text.replace(", ", "\n"), flush=True)
            case ["close"]:
                live.close()
                return


if __name__ == "__main__":
    main()
