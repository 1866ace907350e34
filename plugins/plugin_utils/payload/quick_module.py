# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs luma's modules with less to do before their own work: see "A module's way to the host" in docs/design.md."""

from __future__ import annotations

import inspect
import posixpath
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.kept import content_digest, kept
from ansible_collections.luma.deploy.plugins.plugin_utils.payload.unpacked import unpacked

STATE_DIR = "/var/lib/luma"
#: The line of Ansible's wrapper (`ansible._internal._ansiballz._wrapper`, 2.19 to 2.21) after which the payload's code
#: is imported, and the line before which there is room for a function.
IMPORTED_FROM = "        sys.path.insert(0, modlib_path)\n"
BEGIN = "def _ansiballz_main(\n"
ARCHIVE = "\nzip_data='"
#: What `unpacked` prints where a module has been sent without its code to a host that lacks it.
MISSING = "luma_code_missing"
#: The function that goes with a module, as text: read once, by Ansible's main process, and not by that of each host.
FUNCTION = inspect.getsource(unpacked)


class QuickModule(ActionBase):
    """An action that runs modules of luma's, and maybe others."""

    def _execute_module(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        result: dict[str, Any] = super()._execute_module(*args, **kwargs)
        if MISSING in result:
            self._whole_code.touch()
            result = super()._execute_module(*args, **kwargs)
        return result

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        if not module_name.startswith("luma.deploy."):
            return super()._configure_module(module_name, module_args, task_vars)
        with kept(module_name):
            built, path = super()._configure_module(module_name, module_args, task_vars)
            if not self._task.check_mode:
                home = posixpath.join(module_args.get("state_dir") or STATE_DIR, "code")
                brief = not (constants.DEFAULT_KEEP_REMOTE_FILES or self._whole_code.exists())
                sent = with_folder(built.b_module_data.decode(), home, partial(content_digest, module_name), brief)
                built = replace(built, b_module_data=sent.encode())
        return built, path

    @property
    def _whole_code(self) -> Path:
        """Is there once the host has lacked the code of a module in this run: it gets that of the next ones at once."""
        host = quote(str(self._play_context.remote_addr), safe="")
        return Path(constants.DEFAULT_LOCAL_TMP, f"luma-whole-code-{host}")


class QuickAction(QuickModule):
    """An action that does nothing but run the module of its name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result | self._execute_module(task_vars=task_vars)


def with_folder(wrapper: str, home: str, digest_of: Callable[[str], str], brief: bool = False) -> str:
    """The text of a module as Ansible sends it, which imports its code from a folder in ``home``; as it was where it
    does not look as expected. ``brief``: without the code."""
    head, _data, rest = wrapper.partition(ARCHIVE)
    if not (head.count(IMPORTED_FROM) == 1 and head.count(BEGIN) == 1 and rest):
        return wrapper
    archive, quote, rest = rest.partition("'")
    arguments = f"modlib_path, {digest_of(archive)!r}, {home!r}, {brief!r}"
    head = head.replace(IMPORTED_FROM, f"        modlib_path = unpacked({arguments})\n{IMPORTED_FROM}")
    return head.replace(BEGIN, f"{FUNCTION}\n\n{BEGIN}") + ARCHIVE + ("" if brief else archive) + quote + rest
