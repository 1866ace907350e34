# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on their way from the controller to a host, and relative paths of volumes, here and there."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import HostFile, Mounts, files_of
from ansible_collections.luma.deploy.plugins.module_utils.release.wanted import Wanted
from ansible_collections.luma.deploy.plugins.module_utils.services.specification import Service
from ansible_collections.luma.deploy.plugins.plugin_utils.fleet.rollback import spec_of
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.mounts import Content, with_mounts

ME = pwd.getpwuid(os.getuid())


def action(transport: str) -> Any:
    return SimpleNamespace(_connection=SimpleNamespace(transport=transport))


def sent(folder: Path, source: Path, access: str = "ro", digest: str | None = None) -> HostFile:
    """A file as the module gets it, below a folder that is luma's on the host."""
    given = {"source": str(source), "target": "/etc/x", "access": access, "digest": digest}
    (completed,) = with_mounts({"files": [given]}, "/luma.yml", action("ssh"))["files"]
    (file,) = files_of(str(folder / "state"), "shop", "db", [{"content": None, **completed}])
    return file


def test_a_folder_arrives_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "conf.d"
    (source / "empty").mkdir(parents=True)
    (source / "prögram").write_bytes(b"\0\xff")
    (source / "prögram").chmod(0o700)
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "c").touch(0o600)
    file = sent(tmp_path, source)
    file.place()
    found = {path.relative_to(file.path).as_posix(): path.stat().st_mode & 0o777 for path in file.path.rglob("*")}
    assert found == {"empty": 0o755, "prögram": 0o755, "a": 0o755, "a/b": 0o755, "a/b/c": 0o644}
    assert (file.path / "prögram").read_bytes() == b"\0\xff"
    assert file.path == tmp_path / "state" / "files" / "shop" / "db" / file.digest / "conf.d"
    assert (tmp_path / "state" / "files").stat().st_mode & 0o777 == 0o700
    assert list(file.path.parent.iterdir()) == [file.path]


def test_another_content_leaves_the_earlier_one_alone(tmp_path: Path) -> None:
    source = tmp_path / "my.cnf"
    source.write_text("one")
    one = sent(tmp_path, source)
    one.place()
    source.write_text("two")
    two, writable = sent(tmp_path, source), sent(tmp_path, source, "rw")
    two.place()
    writable.place()
    assert [file.path.read_text() for file in (one, two, writable)] == ["one", "two", "two"]
    assert (two.path.stat().st_mode & 0o777, writable.path.stat().st_mode & 0o777) == (0o644, 0o666)
    two.path.write_text("changed by a container")
    two.place()
    assert two.path.read_text() == "changed by a container"
    assert len({Wanted("x", mounts=Mounts(files=(file,))).config_hash for file in (one, two, writable)}) == 3


def test_an_earlier_release_gets_what_the_host_has_of_it(tmp_path: Path) -> None:
    """The file beside luma.yml is another one by then, or gone."""
    source = tmp_path / "my.cnf"
    source.write_text("one")
    one = sent(tmp_path, source)
    one.place()
    for change in (lambda: source.write_text("two"), source.unlink):
        change()
        again = sent(tmp_path, source, digest=one.digest)
        assert (again.content, again.path) == ("", one.path)
        Mounts(files=(again,)).refuse_missing("blog")
    one.path.unlink()
    with pytest.raises(LumaError, match=r"needs my.cnf as it was when this release was deployed"):
        Mounts(files=(again,)).refuse_missing("blog")


def test_a_release_from_before_there_were_files_has_none() -> None:
    today = {"name": "blog", "hooks": {}, "files": [{"source": "/x"}]}
    release = {"spec": {"name": "blog"}, "kept_image": "i", "release": "r"}
    assert spec_of(release, today, {})["files"] == []


def test_the_digest_is_that_of_names_contents_and_permissions(tmp_path: Path) -> None:
    source = tmp_path / "file"

    def digest(text: str, mode: int, access: str = "ro") -> str:
        source.write_text(text)
        source.chmod(mode)
        return Content.read(str(source), access).digest

    assert digest("a", 0o600) == digest("a", 0o664)
    assert len({digest("a", 0o600), digest("b", 0o600), digest("a", 0o700), digest("a", 0o600, "rw")}) == 4


def test_a_relative_volume_is_relative_to_luma_yml_here_and_to_a_home_elsewhere(tmp_path: Path) -> None:
    given = ["./data:/data", "../a b:/b:ro", "~/c:/c", "cache:/cache", "/srv:/srv:ro", "/anonymous"]
    rest = given[3:]
    luma_file = str(tmp_path / "luma.yml")
    here = with_mounts({"volumes": given}, luma_file, action("local"))["volumes"]
    above, home = tmp_path.parent, Path.home()
    assert here == [f"{tmp_path}/data:/data", f"{above}/a b:/b:ro", f"{home}/c:/c", *rest]
    assert Mounts.of(here) == Mounts(tuple(here))
    assert Mounts.of(here).volumes == here
    there = with_mounts({"volumes": given}, luma_file, action("ssh"))["volumes"]
    above = Path(ME.pw_dir).parent
    at_home = [f"{ME.pw_dir}/data", os.path.normpath(above / "a b"), f"{ME.pw_dir}/c"]
    mounts = Mounts.of(there, user=ME.pw_name)
    assert mounts.volumes == [f"{at_home[0]}:/data", f"{at_home[1]}:/b:ro", f"{at_home[2]}:/c", *rest]
    assert mounts.relative == (("./data", at_home[0]), ("../a b", at_home[1]), ("~/c", at_home[2]))


def test_the_home_is_that_of_who_became_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")
    daemon = pwd.getpwnam("daemon").pw_dir
    own, games = Mounts.of(["./x:/x"]), Mounts.of(["./x:/x"], user="games")
    assert (own.volumes, games.volumes) == ([f"{daemon}/x:/x"], [f"{pwd.getpwnam('games').pw_dir}/x:/x"])
    assert Mounts.of([f"~{ME.pw_name}/y:/y"], user="games").volumes == [f"{ME.pw_dir}/y:/y"]
    # The hosts of an app have to agree on what its releases are.
    assert Wanted("x", mounts=own).config_hash == Wanted("x", mounts=games).config_hash
    with pytest.raises(LumaError, match="no user nobody-of-this-name"):
        Mounts.of(["./x:/x"], user="nobody-of-this-name")


def test_a_relative_path_that_the_host_does_not_have_is_refused() -> None:
    mounts = Mounts.of(["./not there:/data"], user=ME.pw_name)
    with pytest.raises(LumaError) as caught:
        mounts.refuse_missing("db")
    assert f"mkdir -p '{ME.pw_dir}/not there'\n" in str(caught.value)
    assert "name it in files: instead" in str(caught.value)
    # Docker makes these, as it always did.
    Mounts.of(["/not/there:/data", "not-there:/data"]).refuse_missing("db")


def test_what_ran_before_there_were_files_has_the_hash_that_it_had() -> None:
    options: dict[str, Any] = {"command": ("x",), "environment": {"A": "1"}, "ports": ("3000",)}
    mounts = Mounts(("/srv/data:/data",))
    assert Wanted("a", **options, mounts=mounts).config_hash == "4e12cc42efc20963"
    assert Service("shop", "db", "a", **options, mounts=mounts).config_hash == "997fa64fc9655571"
