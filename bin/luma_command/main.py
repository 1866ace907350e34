# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the arguments of the luma command and runs the playbook of that name, which does everything else."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from luma_command.arguments import Request, refuse_to_ask_nobody, request_of, split
from luma_command.commands import UsageError
from luma_command.completion import complete
from luma_command.playbook import INVALID_INPUT, print_document, run


def luma() -> int:
    """The command as it was typed. What a wheel installs calls this, too."""
    return main(sys.argv[1:])


def main(arguments: Sequence[str]) -> int:
    # Whoever reads the output may have seen enough, as head does.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if arguments[:1] == ["--complete"]:
        for word in complete(arguments[1:]):
            print(word)
        return 0
    try:
        request = request_of(arguments)
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
