# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the apps of a host share."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.acme.check import Checked, check
from ansible_collections.luma.deploy.plugins.module_utils.acme.commands import Commands
from ansible_collections.luma.deploy.plugins.module_utils.acme.decision import SLOT
from ansible_collections.luma.deploy.plugins.module_utils.acme.served import Served
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import X509
from ansible_collections.luma.deploy.plugins.module_utils.proxy.certificates import Certificates
from ansible_collections.luma.deploy.plugins.module_utils.proxy.sockets import Sockets


@dataclass(frozen=True)
class Tools:
    """What apps share. ``clock``: seconds since 1970. ``slot``: the length of one, in seconds."""

    certificates: Certificates
    served: Served
    commands: Commands
    x509: X509
    clock: t.Callable[[], float]
    slot: float
    check: t.Callable[[t.Sequence[str], str], t.Mapping[str, Checked]] = check


def tools_from(environment: t.Mapping[str, str], commands: Commands) -> Tools:
    certificates = environment.get("LUMA_CERTS_FOLDER", "/etc/luma/certs")
    return Tools(
        certificates=Certificates(Path(certificates)),
        served=Served(Sockets(Path(environment.get("LUMA_RUN_FOLDER", "/run/luma"))), certificates),
        commands=commands,
        x509=X509(commands),
        clock=time.time,
        slot=float(environment.get("LUMA_ACME_SLOT_SECONDS", SLOT)),
    )
