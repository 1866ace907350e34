# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the tab key offers behind luma in bash. Add to ~/.bashrc: source .../completions/luma.bash
_luma() {
    local luma=${COMP_WORDS[0]/#\~/$HOME} word
    COMPREPLY=()
    # Not with mapfile: the bash of macOS is 3.2.
    while IFS= read -r word; do
        [[ -z $word ]] || COMPREPLY+=("$word")
    done <<<"$("$luma" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)"
}
# Where luma offers nothing, a file's name is wanted.
complete -o default -F _luma luma
