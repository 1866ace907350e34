# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that modules share: how a step takes and gives back an app's lock."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lock:
    description:
      - Has the module take the app's lock on the host before anything else, as M(luma.deploy.deploy_lock) does with
        O(luma.deploy.deploy_lock#module:state=taken). With O(run), it may be the lock that this run has already.
      - If it finds that nothing is to be done, it gives the lock back, and adds a line to the audit log.
    type: dict
    suboptions:
      run:
        description: The run of luma, as M(luma.deploy.project) returns it.
        type: dict
        required: true
      take_over:
        description: The ids of runs that are dead, whose lock may be taken.
        type: list
        elements: str
        default: []
      wait:
        description: How long to wait for another run to release the lock, in seconds.
        type: float
        default: 0
      keep:
        description: Whether the lock is kept if nothing is to be done, since later tasks of the run need it.
        type: bool
        default: false
"""

    RELEASE = r"""
options:
  release_lock:
    description:
      - Has the module give back the app's lock once it is done, as M(luma.deploy.deploy_lock) does with
        O(luma.deploy.deploy_lock#module:state=released). If the module fails, the lock stays.
    type: dict
    suboptions:
      run:
        description: The run of luma, as M(luma.deploy.project) returns it.
        type: dict
        required: true
      audit:
        description: What came of the run, for the audit log; see O(luma.deploy.deploy_lock#module:audit).
        type: dict
        default: {}
"""
