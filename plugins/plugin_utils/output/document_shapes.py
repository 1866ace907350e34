# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the JSON document, command by command; docs/json.md says what they mean, and is tested against this.

Only what is named here gets into the document, whatever modules return: no value of the environment is among it. To add
a key, name it here, have it returned by what `output.document` takes the command's keys from, and document it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.luma.deploy.plugins.module_utils.proxy.access_log import FIELDS

#: Raised where a key changes its meaning, or goes; not for new keys.
SCHEMA = 1

#: A map of keys, a list with the shape of its entries, or None: a text, a number, a boolean, null, or a list of these.
Shape = Mapping[str, Any] | Sequence[Any] | None


def values(names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split())


HANDOVER = values("before after gap_ms interleaved stale")
DEPLOYED_HOST = values("host outcome serves release previous_release color replicas problem") | {
    "failures": [values("container probe exit_code oom_killed advice")],
    "timings": values("clear start health switch commit"),
    "drain": values("seconds sessions streams_closed sessions_cut"),
    "bake": values("requests errors error_share error_share_before"),
    "probe": values("requests failed not_counted longest_ms p50_ms p99_ms") | {"handovers": [HANDOVER]},
}
DEPLOYED_APP = values("name image outcome release previous_release color") | {
    "hosts": [DEPLOYED_HOST],
    "hooks": [values("name exit_code seconds")],
}
DEPLOYMENT = values("plan") | {
    "apps": [DEPLOYED_APP],
    "services": [values("name host outcome container changes away_seconds")],
}

FINDING = values("level text")
STATE = {"apps": [values("name") | {"hosts": [values("host changed containers sessions sessions_cut")]}]}
BACKEND = values("backend slots serving held sessions requests errors")
CONTAINER = values("name color status running healthy saw release image_id config_hash since restarts") | values(
    "schedule finished exit_code sessions cpu_percent memory_bytes"
)
CERTIFICATE = values("names missing expires days issuer serial source problem problem_at next_try pending")
STATUS_HOST = values("host answered problem active last_release proxy_problem maintenance paused") | {
    "containers": [CONTAINER],
    "proxy": BACKEND,
    "certificate": CERTIFICATE,
}
SERVICE = values("name host status hint container image running")
STATUS = {
    "apps": [values("name status hint replicas wanted blue green") | {"hosts": [STATUS_HOST]}],
    "services": [SERVICE],
    "orphans": [values("name host containers running hosts")],
}

RELEASE = values("release image image_id config_hash replicas at by serves")
HOLDER = values("id by host pid command at age stale interrupted")
SETTINGS = "image bind http_port https_port proxy_protocol http3 metrics access_log"
EXECUTED = values("host container command_exit_code stdout stderr")
LOG_LINE = "host at container name text"
LOGS = {"lines": [values(LOG_LINE)]}

SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "init": {"files": [values("name written")]},
    "check": {
        "hosts": [values("host answered problem docker architecture free_bytes") | {"findings": [FINDING]}],
        "names": [values("name addresses level text")],
    },
    "config": {"settings": [values("path value file line")]},
    "setup": {"hosts": [values("host docker changed")]},
    "build": {"apps": [values("name release image image_id pushed changed")]},
    "deploy": DEPLOYMENT,
    "rollback": DEPLOYMENT,
    "restart": DEPLOYMENT,
    "stop": STATE,
    "start": STATE,
    "status": STATUS,
    "services status": {"services": [SERVICE]},
    "services restart": {"services": [values("name host outcome container away_seconds")]},
    "services backup": {"backups": [values("service host outcome file bytes seconds removed problem")]},
    "releases": {"apps": [values("name") | {"hosts": [values("host answered problem") | {"releases": [RELEASE]}]}]},
    "audit": {"runs": [values("at id app by command outcome hosts")]},
    "logs": LOGS,
    "exec": EXECUTED,
    "run": EXECUTED,
    "lock status": {
        "apps": [values("name") | {"hosts": [values("host answered problem locked") | {"holder": HOLDER}]}]
    },
    "lock release": {"apps": [values("name") | {"hosts": [values("host released") | {"holder": HOLDER}]}]},
    "maintenance on": {"hosts": [values("host changed")]},
    "maintenance off": {"hosts": [values("host changed")]},
    "cert status": {
        "apps": [values("name") | {"hosts": [values("host answered problem") | {"certificate": CERTIFICATE}]}]
    },
    "cert renew": {"hosts": [values("host changed") | {"certificate": CERTIFICATE}]},
    "proxy status": {
        "hosts": [
            values("host answered problem running status version since connections")
            | values(SETTINGS)
            | {"routes": [values("project app hosts path_prefix app_port") | {"backend": BACKEND}]}
        ]
    },
    "proxy logs": {"lines": [values(LOG_LINE) | {"request": values(" ".join(FIELDS))}]},
    "proxy update": {
        "hosts": [values("host changed gap_seconds cut") | {name: values(SETTINGS) for name in ("before", "after")}]
    },
    "remove": values("plan app")
    | {
        "hosts": [
            values("host present changed containers running hosts releases images")
            | values("sessions streams_closed sessions_cut killed")
        ]
    },
    "takeover": {"hosts": [values("host to_do changed gap_seconds cut removed")]},
    "prune": {"hosts": [values("host changed containers routes records images freed_mb")]},
}


def shaped(shape: Shape, value: Any) -> Any:
    """A value reduced to the keys of its shape, each of which is there: null, or an empty list, where the value has
    none."""
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            return None
        return {name: shaped(inner, value.get(name)) for name, inner in shape.items()}
    if isinstance(shape, Sequence):
        return [shaped(shape[0], each) for each in value or ()]
    if isinstance(value, (list, tuple)):
        return [each for each in value if is_single(each)]
    # More digits than these are noise.
    return round(value, 4) if isinstance(value, float) else value if is_single(value) else None


def is_single(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))
