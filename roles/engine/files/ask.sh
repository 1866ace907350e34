#!/bin/sh
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sh -s PYTHON: says, as YAML, what the role decides by. What is missing is empty.
# The first argument is the interpreter that Ansible's modules run in on this host.
PATH=$PATH:/usr/sbin:/sbin
[ -r /etc/os-release ] && . /etc/os-release

echo "answers: '$(timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null)'"
echo "engine: '$(command -v dockerd)'"
echo "client: '$(command -v docker)'"
echo "sdk: '$("$1" -c 'import docker; print(docker.__version__)' 2>/dev/null)'"
echo "user: '$(id -un)'"
echo "system: '${PRETTY_NAME:-$(uname -s)}'"
echo "family: '${ID:-} ${ID_LIKE:-}'"
