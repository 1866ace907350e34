#!/bin/sh
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Starts the engine and returns when it answers. If it does not, it says what the engine last logged.
PATH=$PATH:/usr/sbin:/sbin
log=/var/log/dockerd.log

answers() {
    docker version >/dev/null 2>&1
}

if [ -d /run/systemd/system ]; then
    systemctl enable --now docker >&2 && exit
    journalctl --unit docker --lines 20 --no-pager >&2
    exit 1
fi

# Two runs must not start two engines: the second would undo the first one's firewall rules.
exec 9>/run/luma-engine.lock
flock 9
answers && exit

# A session of its own keeps the engine alive when this connection ends.
setsid dockerd >>"$log" 2>&1 </dev/null 9>&- &
engine=$!
tries=150
while [ "$tries" -gt 0 ] && kill -0 "$engine" 2>/dev/null; do
    answers && exit
    tries=$((tries - 1))
    sleep 0.2
done
kill "$engine" 2>/dev/null
echo "dockerd did not answer. The end of $log:" >&2
tail -n 5 "$log" >&2
exit 1
