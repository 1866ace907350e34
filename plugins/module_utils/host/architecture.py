# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host can run an image at all: one that was built on a laptop may be for another processor."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine

#: What else a processor runs, as the engine calls them (Go's GOARCH).
ALSO = {"amd64": ("386",), "arm64": ("arm",)}
#: What QEMU calls them in the names of its entries.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386"}
BINFMT = Path("/proc/sys/fs/binfmt_misc")


def can_run(here: str, wanted: str) -> bool:
    """Whether this host, whose architecture is ``here``, runs programs of another one."""
    return wanted in (here, *ALSO.get(here, ())) or (BINFMT / f"qemu-{MACHINES.get(wanted, wanted)}").exists()


def refuse_foreign(engine: Engine, name: str, image: t.Mapping[str, t.Any]) -> None:
    """Raises `LumaError` where the image is for another architecture than the host's, and the kernel has no emulator
    for it."""
    wanted = image.get("Architecture") or ""
    if not wanted:
        return
    here = engine.call("ask for the engine's version", engine.client.version)["Arch"]
    if can_run(here, wanted):
        return
    raise LumaError(
        f"The image {name} is for {wanted}, and this host is {here}: nothing was changed. If it is built here, set "
        f"build.platform to linux/{here}; if not, name one for linux/{here}."
    )
