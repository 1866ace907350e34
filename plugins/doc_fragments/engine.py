# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module of luma which talks to a Docker engine shares."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The Docker engine's address, such as V(unix:///var/run/docker.sock) or V(tcp://127.0.0.1:2375).
      - luma reaches containers by their addresses, so that the engine has to be the managed host's own.
      - Without it, the environment variable E(DOCKER_HOST) is used, and without that the default.
    type: str
    default: unix:///var/run/docker.sock
  engine_timeout:
    description: How long one request to the engine may take, in seconds.
    type: int
    default: 60
  state_dir:
    description:
      - The folder on the host in which luma keeps the proxy's configuration and runtime sockets.
      - Only root can enter it.
    type: path
    default: /var/lib/luma
requirements:
  - Docker SDK for Python 5.0 or newer on the managed host
  - Docker Engine 20.10 or newer
"""

    APP = r"""
options:
  project:
    description: The project's name. Its network is called RV(ignore:NAME)-network.
    type: str
    required: true
  app:
    description: The app's name, which is its alias on the project's network.
    type: str
    required: true
  proxied:
    description:
      - Whether luma-proxy routes the app. Then its runtime API holds, commits and counts.
      - Without it, only the alias is moved.
    type: bool
    default: true
"""

    HEALTH = r"""
options:
  health_check:
    description:
      - How a replica shows that it is healthy.
      - Without O(health_check.path) and O(health_check.command) the image's own HEALTHCHECK decides, and where it has
        none, a replica is healthy when it has stayed running for two seconds.
    type: dict
    default: {}
    suboptions:
      path:
        description: The path of an HTTP GET. Only answers from 200 to 299 are healthy.
        type: str
      port:
        description: The port of that request.
        type: int
        default: 80
      host:
        description: Its Host header.
        type: str
        default: localhost
      command:
        description: A command in the container; exit code 0 is healthy. It is used instead of a request.
        type: list
        elements: str
      interval:
        description: The pause between two probes, in seconds. Right after the start probes come faster.
        type: float
        default: 1
      timeout:
        description: How long an answer may take, in seconds.
        type: float
        default: 5
      retries:
        description: How many probes in a row may fail, after the start period, before a replica has failed.
        type: int
        default: 30
      start_period:
        description: How long after the start failed probes do not count, in seconds.
        type: float
        default: 0
"""
