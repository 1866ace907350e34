# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test servers for playbooks, and for trying things out: `python -m tests.testbed --help`."""

from __future__ import annotations

import argparse
import json

from tests.host import build_images

from .servers import ENGINES, Server, build_server_images, create_server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed", description="Servers to deploy to.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("images", help="make the images of servers and apps that are not there yet")
    create = commands.add_parser("create", help="start a server, and print its inventory variables as JSON")
    load = commands.add_parser("load", help="copy images from this machine's engine into the server's")
    kill = commands.add_parser("kill", help="cut the server's power")
    start = commands.add_parser("start", help="boot the server after its power was cut")
    reboot = commands.add_parser("reboot", help="cut the server's power and boot it again")
    remove = commands.add_parser("remove", help="remove the server, and all that is on it")
    for command in (create, load, kill, start, reboot, remove):
        command.add_argument("name")
    create.add_argument("--engine", choices=ENGINES, default="26.1")
    load.add_argument("images", nargs="+")

    arguments = parser.parse_args()
    if arguments.command == "images":
        build_server_images()
        build_images()
        return
    server = Server(arguments.name)
    match arguments.command:
        case "create":
            create_server(arguments.engine, arguments.name)
            print(json.dumps(server.inventory_vars))
        case "load":
            server.load_images(*arguments.images)
        case "kill":
            server.kill()
        case "start":
            server.start()
        case "reboot":
            server.kill()
            server.start()
        case "remove":
            server.remove()


if __name__ == "__main__":
    main()
