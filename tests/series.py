# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what `run.series` has published."""

from __future__ import annotations

from pathlib import Path

BLOG = 'project="shop",app="blog"'
"""The labels of the app that most tests are about."""


def numbers_in(text: str) -> dict[str, float]:
    """The values of Prometheus' text format, by their names with labels."""
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def published(state_dir: Path) -> dict[str, float]:
    return numbers_in((state_dir / "metrics" / "luma.prom").read_text())
