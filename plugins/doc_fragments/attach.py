# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that work in a container of an app."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  project:
    description: The project's name.
    type: str
    required: true
  app:
    description: The name of an app, or of a process of one.
    type: str
    required: true
  command:
    description: The command and its arguments.
    type: list
    elements: str
    required: true
  replica:
    description: The number of the replica of the active color, from 1 on.
    type: int
    default: 1
  terminal:
    description:
      - Whether the command gets the user's terminal, as with C(docker exec --interactive --tty). The module does not
        run it then, but returns the command line that does, which the luma command runs when the playbook has ended.
    type: bool
    default: false
  stdin:
    description: Whether the command gets the user's input in the same way, without a terminal.
    type: bool
    default: false
  attach:
    description:
      - Whether the command is run in the same way, without input, so that its output is seen as it comes. Without
        Docker's command line on the host it is seen at the end.
    type: bool
    default: false
"""
