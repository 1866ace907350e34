# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The luma command, which `bin/luma` starts in its Python environment."""

import sys

from luma_command.main import luma

if __name__ == "__main__":
    sys.exit(luma())
