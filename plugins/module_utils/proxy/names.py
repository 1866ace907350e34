# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma-proxy's containers, its network and its user are called on a host, and what is special in HAProxy."""

from __future__ import annotations

CONTAINER = "luma-proxy"
#: The proxy of an update, before it takes the other one's place.
NEXT = "luma-proxy-next"
#: The container in which its image checks the configuration.
CHECK = "luma-proxy-next-check"
#: The proxy that gets new connections while the ports pass from one container to another. It has a runtime folder of
#: its own, and its files are those of the others.
DETOUR = "luma-proxy-detour"
DETOUR_RUN = "run-detour"
#: Docker sends a container's outgoing packets to the network whose name sorts first (libnetwork, endpoint priority;
#: so do engines with `gw-priority` where none is given). The proxy's published ports hang on that network, so it has
#: to stay the same when a project's network is added: else answers under way would leave by another bridge.
NETWORK = "0-luma-proxy"
#: The user of HAProxy's official image, by number, so that an image needs no such user.
USER = 99
#: A slot of every backend that has no container, see `proxy.configuration`. No slot of an app is called so: those end
#: with a number.
HOLD_SERVER = "hold"
