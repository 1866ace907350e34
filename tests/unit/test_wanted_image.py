# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image a name means: what its registry has now, unless it cannot have it, or does not say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    ALWAYS,
    MISSING,
    NEVER,
    Answer,
    answer_of,
    digests_of,
    pulled_digest,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.wanted_image import WantedImage, wanted_image

NAME = "me/blog:latest"
OLD, NEW = (f"sha256:{digit * 64}" for digit in "01")
AWAY = Answer(problem="the registry docker.io cannot be reached")
DENIED = answer_of(NAME, "denied: requested access to the resource is denied", None)


class Host(Engine):
    """An engine in memory. ``images``: its images by name; ``answer``: what the registry says that it has."""

    def __init__(self, answer: Answer, **images: dict[str, Any]) -> None:
        self.answer = answer
        self.images = images
        self.asked = 0
        self.pulls = 0

    def image(self, name: str) -> dict[str, Any] | None:
        return self.images.get(name)

    def ask_registry(self, name: str) -> Answer:
        self.asked += 1
        return self.answer

    def _pull(self, name: str) -> tuple[str, str]:
        self.pulls += 1
        if not self.answer.digest:
            return "", self.answer.problem
        self.images[name] = image(f"id of {self.answer.digest}", f"me/blog@{self.answer.digest}")
        return self.answer.digest, ""

    def _name_image(self, found_id: str, name: str, image_id: str) -> None:
        pass

    def _layers(self) -> list[str]:
        return []


def image(image_id: str, *digests: str) -> dict[str, Any]:
    return {"Id": image_id, "RepoDigests": list(digests)}


def host(answer: Answer, *digests: str, name: str = NAME) -> Host:
    return Host(answer, **{name: image("old", *(digests or (f"me/blog@{OLD}",)))})


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_the_registry_has_already_is_not_pulled(check_mode: bool) -> None:
    # A manifest list that has changed for another platform gives an image a second digest.
    engine = host(Answer(OLD), f"me/blog@{NEW}", f"me/blog@{OLD}")
    wanted = wanted_image(engine, NAME, check_mode=check_mode)
    assert (wanted.id, wanted.digest, wanted.confirmed, engine.pulls) == ("old", OLD, True, 0)
    assert wanted.reference == f"{NAME}@{OLD}"


def test_a_tag_that_has_moved_is_pulled() -> None:
    engine = host(Answer(NEW))
    planned = wanted_image(engine, NAME, check_mode=True)
    assert (planned.found, planned.id, planned.shown, engine.pulls) == (None, "", f"{NAME}@sha256:111111111111", 0)
    wanted = wanted_image(engine, NAME)
    assert (wanted.id, wanted.digest, wanted.confirmed) == (f"id of {NEW}", NEW, True)
    assert not wanted.warning


def test_one_that_cannot_be_pulled_is_not_replaced_by_what_the_host_has(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = host(Answer(NEW))
    monkeypatch.setattr(engine, "_pull", lambda _name: ("", "its disk is full"))
    with pytest.raises(LumaError, match=r"could not be pulled: its disk is full\. Nothing was changed") as raised:
        wanted_image(engine, NAME)
    # Nor by what the controller has.
    assert "missing_image" not in raised.value.facts


@pytest.mark.parametrize("answer", [AWAY, DENIED])
def test_a_registry_that_does_not_say_is_a_warning(answer: Answer) -> None:
    wanted = wanted_image(host(answer), NAME)
    assert (wanted.id, wanted.digest, wanted.confirmed, wanted.reference) == ("old", OLD, False, NAME)
    assert wanted.warning == f"{NAME} is the image that this host has: {answer.problem}"
    assert "\n" not in wanted.warning


def test_an_image_without_account_that_the_registry_does_not_know_is_local() -> None:
    # As containerd's image store describes one that was built.
    engine = host(DENIED, f"my-blog@{OLD}", name="my-blog")
    assert not wanted_image(engine, "my-blog").warning


@pytest.mark.parametrize(
    ("name", "options", "digests"),
    [
        (NAME, {"pull": MISSING}, ()),
        (NAME, {"pull": NEVER}, ()),
        (NAME, {"image_id": "old"}, ()),
        (f"me/blog@{OLD}", {}, ()),
        # Built or loaded on the host; tagged there.
        ("my-blog", {}, (f"me/blog@{OLD}",)),
    ],
)
def test_what_cannot_have_changed_is_not_asked_for(name: str, options: dict[str, Any], digests: tuple[str]) -> None:
    engine = host(Answer(NEW), *digests, name=name)
    engine.images["old"] = engine.images[name]
    assert wanted_image(engine, name, **options).id == "old"
    assert wanted_image(engine, name, check_mode=True, **options).id == "old"
    assert (engine.asked, engine.pulls) == (0, 0)


def test_an_image_that_the_host_lacks_is_pulled_and_asked_for_in_check_mode_alone() -> None:
    engine = Host(Answer(NEW))
    assert wanted_image(engine, NAME, check_mode=True).digest == NEW
    assert (engine.asked, engine.pulls) == (1, 0)
    pulled = wanted_image(engine, NAME, pull=MISSING)
    assert (pulled.digest, pulled.confirmed, engine.asked) == (NEW, True, 1)
    assert wanted_image(Host(AWAY), NAME, check_mode=True) == WantedImage(NAME, None)
    with pytest.raises(LumaError) as raised:
        wanted_image(Host(AWAY), NAME)
    assert raised.value.facts["missing_image"] == NAME


@pytest.mark.parametrize(("name", "image_id"), [(f"me/blog@{NEW}", ""), (NAME, "id of another engine")])
def test_what_has_one_meaning_is_called_as_it_was(name: str, image_id: str) -> None:
    engine = Host(Answer(NEW))
    assert wanted_image(engine, name, image_id).reference == name
    assert engine.pulls == 1


def test_a_plan_shows_the_id_of_a_built_image_that_the_host_lacks() -> None:
    wanted = wanted_image(Host(AWAY), NAME, "sha256:abc", ALWAYS, check_mode=True)
    assert (wanted.id, wanted.shown) == ("sha256:abc", "abc")


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("me/blog", NAME),
        ("postgres", "postgres:17"),
        ("postgres", "docker.io/library/postgres"),
        ("registry:5000/blog", "registry:5000/blog:1"),
    ],
)
def test_a_digest_belongs_to_a_name(repository: str, name: str) -> None:
    assert digests_of(image("i", f"{repository}@{OLD}", f"other@{NEW}", "<none>@<none>"), name) == [OLD]


def test_the_digest_of_a_pull_is_read_from_what_the_engine_says() -> None:
    assert pulled_digest([{"status": "Pulling"}, {"status": f"Digest: {OLD}"}, {"status": "Status: new"}]) == OLD
    assert pulled_digest([{"progressDetail": {}}]) == ""


@pytest.mark.parametrize(
    ("words", "problem", "not_there"),
    [
        ("manifest unknown: manifest unknown", "the registry docker.io has no such image", True),
        ("denied: requested access", "the registry docker.io refuses it (without login)", True),
        ("dial tcp: lookup registry-1.docker.io: no such host", "the registry docker.io cannot be reached", False),
        ("toomanyrequests: You have\nreached", "toomanyrequests: You have", False),
    ],
)
def test_what_an_engine_says_of_a_question(words: str, problem: str, not_there: bool) -> None:
    assert answer_of(NAME, words, None) == Answer(problem=problem, not_there=not_there)
