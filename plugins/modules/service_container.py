#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: services of a project on one host, created, kept running or replaced in place."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_container
short_description: Create services such as databases, keep them running, or replace them in place
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - A service has one container, C(PROJECT-NAME), on the network C(PROJECT-network). Apps reach it there under its
    name. luma-proxy has no part in it.
  - A service whose image or configuration differs is replaced in place, with the same address. The new image is
    brought and the new container created first, so that the service is away only from the stop of the old
    container to the start of the new one.
  - A new container has to become healthy by its image's own HEALTHCHECK or, if there is none, to stay running for
    two seconds. If it does not, it is stopped and removed, and the old one is started again.
  - All services of a call are worked on at the same time.
  - Volumes are never removed. An anonymous volume of the old container is mounted by the new one, unless something
    else is configured for its path.
  - Containers are found by their labels. A container of the same name that belongs to another project or to nobody is
    an error, and left alone.
  - A service that this call does not name is left as it is, and reported.
extends_documentation_fragment:
  - luma.deploy.engine
options:
  project:
    description: The project's name. Its network is called RV(ignore:NAME)-network.
    type: str
    required: true
  services:
    description: The services that the host has to run. Beside one called C(db) there cannot be one called C(db-new).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The service's name, which is its alias on the project's network.
        type: str
        required: true
      image:
        description: The image. It is pulled if the host does not have it.
        type: str
        required: true
      pull:
        description:
          - With V(always), the image's registry is asked what it has under the name, and that is pulled if the host
            has another image; see O(luma.deploy.bluegreen_container#module:pull). Without O(replace) it is not asked.
          - With V(missing), only an image that the host does not have is pulled.
        type: str
        choices: [always, missing]
        default: always
      command:
        description: The command, instead of the image's own.
        type: list
        elements: str
        default: []
      environment:
        description: Environment variables that are no secret.
        type: dict
        default: {}
      secrets:
        description:
          - Environment variables whose values are secret. They are in the container's environment only, never in a
            result, a diff or a log.
          - Another value is another configuration, so that the container is replaced.
        type: dict
        default: {}
      ports:
        description: Published ports as in C(docker run -p).
        type: list
        elements: str
        default: []
      volumes:
        description: Volumes, see O(luma.deploy.bluegreen_container#module:volumes).
        type: list
        elements: str
        default: []
      files:
        description: Files that the container gets, see O(luma.deploy.bluegreen_container#module:files).
        type: list
        elements: dict
        default: []
        suboptions:
          source:
            description: The path on the controller. It may be up to one megabyte.
            type: str
            required: true
          target:
            description: The path in the container.
            type: str
            required: true
          access:
            description: Whether the container can only read it (V(ro)) or write it, too (V(rw)).
            type: str
            choices: [ro, rw]
            default: ro
          digest:
            description: The digest of the content that is meant; that of the content that is there without it.
            type: str
          content:
            description: The content, which the action on the controller fills in.
            type: str
      runtime:
        description:
          - How the engine runs the container. What is not given is left to the engine and the image. The names are
            those of compose.
          - Another value is another configuration.
        type: dict
        default: {}
        suboptions:
          memory:
            description: The most memory, in bytes. What needs more is killed.
            type: int
          cpus:
            description: The most CPUs, such as V(1.5).
            type: float
          pids_limit:
            description: The most processes and threads; V(-1) for no limit.
            type: int
          shm_size:
            description: The size of C(/dev/shm), in bytes.
            type: int
          ulimits:
            description: Limits by their names, each C(SOFT) or C(SOFT:HARD), such as C(nofile) with V(65536).
            type: dict
          user:
            description: The user, and maybe the group, that the program runs as.
            type: str
          working_dir:
            description: The folder that the program starts in.
            type: str
          entrypoint:
            description: The program that gets the command, instead of the image's own.
            type: list
            elements: str
          init:
            description: Whether a small init process passes signals on and reaps processes.
            type: bool
          read_only:
            description: Whether the container's own file system can only be read.
            type: bool
          tmpfs:
            description: Folders in memory, each C(PATH) or C(PATH:OPTIONS).
            type: list
            elements: str
          devices:
            description: Devices of the host, each C(PATH) or C(PATH:PATH_IN_CONTAINER:RIGHTS).
            type: list
            elements: str
          gpus:
            description: How many GPUs, or V(all).
            type: str
          cap_add:
            description: Capabilities that are added.
            type: list
            elements: str
          cap_drop:
            description: Capabilities that are taken away.
            type: list
            elements: str
          security_opt:
            description: Options of the kernel's security modules, such as V(no-new-privileges).
            type: list
            elements: str
          extra_hosts:
            description: Names of hosts, each C(NAME:ADDRESS). The address V(host-gateway) is that of the host itself.
            type: list
            elements: str
          dns:
            description: DNS servers, instead of the host's own.
            type: list
            elements: str
          sysctls:
            description: Settings of the kernel, by their names.
            type: dict
          labels:
            description: Labels beside those of luma.
            type: dict
          logging:
            description: Where the log goes; without it, to three files of 10 MB.
            type: dict
            suboptions:
              driver:
                description: The log driver.
                type: str
                required: true
              options:
                description: Its options.
                type: dict
                default: {}
          stop_signal:
            description: The signal that asks the program to end, instead of the image's own, or SIGTERM.
            type: str
          networks:
            description: Networks that are on the host already, which the containers are on, too.
            type: list
            elements: str
      health_check:
        description:
          - How the container shows that it serves, when it was created, replaced or started. Without a command its
            image's HEALTHCHECK decides, and if it has none, it has to stay running for two seconds.
        type: dict
        suboptions:
          command:
            description: A command in the container; exit code 0 is healthy.
            type: list
            elements: str
          interval:
            description: The pause between two probes, in seconds. Right after the start probes come faster.
            type: float
            default: 1
          timeout:
            description: How long an answer may take, in seconds.
            type: float
            default: 5
          retries:
            description: How many probes in a row may fail, after the start period, before it has failed.
            type: int
            default: 30
          start_period:
            description: How long after the start failed probes do not count, in seconds.
            type: float
            default: 0
      stop_timeout:
        description: How long the container has between its stop signal and SIGKILL, in seconds.
        type: float
        default: 30
      registry:
        description: The login for pulling the image. It is not stored on the host.
        type: dict
        suboptions:
          server:
            description: The registry's host, with or without a port, or its URL; Docker Hub without it.
            type: str
          username:
            description: The user's name.
            type: str
          password:
            description: The password.
            type: str
  other_services:
    description: Names of services of the project that the host may run beside those of O(services).
    type: list
    elements: str
    default: []
  remote_user:
    description: The user that Ansible logs in to the host as, which the action on the controller fills in.
    type: str
  restart:
    description: Whether services that run are stopped and started again.
    type: bool
    default: false
  replace:
    description:
      - Whether a service that differs is replaced.
      - Without it, one that runs is kept as it is and the difference reported; only what is missing or stopped is
        created or started.
    type: bool
    default: true
  luma_file:
    description:
      - The absolute path of luma.yml on the controller.
      - With it, O(services) are as M(luma.deploy.project) returns them. Their C(secrets) are the names of variables,
        whose values are looked up beside the file at the last moment, as are passwords of registries.
    type: path
attributes:
  check_mode:
    support: full
    description: Says what would be created, started or replaced, and why; changes nothing.
  diff_mode:
    support: full
    description: Names the keys that changed; of the environment the variables' names, never a value.
  idempotent:
    support: full
    description: A second run restarts nothing.
"""

EXAMPLES = r"""
- name: Run the shop's database and cache
  luma.deploy.service_container:
    project: shop
    services:
      - name: db
        image: postgres:17
        environment:
          POSTGRES_DB: shop
        secrets:
          POSTGRES_PASSWORD: "{{ database_password }}"
        volumes:
          - shop-db:/var/lib/postgresql/data
      - name: cache
        image: valkey/valkey:8
        command: [valkey-server, --maxmemory, 100mb]

- name: See that the database runs, without restarting it for a change
  luma.deploy.service_container:
    project: shop
    services:
      - name: db
        image: postgres:17
        volumes:
          - shop-db:/var/lib/postgresql/data
    other_services: [cache]
    replace: false
"""

RETURN = r"""
services:
  description: What came of each service that did not fail.
  type: list
  elements: dict
  returned: always, once the services have been looked at
  contains:
    name:
      description: The service's name.
      type: str
      sample: db
    container:
      description: Its container's name.
      type: str
      sample: shop-db
    action:
      description: C(created), C(replaced), C(started) or C(kept).
      type: str
      sample: replaced
    changes:
      description: The keys that differ from what ran before, of the environment the variables' names.
      type: list
      elements: str
      sample: [image, environment.POSTGRES_PASSWORD]
    away:
      description: How long nothing ran while it was replaced, in seconds.
      type: float
      sample: 0.61
    notes:
      description: What else should be known.
      type: list
      elements: str
left_over:
  description: Services of the project on the host that are not named, and their containers.
  type: dict
  returned: success
  sample: {queue: [shop-queue]}
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: always, once the services have been looked at
failures:
  description: What is known about each container that did not become healthy, see M(luma.deploy.bluegreen_container).
  type: list
  elements: dict
  returned: when a container failed
"""

import contextlib
import typing as t
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import exclusive
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import (
    MOUNT_OPTIONS,
    REMOTE_USER_OPTION,
    Mounts,
    files_of,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    ALWAYS,
    MISSING,
    REGISTRY_OPTIONS,
    short_id,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.runtime import RUNTIME_OPTION, Runtime
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    ENGINE_OPTIONS,
    HEALTH_OPTIONS,
    health_check_of,
    run,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in_errors
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import (
    SECRET_OPTIONS,
    take_registry,
    take_secrets,
)
from ansible_collections.luma.deploy.plugins.module_utils.services.services import (
    bring_up,
    left_over,
    refuse_names_of_new_containers,
)
from ansible_collections.luma.deploy.plugins.module_utils.services.specification import Service
from ansible_collections.luma.deploy.plugins.module_utils.services.upkeep import Outcome


def up(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
    secrets = {options["name"]: take_secrets(module, options) for options in module.params["services"]}
    values = {f"{service}.{name}": value for service, found in secrets.items() for name, value in found.items()}
    with hidden_in_errors(values):
        services = [service_of(module.params, options, secrets) for options in module.params["services"]]
        # A run that deploys another app of the project brings up the same services.
        folder = Path(module.params["state_dir"], "services", module.params["project"])
        with contextlib.nullcontext() if module.check_mode else exclusive(folder):
            return bring_all_up(module, engine, services)


def service_of(
    params: t.Mapping[str, t.Any], options: dict[str, t.Any], secrets: t.Mapping[str, t.Mapping[str, str]]
) -> Service:
    environment = {key: str(value) for key, value in options["environment"].items()}
    files = files_of(params["state_dir"], params["project"], options["name"], options["files"])
    return Service(
        project=params["project"],
        name=options["name"],
        image=options["image"],
        command=tuple(options["command"]),
        environment={**environment, **secrets[options["name"]]},
        ports=tuple(options["ports"]),
        mounts=Mounts.of(options["volumes"], files, params["remote_user"]),
        runtime=Runtime.of(options["runtime"]),
        check=health_check_of(options, None) if (options["health_check"] or {}).get("command") else None,
        stop_timeout=options["stop_timeout"],
        pull=options["pull"],
        registry=take_registry(options),
    )


def bring_all_up(module: AnsibleModule, engine: Engine, services: t.Sequence[Service]) -> dict[str, t.Any]:
    params = module.params
    named = {service.name for service in services}.union(params["other_services"])
    refuse_names_of_new_containers(named)
    outcomes = bring_up(engine, params["project"], services, params["replace"], module.check_mode, params["restart"])
    done = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, LumaError)]
    result: dict[str, t.Any] = {
        "changed": any(outcome.changed for outcome in done),
        "services": [facts(outcome) for outcome in done],
        "diff": {"before": before(done), "after": after(done)},
        "report": [line for outcome in done for line in report(outcome, params["replace"], module.check_mode)],
    }
    if failed:
        failures = [failure for error in failed for failure in error.facts.get("failures", ())]
        raise LumaError("\n".join(str(error) for error in failed), failures=failures, **result)
    unnamed = left_over(engine, params["project"], named)
    unnamed_lines = [
        f"⚠️ Service {name} is not in luma.yml and was left as it is. To remove it: docker rm --force {' '.join(names)}"
        for name, names in unnamed.items()
    ]
    return dict(result, left_over=unnamed, report=[*result["report"], *unnamed_lines])


def facts(outcome: Outcome) -> dict[str, t.Any]:
    return {
        key: value
        for key, value in asdict(outcome).items()
        if key not in ("changed", "image", "image_before", "image_shown")
    }


def before(outcomes: t.Iterable[Outcome]) -> dict[str, str]:
    """The services that change, as they are."""
    return {
        outcome.name: f"{short_id(outcome.image_before)}, {outcome.status_before}"
        for outcome in outcomes
        if outcome.changed and outcome.action != "created"
    }


def after(outcomes: t.Iterable[Outcome]) -> dict[str, str]:
    """The same services as they will be; no value of the environment is in it."""
    return {outcome.name: _after(outcome) for outcome in outcomes if outcome.changed}


def _after(outcome: Outcome) -> str:
    if outcome.action not in ("created", "replaced"):
        return f"{short_id(outcome.image_before)}, running"
    return ", ".join([outcome.image_shown, "running", *(f"another {change}" for change in outcome.changes)])


def report(outcome: Outcome, replace: bool, check_mode: bool) -> list[str]:
    changes = ", ".join(outcome.changes)
    would = "would be " if check_mode else ""
    away = "" if check_mode else f"; it was away for {outcome.away:.1f} s"
    lines = {
        "created": [f"Service {outcome.name} {would}created"],
        "replaced": [f"Service {outcome.name} {would}replaced ({changes}){away}"],
        "started": [f"Service {outcome.name} did not run, and {would or 'was '}started"],
        "restarted": [f"Service {outcome.name} {would or 'was '}restarted{away}"],
        "kept": [f"Nothing changed: service {outcome.name} runs"] if replace and not outcome.changed else [],
    }[outcome.action]
    if changes and outcome.action != "replaced":
        lines.append(
            f"⚠️ Service {outcome.name} differs from luma.yml ({changes}). To replace it: luma deploy --services"
        )
    return lines + [f"Service {outcome.name}: {note}" for note in outcome.notes]


#: A service is asked by a command; it has no port that luma knows.
HEALTH_CHECK_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        name: HEALTH_OPTIONS["health_check"]["options"][name]
        for name in ("command", "interval", "timeout", "retries", "start_period")
    },
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            project={"type": "str", "required": True},
            services={
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "image": {"type": "str", "required": True},
                    "command": {"type": "list", "elements": "str", "default": []},
                    "environment": {"type": "dict", "default": {}},
                    "secrets": SECRET_OPTIONS["secrets"],
                    "ports": {"type": "list", "elements": "str", "default": []},
                    **MOUNT_OPTIONS,
                    "runtime": RUNTIME_OPTION,
                    "health_check": HEALTH_CHECK_OPTION,
                    "stop_timeout": {"type": "float", "default": 30},
                    "pull": {"type": "str", "choices": [ALWAYS, MISSING], "default": ALWAYS},
                    "registry": REGISTRY_OPTIONS["registry"],
                },
            },
            other_services={"type": "list", "elements": "str", "default": []},
            **REMOTE_USER_OPTION,
            replace={"type": "bool", "default": True},
            restart={"type": "bool", "default": False},
            luma_file={"type": "path"},
        ),
        supports_check_mode=True,
    )
    run(module, up)


if __name__ == "__main__":
    main()
