# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What luma's modules share that talk to an engine: their common options, the engine, and the app's lock."""

from __future__ import annotations

import traceback
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.client import DOCKER_ERROR
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import STATE_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import Mounts, files_of
from ansible_collections.luma.deploy.plugins.module_utils.module.ending import finish
from ansible_collections.luma.deploy.plugins.module_utils.module.lock_option import between_locks, lock_of
from ansible_collections.luma.deploy.plugins.module_utils.module.numbers import publish_serving
from ansible_collections.luma.deploy.plugins.module_utils.proxy.runtime_api import Haproxy
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.health import HealthCheck
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import Held

#: The options of the documentation fragment ``luma.deploy.engine``.
ENGINE_OPTIONS: dict[str, t.Any] = {
    "docker_host": {
        "type": "str",
        "default": "unix:///var/run/docker.sock",
        "fallback": (env_fallback, ["DOCKER_HOST"]),
    },
    "engine_timeout": {"type": "int", "default": 60},
    "state_dir": STATE_OPTION,
}

#: The options of the documentation fragment ``luma.deploy.engine.app``.
APP_OPTIONS: dict[str, t.Any] = {
    "project": {"type": "str", "required": True},
    "app": {"type": "str", "required": True},
    "proxied": {"type": "bool", "default": True},
}

#: The options of the documentation fragment ``luma.deploy.engine.health``.
HEALTH_OPTIONS: dict[str, t.Any] = {
    "health_check": {
        "type": "dict",
        "default": {},
        "options": {
            "path": {"type": "str"},
            "port": {"type": "int", "default": 80},
            "host": {"type": "str", "default": "localhost"},
            "command": {"type": "list", "elements": "str"},
            "interval": {"type": "float", "default": 1},
            "timeout": {"type": "float", "default": 5},
            "retries": {"type": "int", "default": 30},
            "start_period": {"type": "float", "default": 0},
            "https": {"type": "bool", "default": False},
        },
    },
}


def run(module: AnsibleModule, main: t.Callable[[AnsibleModule, Engine], dict[str, t.Any]]) -> None:
    """Connects to the engine, calls ``main`` and ends the task as `finish` does, with ``unreachable_engine`` where no
    engine answers."""
    if DOCKER_ERROR is not None:
        module.fail_json(
            msg=missing_required_lib("docker"), exception="".join(traceback.format_exception(DOCKER_ERROR))
        )
    params = module.params
    try:
        engine = Engine.connect(params["docker_host"], params["engine_timeout"], params["state_dir"])
    except LumaError as exc:
        module.fail_json(msg=str(exc), unreachable_engine=True)
    finish(module, lambda: main(module, engine))


def run_held(module: AnsibleModule, main: t.Callable[[AnsibleModule, Engine, Held], dict[str, t.Any]]) -> None:
    """As `run`, under the app's lock where the option ``run`` says which run of luma holds it. With the option ``lock``
    it is taken first, with ``release_lock`` it is given back at the end. What serves then is published for
    Prometheus."""

    def work(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
        params = module.params
        if not params["run"] or module.check_mode:
            return main(module, engine, Held())
        with lock_of(params).held(params["run"]) as held:
            return main(module, engine, held)

    def published(module: AnsibleModule, engine: Engine) -> dict[str, t.Any]:
        result = work(module, engine)
        if not module.check_mode:
            publish_serving(module, engine, app_of(module.params), result)
        return result

    run(module, lambda module, engine: between_locks(module, lambda: published(module, engine)))


def app_of(params: t.Mapping[str, t.Any]) -> App:
    return App(params["project"], params["app"], params.get("network") or "")


def mounts_of(params: t.Mapping[str, t.Any]) -> Mounts:
    """What the containers of an app mount."""
    files = files_of(params["state_dir"], params["project"], params["app"], params["files"])
    return Mounts.of(params["volumes"], files, params["remote_user"])


def proxy_folder(params: t.Mapping[str, t.Any]) -> Path:
    return Path(params["state_dir"], "proxy")


def proxy_of(module: AnsibleModule) -> Haproxy | None:
    """The host's proxy, for an app that it routes; None in check mode where it would have to be started first."""
    if not module.params["proxied"]:
        return None
    proxy = Haproxy(proxy_folder(module.params) / "run")
    return None if module.check_mode and not proxy.is_reachable() else proxy


def has_healthcheck(image: t.Mapping[str, t.Any] | None) -> bool:
    """Whether an image, as the engine describes it, has a HEALTHCHECK of its own. What is empty may be left out."""
    config = (image or {}).get("Config") or {}
    return ((config.get("Healthcheck") or {}).get("Test") or ["NONE"]) != ["NONE"]


def health_check_of(params: t.Mapping[str, t.Any], image: t.Mapping[str, t.Any] | None) -> HealthCheck:
    """The health check that the options and the image's own configuration give."""
    options = params["health_check"] or {}
    if options.get("command"):
        kind = "command"
    elif options.get("path"):
        kind = "http"
    elif has_healthcheck(image):
        kind = "image"
    else:
        kind = "running"
    given = {key: value for key, value in options.items() if value is not None}
    return HealthCheck(kind, **dict(given, command=tuple(given.get("command", ()))))
