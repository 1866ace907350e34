# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds an app's image where Ansible runs; documented in the module of the same name."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import REGISTRY_OPTIONS, Registry
from ansible_collections.luma.deploy.plugins.plugin_utils.action.secret_arguments import build_secrets_of, with_secrets
from ansible_collections.luma.deploy.plugins.plugin_utils.images.build import (
    Built,
    build,
    buildx_keys,
    digest_in_registry,
    pushes,
    run,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.images.push import push
from ansible_collections.luma.deploy.plugins.plugin_utils.images.registry_login import login_of
from ansible_collections.luma.deploy.plugins.plugin_utils.images.transfer import local_image
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.overlay import environment

OPTIONS = {
    "project": {"type": "str", "required": True},
    "app": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "context": {"type": "path", "required": True},
    "dockerfile": {"type": "str", "default": "Dockerfile"},
    "args": {"type": "dict", "default": {}},
    "target": {"type": "str"},
    "platform": {"type": "list", "elements": "str", "default": []},
    "secrets": {"type": "dict", "default": {}, "no_log": False},
    "ssh": {"type": "list", "elements": "str", "default": []},
    "cache_from": {"type": "list", "elements": "str", "default": []},
    "cache_to": {"type": "list", "elements": "str", "default": []},
    "builder": {"type": "str"},
    "prepare": {"type": "list", "elements": "str"},
    "folder": {"type": "path", "default": "."},
    "existing": {"type": "bool", "default": False},
    "announce": {"type": "bool", "default": False},
    **REGISTRY_OPTIONS,
}


class Row(NamedTuple):
    """An image of the app that the engine has under one name. ``digest`` is what the registry of that name calls it,
    ``<none>`` where it was never pushed or pulled."""

    id: str
    name: str
    digest: str


class Done(NamedTuple):
    """What came of it. ``image_id``: the image's id in this machine's engine, empty if it is not there."""

    changed: bool
    image_id: str
    pushed: bool
    report: list[str]
    output: str


class ActionModule(ActionBase):
    """Runs the command that prepares the build, the build, and a push, on the controller."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(OPTIONS)
        done = Done(False, existing_id(options), False, [], "") if options["existing"] else self._made(options)
        return result | {
            "app": options["app"],
            "image": options["image"],
            "release": release_in(options["image"]),
            "changed": done.changed,
            "pushed": done.pushed,
            "image_id": done.image_id,
            "stdout_lines": done.output.splitlines(),
            "report": [] if self._task.check_mode else done.report,
        }

    def _made(self, options: dict[str, Any]) -> Done:
        if options["prepare"]:
            run(options["prepare"], options["folder"], f"build.prepare of {options['image']}")
        done = self._pushed_by_build(options) if pushes(options) else self._built_here(options)
        return done._replace(report=[*done.report, announcement(options)]) if options["announce"] else done

    def _built_here(self, options: dict[str, Any]) -> Done:
        """The image comes to this machine's engine, and is pushed from there."""
        began, image, check_mode = time.monotonic(), options["image"], self._task.check_mode
        known = images_of(options["project"], options["app"])
        registry = self._registry(options) if buildx_keys(options) else None
        with login_of(registry) as login:
            built = build(options, not check_mode, self._secrets(options), login)
        image_id = built.id
        if all(row.id != image_id for row in known) and not check_mode:
            image_id = self._id_here(options, built)
        changed = all(row.id != image_id for row in known)
        report = [f"Built image {image} in {time.monotonic() - began:.1f} s"] if changed else []
        if options["registry"] and not check_mode and not is_pushed(image, image_id, known):
            report.append(self._push(image, options))
            changed = True
        return Done(changed, image_id, bool(options["registry"]) and not check_mode, report, built.output)

    @staticmethod
    def _id_here(options: dict[str, Any], built: Built) -> str:
        """An engine with containerd's image store calls it otherwise than the build does."""
        found = local_image(options["image"])
        if not found and options["builder"]:
            raise AnsibleActionFail(
                f"The builder {options['builder']} has built {options['image']}, but did not bring it to the engine of "
                "this machine: name a registry, to which it can be pushed, or a builder of another driver than docker. "
                "Nothing was deployed."
            )
        return str((found or {"Id": built.id})["Id"])

    def _pushed_by_build(self, options: dict[str, Any]) -> Done:
        """The image goes to its registry, and need not come to this machine's engine."""
        began, image, check_mode = time.monotonic(), options["image"], self._task.check_mode
        with login_of(self._registry(options)) as login:
            before = digest_in_registry(options, login)
            built = build(options, not check_mode, self._secrets(options), login)
        changed = check_mode or built.digest != before
        report = [f"Built and pushed image {image} in {time.monotonic() - began:.1f} s"] if changed else []
        return Done(changed, "", not check_mode, report, built.output)

    def _secrets(self, options: dict[str, Any]) -> dict[str, str]:
        return build_secrets_of(options["secrets"], options["luma_file"], options["app"])

    def _registry(self, options: dict[str, Any]) -> Registry | None:
        """The registry with its login; None where there is none."""
        completed = with_secrets(options, options["luma_file"], "apps", options["app"], self._loader)
        return Registry.of(completed["registry"])

    def _push(self, image: str, options: dict[str, Any]) -> str:
        began = time.monotonic()
        push(image, self._registry(options))
        return f"Pushed image {image} in {time.monotonic() - began:.1f} s"


def release_in(image: str) -> str:
    """The release that an image was built as, which is its tag."""
    return image.rpartition(":")[2]


def announcement(options: dict[str, Any]) -> str:
    """What was built, and what to type next."""
    app, image = options["app"], options["image"]
    release = release_in(image)
    command = f"luma -d {environment()}" if environment() else "luma"
    place = "is in the registry, as" if options["registry"] else "is in the engine of this machine, as"
    return f"Release {release} of {app} {place} {image}. To deploy it, run: {command} deploy {app} --release {release}"


def existing_id(options: dict[str, Any]) -> str:
    """The id of an image that was built before, if this engine has it, and not a registry."""
    found = None if options["registry"] else local_image(options["image"])
    return str(found["Id"]) if found else ""


def images_of(project: str, app: str) -> list[Row]:
    """The images that were built for an app, dangling ones too."""
    label_filters = [f"--filter=label=luma.project={project}", f"--filter=label=luma.app={app}"]
    row_format = "{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}"
    command = ["docker", "image", "ls", "--no-trunc", "--digests", *label_filters, "--format", row_format]
    return [Row(*line.split()) for line in run(command, ".", "The list of images", subprocess.DEVNULL).splitlines()]


def is_pushed(image: str, image_id: str, known: Sequence[Row]) -> bool:
    """Whether a registry has the image under this name already."""
    return any((row.id, row.name) == (image_id, image) and row.digest != "<none>" for row in known)
