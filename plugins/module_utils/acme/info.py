# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of an app's certificate on a host: what luma-proxy serves, and what the agent says."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.acme import state
from ansible_collections.luma.deploy.plugins.module_utils.acme.served import Served
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import FOLDER, WANTED
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CERTIFICATES_DIR
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.proxy.sockets import Sockets

DAY = 86400.0
#: With fewer days left than this, something keeps a certificate from being renewed.
WARN_DAYS = 21
WARNING = "⚠️ "
#: How often the agent's progress is looked at, in seconds.
POLL = 0.2


def certificate_info(folder: Path, backend: str) -> dict[str, t.Any] | None:
    """The certificate of an app, in luma-proxy's ``folder``; None where it has no HTTPS. Raises `LumaError` where the
    proxy does not answer."""
    route = Routes(folder / "routes").of(backend)
    if route is None or not route.ssl or not route.own_certificate:
        return None
    served = Served(Sockets(folder / "run"), CERTIFICATES_DIR)
    shown, trusted = served.certificate(backend), served.trusted(backend)
    wanted, known = _wanted(folder / FOLDER / backend), state.read(folder / FOLDER / backend)
    missing = [name for name in wanted if name.lower() not in trusted]
    return {
        "names": sorted(trusted),
        "missing": missing,
        "expires": state.iso(shown.expires) if shown else None,
        "days": int((shown.expires - time.time()) // DAY) if shown and trusted else None,
        "issuer": shown.issuer if shown and trusted else None,
        "serial": shown.serial if shown else None,
        "source": known.source if wanted else "own" if trusted else "self-signed",
        "problem": known.last_error if wanted else "",
        "problem_at": known.last_error_at if wanted else None,
        "next_try": known.next_try if wanted else None,
        # What failed has a time at which it is tried again; an app that does not serve yet has only to be waited for.
        "pending": bool(missing) and not (known.last_error and known.next_try),
    }


def needs_attention(info: t.Mapping[str, t.Any]) -> bool:
    """Whether something keeps a certificate from coming, or from being renewed."""
    is_short = info["days"] is not None and info["days"] < WARN_DAYS
    return bool(info["problem"] and not info["pending"]) or is_short


def in_words(info: t.Mapping[str, t.Any] | None) -> str:
    """A line for people."""
    if info is None:
        return "no HTTPS"
    if info["days"] is None:
        served = "self-signed certificate" if info["expires"] else "no certificate loaded"
    else:
        until = info["expires"].partition("T")[0]
        served = f"certificate of {', '.join(info['names'])} until {until} ({info['days']} days, {info['issuer']})"
    if info["missing"]:
        on_its_way = "on its way" if info["pending"] else "not there yet"
        served += f"; that of {', '.join(info['missing'])} is {on_its_way}"
    warning = WARNING if needs_attention(info) else ""
    problem = f". {info['problem']}" if info["problem"] and not info["pending"] else ""
    if problem and info["next_try"]:
        problem += f" Next try: {info['next_try'][:16].replace('T', ' ')} UTC."
    return f"{warning}{served}{problem}"


def _wanted(folder: Path) -> list[str]:
    """The names that the agent is to get a certificate for."""
    try:
        return list(json.loads((folder / WANTED).read_text(encoding="utf-8"))["names"])
    except FileNotFoundError:
        return []


def wait_for_certificate(folder: Path, backend: str, seconds: float) -> dict[str, t.Any] | None:
    """What `certificate_info` says once nothing is on its way any more, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        info = certificate_info(folder, backend)
        if info is None or not info["pending"] or time.monotonic() >= deadline:
            return info
        time.sleep(POLL)


def ask_agent(folder: Path, backend: str, wish: str) -> None:
    """Has the agent renew a certificate now, whatever it waits for (``renew``), or ask the app's other hosts for theirs
    (``look``). Raises `LumaError` where it looks after none."""
    place = folder / FOLDER / backend
    if not (place / WANTED).exists():
        app = backend.partition(":")[2]
        raise LumaError(f"{app} has no certificate on this host that luma gets from a CA. Nothing was changed.")
    (place / wish).touch(mode=0o644)
