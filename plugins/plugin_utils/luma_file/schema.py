# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of luma.yml, their values, defaults and other names. `docs/luma-yml.md` says what they mean, and is tested
against this."""

from __future__ import annotations

import shlex
from dataclasses import replace

from ansible_collections.luma.deploy.plugins.module_utils.host.registries import ALWAYS
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file import builds, names, notify, values
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import (
    Named,
    Names,
    Pairs,
    Schema,
    Section,
    Value,
    Values,
)
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.metrics import metrics
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schedule import schedule

REGISTRY_PASSWORD = "DOCKER_REGISTRY_PASSWORD"


def words(text: str) -> list[str]:
    """The words of a command, as a shell splits them."""
    try:
        return shlex.split(text)
    except ValueError as exc:
        raise ValueError(f"cannot be split into words: {exc}") from exc


def one(text: str) -> list[str]:
    return [text]


SERVERS = Values(values.server, from_text=one, aliases=("server",))
COMMAND = Values(values.word, from_text=words)
OPTIONAL_COMMAND = Values(values.word, from_text=words, optional=True)
ENVIRONMENT = Section(
    {
        "plain": Pairs(values.check_variable),
        "secret": Names(values.variable),
    }
)
REGISTRY = Section(
    {
        "url": Value(values.registry),
        "username": Value(values.string),
        "password_secret": Value(values.variable, REGISTRY_PASSWORD),
    },
    optional=True,
)
PULL = Value(values.pull, ALWAYS)
BUILD = Section(
    {
        "context": Value(values.string, "."),
        "dockerfile": Value(values.string, "Dockerfile"),
        "prepare": OPTIONAL_COMMAND,
        "args": Pairs(values.check_variable, from_environment=True),
        "target": Value(values.string),
        "platform": Values(builds.platform, from_text=builds.platforms_in, aliases=("platforms",)),
        "secrets": Names(values.variable),
        "ssh": Values(values.string, from_text=one),
        "cache": Section(
            {"from": Values(values.string, from_text=one), "to": Values(values.string, from_text=one)},
            optional=True,
            instead=builds.whole_cache,
        ),
        "builder": Value(values.string),
    },
    optional=True,
)
#: How the engine runs a container; the names are those of compose.
RUNTIME: dict[str, Schema] = {
    "memory": Value(values.size, aliases=("mem_limit",)),
    "cpus": Value(values.cpus),
    "pids_limit": Value(values.pids_limit),
    "shm_size": Value(values.size),
    "ulimits": Pairs(values.check_word, check_value=values.ulimit),
    "user": Value(values.text),
    "working_dir": Value(values.absolute_path),
    "entrypoint": OPTIONAL_COMMAND,
    "init": Value(values.boolean),
    "read_only": Value(values.boolean),
    "tmpfs": Values(values.string, from_text=one, optional=True),
    "devices": Values(values.string, optional=True),
    "gpus": Value(values.gpus),
    "cap_add": Values(values.capability, optional=True),
    "cap_drop": Values(values.capability, optional=True),
    "security_opt": Values(values.string, optional=True),
    "extra_hosts": Values(values.extra_host, optional=True),
    "dns": Values(values.address, from_text=one, optional=True),
    "sysctls": Pairs(values.check_word),
    "labels": Pairs(values.check_label),
    "logging": Section({"driver": Value(values.string), "options": Pairs(values.check_word)}, optional=True),
    "stop_signal": Value(values.stop_signal),
    "networks": Values(values.string, optional=True),
}
HEALTH_CHECK = Section(
    {
        "path": Value(values.path, aliases=("http_path",)),
        "host": Value(values.host_name),
        "command": OPTIONAL_COMMAND,
        "interval": Value(values.duration, 1.0),
        "timeout": Value(values.duration, 5.0),
        "retries": Value(values.positive, 30),
        "start_period": Value(values.duration, 0.0),
    },
    aliases=("healthcheck",),
)
ROUTE = Section(
    {
        "hosts": Values(values.host_pattern),
        "app_port": Value(values.port, 80),
        "path_prefix": Values(values.path_prefix, from_text=one),
        "strip_path_prefix": Value(values.boolean, True),
        # Absent: as the names are, see `luma_file.https`.
        "ssl": Section(
            {"certificate": Value(values.string), "key": Value(values.variable)}, optional=True, instead=values.boolean
        ),
        "ssl_redirect": Value(values.boolean, True),
        "hsts": Value(values.hsts, 0),
        "forward_headers": Values(values.network, instead=values.boolean),
        "allow": Values(values.network, from_text=one),
        "max_body": Value(values.size),
        "redirects": Pairs(values.check_host_name, check_value=values.host_name),
        "basic_auth": Values(values.variable, from_text=one),
        "error_pages": Value(values.string),
        "sticky": Value(values.boolean, False),
        "response_timeout": Value(values.duration, 30.0),
        "stream_timeout": Value(values.duration, 3600.0),
        "hold": Value(values.duration, 10.0),
    },
    optional=True,
)
DEPLOY = {
    "batch": Value(values.share),
    "canary": Value(values.count, 0),
    "bake": Value(values.duration, 0.0),
    "max_unavailable_hosts": Value(values.count, 0),
}
HOOKS = Section(dict.fromkeys(("pre_deploy", "release", "post_deploy", "on_failure"), OPTIONAL_COMMAND))
#: Values that an app has by default, and a process only if it says so itself.
STOP: dict[str, Value] = {
    "drain_timeout": Value(values.duration, 30.0),
    "stream_drain_timeout": Value(values.duration),
    "stop_timeout": Value(values.duration, 30.0),
}
#: What belongs to each process alone; an app without processes is one.
OF_A_PROCESS: dict[str, Schema] = {
    "command": COMMAND,
    "replicas": Value(values.positive, 1),
    "overlap": Value(values.boolean, True),
    "schedule": Value(schedule),
    "ports": Values(values.published_port),
    "health_check": HEALTH_CHECK,
    "proxy": ROUTE,
}
PROCESS = Section(
    {
        **OF_A_PROCESS,
        "servers": SERVERS,
        "environment": ENVIRONMENT,
        "volumes": Values(values.string),
        **{key: replace(value, default=None) for key, value in STOP.items()},
        **RUNTIME,
    },
    extensible=True,
    elsewhere=dict.fromkeys(
        ("image", "build", "pull", "registry", "files", "hooks", "deploy"),
        "all processes of an app share it: move it up to the app",
    ),
)
APP = Section(
    {
        "image": Value(values.image),
        "pull": PULL,
        "build": BUILD,
        "registry": REGISTRY,
        "servers": SERVERS,
        **OF_A_PROCESS,
        "processes": Named(PROCESS, names.check_process_name),
        "environment": ENVIRONMENT,
        "volumes": Values(values.string),
        "files": Values(values.sent_file),
        # What is absent here is as it is for all apps.
        "deploy": Section({key: replace(value, default=None) for key, value in DEPLOY.items()}),
        "hooks": HOOKS,
        **STOP,
        **RUNTIME,
    },
    extensible=True,
)
#: A service is asked by a command; it has no port that luma knows.
SERVICE_CHECK = Section(
    {key: HEALTH_CHECK.keys[key] for key in ("command", "interval", "timeout", "retries", "start_period")},
    aliases=HEALTH_CHECK.aliases,
)
#: A command whose output is a file of the controller's.
BACKUP = Section(
    {
        "command": OPTIONAL_COMMAND,
        "to": Value(values.string, "backups"),
        "extension": Value(names.file_extension, "dump"),
        "keep": Value(values.positive),
    },
    optional=True,
)
SERVICE = Section(
    {
        "image": Value(values.image),
        "pull": PULL,
        "registry": REGISTRY,
        "servers": SERVERS,
        "command": COMMAND,
        "environment": ENVIRONMENT,
        "ports": Values(values.published_port),
        "volumes": Values(values.string),
        "files": Values(values.sent_file),
        "health_check": SERVICE_CHECK,
        "backup": BACKUP,
        "stop_timeout": Value(values.duration, 30.0),
        **RUNTIME,
    },
    extensible=True,
    elsewhere={
        "build": "a service is not built: move the entry from services to apps",
        "proxy": "a service is not routed: move the entry from services to apps",
    },
)
LUMA_YML = Section(
    {
        "name": Value(names.project_name),
        "apps": Named(APP, names.check_app_name),
        "services": Named(SERVICE, names.check_service_name),
        # For all apps, key by key below their own.
        "environment": ENVIRONMENT,
        "ssh": Section(
            {
                "username": Value(values.string),
                # ssh itself takes 22, unless its own configuration says otherwise.
                "port": Value(values.port),
                "key_file": Value(values.string),
                "proxy_jump": Value(values.jump_hosts),
                "become": Value(values.boolean, False),
            }
        ),
        "docker": Section(
            {
                "registry": Value(values.registry),
                "username": Value(values.string),
            }
        ),
        "proxy": Section(
            {
                "image": Value(values.image),
                "http_port": Value(values.port),
                "https_port": Value(values.port),
                "bind": Value(values.address),
                "keep_alive": Value(values.duration, 75.0),
                "proxy_protocol": Value(values.boolean),
                "http3": Value(values.boolean),
                "metrics": Value(metrics),
                "access_log": Value(values.access_log),
            }
        ),
        "deploy": Section(DEPLOY),
        "hooks": HOOKS,
        "notify": Values(notify.target, from_text=one),
        "releases": Section({"keep": Value(values.positive, 5)}),
        "proxy_options": Section(
            {
                "lets_encrypt_email": Value(values.string),
                "acme_directory": Value(values.acme_directory, values.LETS_ENCRYPT),
                "acme_ca_file": Value(values.string),
                "acme_eab": Section({"kid": Value(values.variable), "hmac": Value(values.variable)}, optional=True),
                "acme_dns": Section(
                    {"provider": Value(values.dns_provider), "secret": Values(values.variable)}, optional=True
                ),
                "acme_image": Value(values.image),
                "key_type": Value(values.key_type, values.KEY_TYPES[0]),
            }
        ),
    },
    extensible=True,
)
