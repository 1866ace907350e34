# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's payload as a folder on the host, where Python keeps the bytecode of what it has compiled.

Ansible sends a module with all that it imports as a zip archive, of which Python compiles each file anew at every run:
half a second on a small server. The text of `unpacked` is sent along and runs on the host, before anything of the
payload is imported (Python 3.8 or newer).
"""

from __future__ import annotations


def unpacked(archive: str, digest: str, home: str, brief: bool = False) -> str:
    """The folder ``home``/``digest`` with what is in an archive, made where it is missing; the archive itself where
    that is not possible, or where the folder may not be trusted. Removes folders that nothing has used for a week.

    ``brief``: the archive has been left out. Where the folder cannot be used the module ends, and says so.
    """
    import os
    import shutil
    import sys
    import time
    import zipfile
    from pathlib import Path

    folder, made, found = Path(home, digest), Path(home, f".{digest}.{os.getpid()}"), archive
    try:
        if not folder.is_dir() and not brief:
            import compileall
            import py_compile

            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with zipfile.ZipFile(archive) as content:
                content.extractall(made)
            unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
            compileall.compile_dir(str(made), ddir=str(folder), quiet=2, invalidation_mode=unchecked)
            for other in folder.parent.iterdir():
                if time.time() - other.stat().st_mtime > 7 * 24 * 3600:
                    shutil.rmtree(other, ignore_errors=True)
            # A host that loses its power right now must not be left with empty files.
            os.sync()
            # Another run may be quicker.
            if not folder.is_dir():
                made.rename(folder)
        os.utime(folder)
        facts = folder.parent.stat()
        if facts.st_uid == os.geteuid() and not facts.st_mode & 0o077:
            found = str(folder)
    except (OSError, zipfile.BadZipFile):
        pass
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if brief and found == archive:
        print('{"luma_code_missing": true}')
        sys.exit()
    return found
