# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of `luma deploy --report`: one file, which needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.luma.deploy.plugins.plugin_utils.output.deployment_document import last
from ansible_collections.luma.deploy.plugins.plugin_utils.output.outcome import Outcome
from ansible_collections.luma.deploy.plugins.plugin_utils.page import figure
from ansible_collections.luma.deploy.plugins.plugin_utils.page.steps import KINDS
from ansible_collections.luma.deploy.plugins.plugin_utils.page.story import page_numbers, stories
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATE = "page.html"


def page(outcomes: Sequence[Outcome]) -> str:
    """The page of a run that has ended, from what its tasks came to."""
    run = last(outcomes, "luma.deploy.project").get("run", {})
    apps = list(stories(outcomes))
    numbers = page_numbers(dict(run), apps)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.filters |= {"number": number, "seconds": "{:.1f}".format}
    sections: list[dict[str, Any]] = [
        {
            "story": story,
            "numbers": part,
            "figure": figure.Figure(part, story.traffic) if part["requests"] else None,
        }
        for story, part in zip(apps, numbers["apps"], strict=True)
    ]
    return environment.get_template(TEMPLATE).render(
        numbers=numbers,
        sections=sections,
        sizes=figure,
        kinds=KINDS,
        now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def number(value: float | None) -> str:
    """A number as people read it, with two digits that say something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if isinstance(value, int) or value >= 10 else f"{value:.1f}"
