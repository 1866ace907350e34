# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of `luma deploy --report`: looked at before anything is changed, written when the run has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ansible import constants
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.source import InvalidFile
from ansible_collections.luma.deploy.plugins.plugin_utils.output.deployment_document import last
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.page.page import page

WRITER = "luma.deploy.result"


def begin_report(file: str, probe: bool, is_plan: bool) -> str:
    """Empty the file, so that an earlier page is not taken for this run's. Returns its absolute path, "" for none.
    Raises `InvalidFile` if there can be no page, or it could not be written."""
    if not file:
        return ""
    if not probe:
        raise InvalidFile("A report shows the requests of the probe: add --probe, or leave out --report")
    if is_plan:
        raise InvalidFile("A plan sends no requests that a report could show: leave out --report or --plan")
    if WRITER not in constants.CALLBACKS_ENABLED:
        raise InvalidFile(f"The callback {WRITER} writes the report: set ANSIBLE_CALLBACKS_ENABLED={WRITER}")
    path = Path(file).absolute()
    try:
        path.write_text("")
    except OSError as exc:
        raise InvalidFile(f"The report cannot be written: {path}: {exc.strerror}") from exc
    return str(path)


def end_report(outcomes: Sequence[Outcome]) -> None:
    """Write the page of the run that has ended, if it is to have one."""
    file = last(outcomes, "luma.deploy.project").get("report_file")
    if file:
        Path(file).write_text(page(outcomes), encoding="utf-8")
