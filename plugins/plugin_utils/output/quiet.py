# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of the lines with ``--quiet``: errors, and the last line, which says what came of the run."""

from __future__ import annotations

from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import BARRIER, Outcome


class Quiet:
    """Takes the outcomes of a run in their order."""

    def __init__(self) -> None:
        self._last: list[str] = []
        self._said = False

    def lines(self, outcome: Outcome) -> list[str]:
        """The lines of an outcome that are printed at once: of each app the one that says what its users are served."""
        if outcome.errors:
            self._said = True
            return []
        self._last = outcome.lines[-1:] or self._last
        if outcome.module != BARRIER or not outcome.lines:
            return []
        self._said = True
        return outcome.lines[-1:]

    def rest(self) -> list[str]:
        """The last line, if nothing else has told of the end."""
        return [] if self._said else self._last
