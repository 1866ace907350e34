# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook, in a Python whose garbage collector leaves alone what Ansible keeps for as long as it runs.

While Ansible is loaded, the collector goes through all of it again and again and finds nothing; and what it touches has
to be copied for each process that is forked (https://docs.python.org/3/library/gc.html#gc.freeze).
"""

from __future__ import annotations

import gc
import os
import sys


def collect_what_is_new() -> None:
    """Before the first task's process is forked: from then on garbage is collected as ever."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    gc.disable()
    os.register_at_fork(before=collect_what_is_new)
    from ansible.cli.playbook import main

    sys.exit(main())
