# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels of what luma makes on an engine. They say whose it is, and what never changes of it."""

from __future__ import annotations

LABEL_PROJECT = "luma.project"
LABEL_APP = "luma.app"
LABEL_SERVICE = "luma.service"
LABEL_COLOR = "luma.color"
LABEL_REPLICA = "luma.replica"
LABEL_RELEASE = "luma.release"
LABEL_CONFIG_HASH = "luma.config-hash"
#: When cron starts the container; one that has it does not run otherwise.
LABEL_SCHEDULE = "luma.schedule"
#: The label by which the earlier luma's containers are told from those of this one, see `host.earlier`.
LABEL_MANAGED = "luma.managed"

#: The label of what belongs to no app: a project's network, the proxy.
LABEL_ROLE = "luma.role"
