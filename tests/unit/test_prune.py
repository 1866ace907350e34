# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What prune removes of a host in memory: what luma left there, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_APP, LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.hook import ROLE
from ansible_collections.luma.deploy.plugins.module_utils.release.prune import Leftovers, Prune
from ansible_collections.luma.deploy.plugins.module_utils.release.records import Release, Releases
from ansible_collections.luma.deploy.plugins.module_utils.release.unneeded_images import LABEL_REPOSITORY, Images
from ansible_collections.luma.deploy.plugins.plugin_utils.images import build
from docker.errors import APIError, DockerException, NotFound
from requests import Response

from tests.unit.fakes import FakeEngine, Host

BUILT = {"luma.project": "shop", "luma.app": "blog", LABEL_REPOSITORY: "shop-blog"}


def image(image_id: str, *names: str, **facts: Any) -> dict[str, Any]:
    return {"Id": image_id, "RepoTags": list(names), "Labels": BUILT, **facts}


def pulled(*names: str, **facts: Any) -> dict[str, Any]:
    return image("i1", *names, **{"Labels": None, "RepoDigests": ["me/blog@sha256:1"], **facts})


class Site(FakeEngine):
    """A green that serves, and a blue that has ended."""

    def __init__(self, folder: Path, images: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(Host(), folder)
        self.folder = folder
        self.host.add("green", 1, serving=True)
        self.host.add("blue", 1, serving=False)
        self._change("blog-blue", id="id-of-blue", status="exited", running=False)
        self.removed_images: list[str] = []
        self.fails_at = ""
        self.is_gone = ""
        self.client: Any = SimpleNamespace(
            containers=self._rows,
            images=lambda: images,
            remove_container=self._remove_container,
            remove_image=self._remove_image,
        )
        self.prune = Prune(self, Proxy(self, ProxySettings(), folder), str(folder), "shop", {"blog"})

    def add_a_foreign_one(self) -> None:
        """Made by hand: it has its image's labels, and no color."""
        blue = self.host.containers["blog-blue"]
        self.host.containers["mine"] = replace(blue, id="m", name="mine", labels=BUILT, image_id="image-of-mine")

    def add_a_release_hook(self, status: str) -> None:
        blue = self.host.containers["blog-blue"]
        labels = {LABEL_ROLE: ROLE, LABEL_APP: ""}
        self.host.containers["hook"] = replace(blue, id="h", name="hook", labels=labels, status=status)

    def start_another_blue(self, container_id: str) -> None:
        self._change("blog-blue", id=container_id, status="running", running=True)

    def _change(self, name: str, **facts: Any) -> None:
        self.host.containers[name] = replace(self.host.containers[name], **facts)

    def _rows(self, filters: dict[str, list[str]], **_options: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [
            {
                "Id": c.id,
                "Names": ["/" + c.name],
                "ImageID": c.image_id,
                "State": c.status,
                "Labels": {**BUILT, **c.labels},
                "Mounts": [{"Source": str(self.folder / "files/shop/blog" / c.color / "my.cnf")}, {"Type": "volume"}],
            }
            for c in self.host.containers.values()
        ]
        return [row for row in rows if all(has_label(row["Labels"], label) for label in filters["label"])]

    def _remove_image(self, name: str) -> None:
        if name == self.fails_at:
            raise DockerException("the disk is broken")
        if name == self.is_gone:
            raise NotFound("no such image")
        self.removed_images.append(name)

    def _remove_container(self, container_id: str, v: bool, force: bool = False) -> None:
        found = next((c for c in self.host.containers.values() if container_id in (c.id, c.name)), None)
        refused = self._refusal(found, force)
        if refused:
            response = Response()
            response.status_code = refused
            raise APIError("refused", response)
        assert found
        del self.host.containers[found.name]

    @staticmethod
    def _refusal(found: Container | None, force: bool) -> int:
        if found is None:
            return 404
        return 409 if found.running and not force else 0


def has_label(labels: dict[str, str], wanted: str) -> bool:
    name, separator, value = wanted.partition("=")
    return labels.get(name) == value if separator else name in labels


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (image("i1", "shop-blog:abc"), ["shop-blog:abc"]),
        (image("i1", "shop-blog:abc", "luma/shop/blog:i1", "luma/sent:i9"), None),
        # Names that luma did not give, to that image and to one that was built from it.
        (image("i1", "shop-blog:abc", "keep:golden"), ["shop-blog:abc"]),
        (image("i1", "my-tool:1"), []),
        (image("i1", "registry:5000/shop-blog:abc"), []),
        (image("i1", "shop-blog-2:abc"), []),
        # Another project may return to it.
        (image("i1", "shop-blog:abc", "luma/other/blog:i1", "luma/shop/blog:i1"), ["luma/shop/blog:i1"]),
        # Not built by luma.
        (image("i1", "nginx:1", "luma/shop/blog:i1", Labels=None), ["luma/shop/blog:i1"]),
        # Without a name, and with one that is a digest.
        (image("i1", "<none>:<none>", RepoDigests=["<none>@<none>"]), ["i1"]),
        (image("i1", RepoDigests=["shop-blog@sha256:1"]), ["i1"]),
        (image("i1", RepoDigests=["mirror/shop-blog@sha256:1"]), []),
        # It serves.
        (image("image-of-green", "shop-blog:abc"), []),
    ],
)
def test_only_names_that_luma_gave_are_removed(
    left: dict[str, Any], expected: list[str] | None, tmp_path: Path
) -> None:
    site = Site(tmp_path, [left])
    site.prune.remove(site.prune.find())
    assert site.removed_images == (sorted(left["RepoTags"]) if expected is None else expected)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (image("i1", "shop-blog:abc", "luma/shop/blog:i1"), ["luma/shop/blog:i1", "shop-blog:abc"]),
        (image("i1", "nginx:1", "luma/shop/blog:i1", Labels=None), ["luma/shop/blog:i1"]),
        # It serves another app, or another project: only the name that kept it for this one goes.
        (image("image-of-mine", "nginx:1", "luma/shop/blog:i1"), ["luma/shop/blog:i1"]),
        # Docker would refuse to take the last name away.
        (image("image-of-mine", "luma/shop/blog:i1"), []),
        # Of another app.
        (image("i1", "luma/shop/api:i1", Labels=BUILT | {"luma.app": "api"}), []),
    ],
)
def test_images_that_go_with_an_app(left: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    site = Site(tmp_path, [left])
    site.add_a_foreign_one()
    assert sorted(Images(site, str(tmp_path), "shop", "blog").of_removed_app(["blog-green", "id-of-blue"])) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (image("i1", "luma/shop/blog:i1", "shop-blog:abc", "luma/sent:i9"), None),
        (image("i1", "luma/shop/blog:i1", "shop-blog:abc", "keep:golden"), ["luma/shop/blog:i1", "shop-blog:abc"]),
        # It may be about to be deployed: it was built just now, or is another app's.
        (image("i1", "shop-blog:abc"), []),
        (image("i1", "luma/shop/api:i1", "shop-api:abc"), []),
        (image("i1"), []),
        # Another app, or another project, may return to it.
        (image("i1", "luma/shop/blog:i1", "luma/shop/api:i1", "shop-blog:abc"), ["luma/shop/blog:i1"]),
        # One that was pulled: under the tag that it still has, and after that was moved.
        (pulled("luma/shop/blog:i1", "me/blog:latest"), ["luma/shop/blog:i1"]),
        (pulled("luma/shop/blog:i1"), ["me/blog@sha256:1", "luma/shop/blog:i1"]),
        (pulled("luma/shop/blog:i1", "luma/other/blog:i1"), ["luma/shop/blog:i1"]),
        (pulled(), []),
        # It was built in another environment, and deployed in this one, or in both.
        (image("i1", "luma/shop/blog:i1", "shop-blog:abc", Labels=BUILT | {"luma.project": "shop-staging"}), None),
        (
            image(
                *("i1", "luma/shop/blog:i1", "luma/shop-staging/blog:i1", "shop-blog:abc"),
                Labels=BUILT | {"luma.project": "shop-staging"},
            ),
            ["luma/shop/blog:i1"],
        ),
        # As containerd's image store describes it.
        (pulled("luma/shop/blog:i1", RepoDigests=["luma/shop/blog@sha256:1"]), ["luma/shop/blog:i1"]),
        # A stopped container has it.
        (image("image-of-blue", "luma/shop/blog:i1"), []),
    ],
)
def test_a_deployment_removes_the_images_of_its_apps_earlier_releases(
    left: dict[str, Any], expected: list[str] | None, tmp_path: Path
) -> None:
    site = Site(tmp_path, [left])
    removed = Images(site, str(tmp_path), "shop", "blog").remove_unneeded()
    assert removed == (site.removed_images, "")
    assert sorted(site.removed_images) == sorted(left["RepoTags"] if expected is None else expected)
    # By this name the next deployment finds it, where this one dies.
    assert not any(name.startswith("luma/") for name in site.removed_images[:-1] if "sent" not in name)


def test_a_deployment_does_not_fail_for_images_that_cannot_be_removed(tmp_path: Path) -> None:
    site = Site(tmp_path, [image("i1", "luma/shop/blog:i1", "shop-blog:abc"), image("i2", "luma/shop/blog:i2")])
    site.fails_at = "luma/shop/blog:i1"
    removed, problem = Images(site, str(tmp_path), "shop", "blog").remove_unneeded()
    assert (removed, problem) == (["shop-blog:abc"], "the disk is broken")
    site.fails_at, site.is_gone = "", "luma/shop/blog:i1"
    assert Images(site, str(tmp_path), "shop", "blog").remove_unneeded()[1] == ""
    record = tmp_path / "releases" / "shop" / "blog.json"
    record.parent.mkdir(parents=True)
    record.write_text("[{")
    assert "cannot be read" in Images(site, str(tmp_path), "shop", "blog").remove_unneeded()[1]


@pytest.mark.parametrize("name", ["shop-blog:abc", "registry:5000/team/blog:abc", "registry:5000/blog"])
def test_a_build_is_labelled_with_its_repository(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = []

    def run(command: list[str], _folder: str, _what: str, **_how: Any) -> str:
        commands.append(command)
        Path(command[command.index("--iidfile") + 1]).write_text("sha256:1")
        return ""

    monkeypatch.setattr(build, "run", run)
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    names = {"project": "shop", "app": "blog", "image": name, "folder": ".", "context": ".", "dockerfile": "Dockerfile"}
    nothing: dict[str, Any] = {key: [] for key in ("platform", "secrets", "ssh", "cache_from", "cache_to", "builder")}
    build.build({**names, **nothing, "registry": None, "target": None, "args": {}}, True, {}, {})
    assert f"{LABEL_REPOSITORY}={name.removesuffix(':abc')}" in commands[0]


@pytest.mark.parametrize(("status", "removed"), [("exited", {"hook": "h"}), ("running", {}), ("created", {})])
def test_a_release_hook_that_has_ended_is_removed(status: str, removed: dict[str, str], tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.add_a_release_hook(status)
    assert site.prune.find().containers == {"blog-blue": "id-of-blue", **removed}


def test_what_ended_is_removed_with_its_image(tmp_path: Path) -> None:
    site = Site(tmp_path, [image("image-of-blue", "shop-blog:abc")])
    site.add_a_foreign_one()
    found = site.prune.find()
    assert site.prune.remove(found) == found == Leftovers({"blog-blue": "id-of-blue"}, images=("shop-blog:abc",))
    assert list(site.host.containers) == ["blog-green", "mine"]


@pytest.mark.parametrize("container_id", ["id-of-blue", "id-of-another"])
def test_a_container_that_a_deployment_starts_meanwhile_stays_with_its_image(container_id: str, tmp_path: Path) -> None:
    site = Site(tmp_path, [image("image-of-blue", "shop-blog:abc")])
    found = site.prune.find()
    site.start_another_blue(container_id)
    assert site.prune.remove(found) == Leftovers()
    assert site.host.containers["blog-blue"].running
    assert site.removed_images == []


def test_files_that_no_container_mounts_and_no_release_has_are_removed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    folder = tmp_path / "files" / "shop"
    for name in ("blog/green", "blog/blue", "blog/recorded", "blog/old", "gone/recorded", "db/old"):
        (folder / name).mkdir(parents=True)
        (folder / name / "my.cnf").touch()
    spec = {"files": [{"digest": "recorded"}]}
    for app in ("blog", "gone"):
        Releases(str(tmp_path), App("shop", app)).add(Release("r1", "x", "i1", "c1", "2026", "me", spec))
    leftovers = site.prune.remove(site.prune.find())
    removed = ["blog/blue", "blog/old", "db/old", "gone/recorded"]
    assert list(leftovers.files) == [str(folder / name) for name in removed]
    assert sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob("my.cnf")) == [
        "blog/green",
        "blog/recorded",
    ]
    assert site.prune.find().files == ()
