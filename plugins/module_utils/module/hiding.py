# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hides secret values in what is shown."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.common.parameters import remove_values
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: What is shorter cannot be told from any other text.
SHORTEST_HIDDEN = 4


@contextlib.contextmanager
def hidden_in_errors(secrets: t.Mapping[str, str]) -> t.Iterator[None]:
    """Hides secret values in errors: the log lines of a container that failed may show any of them."""
    try:
        yield
    except LumaError as exc:
        raise LumaError(hidden_in(str(exc), secrets), **hidden_in(exc.facts, secrets)) from None


def hidden_in(shown: t.Any, secrets: t.Mapping[str, str]) -> t.Any:
    """A text, or texts in lists and maps, in which secret values are hidden, line by line."""
    lines = {line.strip() for value in secrets.values() for line in value.splitlines()}
    return remove_values(shown, {line for line in lines if len(line) >= SHORTEST_HIDDEN})
