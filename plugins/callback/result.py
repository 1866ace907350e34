# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what a run came to into files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: result
type: aggregate
short_description: What a run of luma came to, as JSON and as a page
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Writes the document that C(luma --json) prints into a file. The luma command reads its exit code from it.
  - Each playbook of luma has keys of its own, which C(docs/json.md) describes. All have C(schema), C(command),
    C(exit_code), C(changed), C(report), C(errors) and C(warnings), and those are all that other playbooks have. Their
    C(command) is null.
  - The file is written when the playbook begins, with null as C(exit_code), and again when it ends, so that a run that
    broke off can be told from one that did not begin.
  - Also writes the page of C(luma deploy --probe --report), into the file that M(luma.deploy.project) has been given as
    O(luma.deploy.project#module:report_file).
requirements:
  - To be enabled in C(callbacks_enabled).
options:
  file:
    description: The file. Without it, nothing is written.
    type: path
    env:
      - name: LUMA_RESULT_FILE
"""

import json
from pathlib import Path

from ansible.executor.stats import AggregateStats
from ansible.playbook import Playbook
from ansible_collections.luma.deploy.plugins.plugin_utils import bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.luma.deploy.plugins.plugin_utils.output.document import ResultDocument
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome_callback import OutcomeCallback
from ansible_collections.luma.deploy.plugins.plugin_utils.page.file import end_report


class CallbackModule(OutcomeCallback):
    """The callback that remembers."""

    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "luma.deploy.result"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.document = ResultDocument(None, self.is_plan)

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        self.document = ResultDocument(command_of(Path(playbook._file_name)), self.is_plan)
        self._write(ended=False)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        self._write()
        end_report(self.document.outcomes)

    def on_outcome(self, outcome: Outcome) -> None:
        self.document.add(outcome)

    def _write(self, ended: bool = True) -> None:
        file = self.get_option("file")
        if file:
            text = json.dumps(self.document.as_dict(ended), ensure_ascii=False)
            Path(file).write_text(text, encoding="utf-8")


def command_of(playbook: Path) -> str | None:
    """The command of luma that a playbook is; None for one that is not in this collection."""
    if playbook.resolve().parent != Path(__file__).resolve().parents[2] / "playbooks":
        return None
    return playbook.stem.replace("_", " ")
