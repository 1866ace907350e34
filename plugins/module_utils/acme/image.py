# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's image, where luma.yml names none: made on each host of two official ones."""

from __future__ import annotations

import hashlib

LEGO_IMAGE = "goacme/lego:v4.35.2"
#: Debian's, since that has openssl.
PYTHON_IMAGE = "python:3.13-slim"
DOCKERFILE = f"""\
FROM {LEGO_IMAGE} AS lego
FROM {PYTHON_IMAGE}
COPY --from=lego /lego /usr/local/bin/lego
"""
IMAGE = "luma-acme:" + hashlib.sha256(DOCKERFILE.encode()).hexdigest()[:12]
