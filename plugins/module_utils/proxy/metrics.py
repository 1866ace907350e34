# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's own numbers, for Prometheus: a port of the proxy's container, published at one address of the host."""

from __future__ import annotations

import typing as t

#: The port inside the container.
METRICS_PORT = 8404

#: An image without the exporter is refused only if it is asked for.
METRICS = f"""
.if defined(LUMA_METRICS)
frontend metrics
    bind :{METRICS_PORT}
    http-request set-log-level silent
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request return status 404 content-type text/plain string "The metrics are at /metrics.\\n"
.endif
"""


def published_metrics(settings: t.Mapping[str, t.Any]) -> dict[str, tuple[str, int]]:
    """The port that the container publishes for it, with the host's address and port; nothing if it is off."""
    if not settings["metrics"]:
        return {}
    address, _colon, port = settings["metrics"].rpartition(":")
    return {f"{METRICS_PORT}/tcp": (address.strip("[]"), int(port))}
