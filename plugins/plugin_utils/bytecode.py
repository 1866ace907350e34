# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets Python keep the bytecode of the collection's code, as of any other: Ansible's own loader compiles each file of a
collection anew in each run (`ansible.utils.collection_loader._collection_finder`, 2.19 to 2.21).

The plugins that Ansible loads first import this before all else of luma.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

from ansible.utils.collection_loader import AnsibleCollectionConfig

PLUGINS = __name__.removesuffix(".plugin_utils.bytecode")


class KeepsBytecode(MetaPathFinder):
    """Finds the files under `plugins/`, in the collection that Ansible has found. Its folders are Ansible's to find."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{PLUGINS}."):
            return None
        found = (FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(fullname) for folder in path or ())
        return next((spec for spec in found if spec and spec.loader), None)


ansibles_own = AnsibleCollectionConfig.collection_finder
if ansibles_own in sys.meta_path:
    sys.meta_path.insert(sys.meta_path.index(ansibles_own), KeepsBytecode())
