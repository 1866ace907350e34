# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where luma-proxy's container sees its files and sockets, and the ports inside of it."""

from __future__ import annotations

#: Where the container sees its configuration and its runtime folder.
CONFIG_DIR = "/etc/luma"
RUN_DIR = "/run/luma"
#: The certificates, see `proxy.certificates`.
CERTIFICATES_DIR = CONFIG_DIR + "/certs"
#: The ports inside the container: above 1024, so that it needs no capability.
HTTP_PORT = 8080
HTTPS_PORT = 8443
#: The socket, in the runtime folder, that connections by IPv6 come to.
VISITORS_SOCKET = "visitors.sock"
#: The same for HTTPS.
VISITORS_TLS_SOCKET = "visitors-tls.sock"
