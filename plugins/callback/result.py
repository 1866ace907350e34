# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what a run came to into a file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: result
type: aggregate
short_description: What a run of luma came to, as JSON
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Writes the document that C(luma --json) prints into a file. The luma command reads its exit code from it.
  - The keys are C(exit_code), C(changed), C(hosts), C(report), C(errors) and C(warnings).
  - The file is made empty when the playbook begins and has its content when it ends, so that a run that broke off can
    be told from one that did not begin.
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
from ansible_collections.luma.deploy.plugins.plugin_utils._outcome import Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils._outcome_callback import OutcomeCallback
from ansible_collections.luma.deploy.plugins.plugin_utils._result_document import ResultDocument


class CallbackModule(OutcomeCallback):
    """The callback that remembers."""

    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "luma.deploy.result"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.document = ResultDocument(self.is_plan)

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        self._write("")

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        self._write(json.dumps(self.document.as_dict(), ensure_ascii=False))

    def on_outcome(self, outcome: Outcome) -> None:
        self.document.add(outcome)

    def _write(self, text: str) -> None:
        file = self.get_option("file")
        if file:
            Path(file).write_text(text, encoding="utf-8")
