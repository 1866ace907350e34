# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file luma.yml as YAML's nodes, with that of an environment laid over it."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.overlay import VARIABLE, file_over, laid_over


class InvalidFile(Exception):
    """A file that luma does not accept; its text has one line for each mistake."""


def compose(file: str) -> yaml.Node | None:
    """What luma.yml says in the environment that is meant; None of an empty file. Raises `InvalidFile`."""
    try:
        over = file_over(file)
    except ValueError as exc:
        raise InvalidFile(f"-d, {VARIABLE}: {exc}") from exc
    base = _nodes(file, "luma reads luma.yml in the current folder, or the file given with -c.")
    return laid_over(base, _nodes(over, "It says what is different in this environment.")) if over else base


def _nodes(file: str, hint: str) -> yaml.Node | None:
    try:
        loader = yaml.SafeLoader(Path(file).read_text(encoding="utf-8"))
        # What the places of its values are called by.
        loader.name = file
        return loader.get_single_node()
    except OSError as exc:
        raise InvalidFile(f"{file}: {exc.strerror}. {hint}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidFile(f"{file}: this is not a text in UTF-8") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise InvalidFile(f"{place}: this is not YAML: {exc.problem}") from exc
    except yaml.YAMLError as exc:
        raise InvalidFile(f"{file}: this is not YAML: {exc}") from exc
