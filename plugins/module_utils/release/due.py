# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cron runs on a host when a scheduled process is due: it starts the container of the release that serves.

luma puts this file, as it is, into its folder there (`release.schedule`). So it needs nothing but the Docker SDK.
"""

from __future__ import annotations

import sys


def start(docker_host: str, project: str, app: str) -> str:
    """Starts the container with the app's alias, unless one of the app runs still, of this release or of the one
    before. Returns its name, or why none was started. Raises what the SDK raises."""
    import docker

    client = docker.APIClient(base_url=docker_host, version="auto")
    labels = [f"luma.project={project}", f"luma.app={app}", "luma.schedule"]
    rows = client.containers(all=True, filters={"label": labels})
    running = [row["Names"][0].lstrip("/") for row in rows if row["State"] == "running"]
    if running:
        return f"{running[0]} runs still: not started again"
    # Both colors have the alias where a run of luma was killed within its switch.
    for row in sorted(rows, key=lambda each: each["Created"], reverse=True):
        found = client.inspect_container(row["Id"])
        endpoint = found["NetworkSettings"]["Networks"].get(f"{project}-network") or {}
        if app in (endpoint.get("Aliases") or ()):
            client.start(row["Id"])
            return found["Name"].lstrip("/")
    return f"{app} has no container: not started"


if __name__ == "__main__":
    sys.stdout.write(start(*sys.argv[1:]) + "\n")
