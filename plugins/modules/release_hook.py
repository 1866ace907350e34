#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: runs a command of a release in a one-off container of its image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_hook
short_description: Run a command of a release, such as a migration, in a one-off container of its image
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Runs a command in a container of its own, C(APP-release-hook), which has an app's environment, secrets, volumes and
    network, but no alias, no published port and no restart policy. It waits for the command's end, however long that
    takes, and removes the container.
  - If the command fails, the message has its exit code and its last 20 log lines, in which the values of secrets
    are hidden.
  - What it has written, up to 1000 lines, is kept on the host for M(luma.deploy.container_logs), the values of secrets
    hidden.
  - The container is no replica of the app. What a killed run has left of it is removed by the next run.
  - A container of the same name that belongs to another project or to nobody is an error, and left alone.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.run
  - luma.deploy.engine.registry
  - luma.deploy.engine.secrets
  - luma.deploy.engine.mounts
  - luma.deploy.engine.runtime
options:
  project:
    description: The project's name. Its network, RV(ignore:NAME)-network, is made if it is missing.
    type: str
    required: true
  app:
    description: The app's name.
    type: str
    required: true
  log_of:
    description: The app under whose name its output is kept, if O(app) is a process of one. O(app) without it.
    type: str
  command:
    description: The command, instead of the image's own. An entrypoint of the image stays, as for the app itself.
    type: list
    elements: str
    required: true
  image:
    description:
      - The image. If the host does not have it, it is pulled, and if that fails, sent from the controller's
        engine, if that engine has it.
    type: str
    required: true
  image_id:
    description:
      - The id of the image that O(image) means, see RV(luma.deploy.image_build#module:image_id).
    type: str
  pull:
    description: Whether an image that the host does not have is pulled. Without it, it is sent from the controller.
    type: bool
    default: true
  release:
    description:
      - The release's name, for the label C(luma.release) and the environment variable E(LUMA_RELEASE).
      - Without it, the first twelve digits of the image's id.
    type: str
  environment:
    description: Environment variables that are no secret. E(LUMA_RELEASE) is added.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Says what would be run. What a command changes is not known.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: none
    description: The command is run each time.
"""

EXAMPLES = r"""
- name: Migrate the database of the blog
  luma.deploy.release_hook:
    project: shop
    app: blog
    image: my-blog:42
    command: [bin/rails, "db:migrate"]
    environment:
      RAILS_ENV: production
    secrets:
      DATABASE_URL: "{{ vault_database_url }}"
"""

RETURN = r"""
exit_code:
  description: The command's exit code.
  type: int
  returned: when it has ended by itself
  sample: 0
oom_killed:
  description: Whether it was killed because it ran out of memory.
  type: bool
  returned: when it has ended by itself
seconds:
  description: How long it ran.
  type: float
  returned: when it has ended by itself
  sample: 2.104
logs:
  description: Its last 20 log lines.
  type: list
  elements: str
  returned: when it has ended by itself
interrupted:
  description: True if it was stopped since the run was interrupted.
  type: bool
  returned: when it was
locked:
  description: True if the run does not hold the app's lock, or has lost it meanwhile.
  type: bool
  returned: failure
missing_image:
  description: The image that the host lacks and could not pull. The action on the controller sends it.
  type: str
  returned: when an image is missing
layers:
  description: The chain ids of all layers that the host has.
  type: list
  elements: str
  returned: when an image is missing
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
"""

import shlex
import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.hook_log import HookLog, Written
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import MOUNT_OPTIONS, REMOTE_USER_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import REGISTRY_OPTIONS, short_id
from ansible_collections.luma.deploy.plugins.module_utils.host.runtime import RUNTIME_OPTION, Runtime
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    ENGINE_OPTIONS,
    app_of,
    mounts_of,
    run_held,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in, hidden_in_errors
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import (
    SECRET_OPTIONS,
    take_registry,
    take_secrets,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.hook import Ended, Hook, ReleaseHook
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held


def run_hook(module: AnsibleModule, engine: Engine, held: Held) -> dict[str, t.Any]:
    params, secrets = module.params, take_secrets(module, module.params)
    engine.registry = take_registry(params)
    hook = ReleaseHook(engine, app_of(params))
    with hidden_in_errors(secrets):
        hook.refuse()
        if module.check_mode:
            return {"changed": True, "report": [f"Release hook would be run: {shlex.join(params['command'])}"]}
        ended = hook.run(what_to_run(params, secrets, engine), held, keeper(params, secrets))
        require_success(ended)
    result = dict(asdict(ended), changed=True, report=report(ended))
    return t.cast("dict[str, t.Any]", hidden_in(result, secrets))


def what_to_run(params: t.Mapping[str, t.Any], secrets: t.Mapping[str, str], engine: Engine) -> Hook:
    image = engine.need_image(params["image"], params["image_id"] or "", params["pull"])
    return Hook(
        image=params["image"],
        command=params["command"],
        release=params["release"] or short_id(image["Id"]),
        environment=dict({key: str(value) for key, value in params["environment"].items()}, **secrets),
        mounts=mounts_of(params),
        runtime=Runtime.of(params["runtime"]),
    )


def keeper(params: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> t.Callable[[list[Written]], None]:
    log, app = HookLog(params["state_dir"]), params["log_of"] or params["app"]
    return lambda written: log.add(
        *(params["project"], app, "release"), [(at, hidden_in(text, secrets)) for at, text in written]
    )


def require_success(ended: Ended) -> None:
    if ended.exit_code == 0:
        return
    lines = [f"Release hook: exit {ended.exit_code} in {ended.seconds:.1f} s."]
    if ended.oom_killed:
        lines.append("It ran out of memory and was killed.")
    lines.append(f"Last {len(ended.logs)} log lines:" if ended.logs else "It logged nothing.")
    raise LumaError("\n".join([*lines, *(f"  {line}" for line in ended.logs)]), **asdict(ended))


def report(ended: Ended) -> list[str]:
    last = f": {ended.logs[-1]}" if ended.logs else ""
    return [f"Release hook: exit 0 in {ended.seconds:.1f} s{last}"]


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **REGISTRY_OPTIONS,
            **SECRET_OPTIONS,
            **MOUNT_OPTIONS,
            **REMOTE_USER_OPTION,
            runtime=RUNTIME_OPTION,
            run=RUN_OPTION,
            project={"type": "str", "required": True},
            app={"type": "str", "required": True},
            log_of={"type": "str"},
            command={"type": "list", "elements": "str", "required": True},
            image={"type": "str", "required": True},
            image_id={"type": "str"},
            pull={"type": "bool", "default": True},
            release={"type": "str"},
            environment={"type": "dict", "default": {}},
        ),
        supports_check_mode=True,
    )
    run_held(module, run_hook)


if __name__ == "__main__":
    main()
