# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test downloads: takes pip from Python, the rest from PyPI."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: it turns pip's configuration off for the process that it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
packages = [argument for argument in sys.argv[1:] if not argument.startswith(("-", "pip=="))]
if packages:
    subprocess.check_call([sys.executable, "-m", "pip", "install", *packages])
