# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that route an app share: their options, and the result as they return it."""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.acme.container import AgentContainer
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import app_of, proxy_folder
from ansible_collections.luma.deploy.plugins.module_utils.proxy.orders import Https
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy, Reconciled
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route, slots_for
from ansible_collections.luma.deploy.plugins.module_utils.proxy.settings import ProxySettings, shown
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import App
from ansible_collections.luma.deploy.plugins.module_utils.release.rerouting import Rerouting

#: What a module reports that has loaded a route.
LOADED = "luma-proxy loaded its new configuration"

#: The option of the documentation fragment ``luma.deploy.engine.route``.
ROUTE_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "hosts": {"type": "list", "elements": "str", "required": True},
        "app_port": {"type": "int", "default": 80},
        "response_timeout": {"type": "float", "default": 30},
        "stream_timeout": {"type": "float", "default": 3600},
        "hold": {"type": "float", "default": 10},
        "keep_alive": {"type": "float", "default": 75},
        "forward_headers": {"type": "bool", "default": False},
        "forward_from": {"type": "list", "elements": "str", "default": []},
        "allow": {"type": "list", "elements": "str", "default": []},
        "max_body": {"type": "int", "default": 0},
        "redirects": {"type": "dict", "default": {}},
        "path_prefix": {"type": "list", "elements": "str", "default": []},
        "strip_path_prefix": {"type": "bool", "default": True},
        "own_certificate": {"type": "bool", "default": True},
        "basic_auth": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "logins": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "error_pages": {"type": "dict", "default": {}},
        "sticky": {"type": "bool", "default": False},
        "ssl": {"type": "bool", "default": False},
        "ssl_redirect": {"type": "bool", "default": True},
        "hsts": {"type": "int", "default": 0},
    },
}

#: The option of the documentation fragment ``luma.deploy.engine.https``.
HTTPS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "servers": {"type": "list", "elements": "str", "default": []},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "names": {"type": "list", "elements": "str", "default": []},
        "acme": {"type": "dict"},
        "certificate": {"type": "path"},
        "key": {"type": "str", "no_log": False},
        "fresh": {"type": "bool", "default": False},
        "image": {"type": "str"},
        "agent": {"type": "bool", "default": True},
        "material": {"type": "str", "no_log": True},
    },
}

#: The options of the documentation fragment ``luma.deploy.engine.proxy``.
PROXY_OPTIONS: dict[str, t.Any] = {
    "proxy": {
        "type": "dict",
        "default": {},
        "options": {
            "image": {"type": "str"},
            "http_port": {"type": "int"},
            "https_port": {"type": "int"},
            "bind": {"type": "str"},
            "proxy_protocol": {"type": "bool"},
            "http3": {"type": "bool"},
            "metrics": {"type": "str"},
            "access_log": {"type": "str"},
        },
    },
    "replicas": {"type": "int", "default": 1},
}


def ensure_route(module: AnsibleModule, engine: Engine, until_switch: bool = False) -> Reconciled:
    """Makes the proxy run with the route that the module's options describe, or with what it takes ``until_switch``."""
    params = module.params
    proxy = Proxy(engine, ProxySettings(**params["proxy"]), proxy_folder(params))
    route, https = route_of(params), https_of(params)
    has_agent = https and https.wanted and params["https"]["agent"]
    agent = AgentContainer(engine, proxy.folder, params["https"]["image"]) if has_agent else None
    if agent and not module.check_mode:
        # Before anything is changed: where the host cannot have it, the controller may.
        agent.need_image()
    placed = https is not None and proxy.place(route, https, module.check_mode)
    done = proxy.ensure(route, module.check_mode, until_switch)
    done.certificates = placed
    if agent:
        run_agent(agent, proxy, done, module.check_mode)
    return done


def run_agent(agent: AgentContainer, proxy: Proxy, done: Reconciled, check_mode: bool) -> None:
    """Makes the ACME agent run. No deployment fails because of a certificate: what is wrong is a note."""
    try:
        with contextlib.nullcontext() if check_mode else proxy.haproxy.exclusive():
            done.agent = agent.ensure(check_mode)
    except LumaError as exc:
        done.notes.append(f"⚠️ No certificate is asked for or renewed on this host: {exc}")


def https_of(params: t.Mapping[str, t.Any]) -> Https | None:
    """What the action on the controller has made of the option ``https``."""
    given = params["https"] or {}
    return Https(**json.loads(given["material"])) if given.get("material") else None


def forget_route(module: AnsibleModule, engine: Engine) -> bool:
    """Takes out the route of an app that has none any more. Returns whether there was one."""
    app, proxy = app_of(module.params), Proxy(engine, ProxySettings(), proxy_folder(module.params))
    found = proxy.routes.of(app.backend) is not None
    if found and not module.check_mode:
        proxy.forget([app.backend])
    return found


def forget_unused_certificate(module: AnsibleModule, engine: Engine) -> bool:
    """Removes keys that no color needs any more, which is so once the earlier one is gone."""
    if module.check_mode or not module.params["proxied"]:
        return False
    proxy = Proxy(engine, ProxySettings(), proxy_folder(module.params))
    return proxy.forget_unused_certificate(app_of(module.params).backend)


def rerouting_of(module: AnsibleModule, engine: Engine) -> Rerouting:
    """What the module's options say of the route at a switch."""
    params = module.params
    if not params["proxied"]:
        return Rerouting()
    proxy = Proxy(engine, ProxySettings(), proxy_folder(params))
    wanted = route_of(params) if params["route"] else None
    return Rerouting(proxy, app_of(params).backend, wanted, params["restore_route"])


def route_of(params: t.Mapping[str, t.Any]) -> Route:
    app = app_of(params)
    return make_route(app, app.network, params["route"], params["health_check"], params["replicas"] or 1)


def make_route(
    app: App, network: str, asked: t.Mapping[str, t.Any], check: t.Mapping[str, t.Any], replicas: int
) -> Route:
    """The route of an app whose alias is on this network, of the options ``route`` and ``health_check``."""
    return Route(
        project=app.project,
        app=app.name,
        network=network,
        hosts=tuple(asked["hosts"]),
        app_port=asked["app_port"],
        check_path=check.get("path") or "",
        check_host=check.get("host", Route.check_host),
        check_timeout=check.get("timeout", Route.check_timeout),
        response_timeout=asked["response_timeout"],
        stream_timeout=asked["stream_timeout"],
        hold=asked["hold"],
        keep_alive=asked["keep_alive"],
        forward_headers=asked["forward_headers"],
        forward_from=tuple(asked.get("forward_from") or ()),
        allow=tuple(asked.get("allow") or ()),
        max_body=asked.get("max_body", 0),
        redirects=tuple(sorted((asked.get("redirects") or {}).items())),
        paths=tuple(asked.get("path_prefix") or ()),
        strip_path=asked.get("strip_path_prefix", True),
        own_certificate=asked.get("own_certificate", True),
        logins=tuple(asked.get("logins") or ()),
        error_pages=tuple(sorted((asked.get("error_pages") or {}).items())),
        sticky=asked.get("sticky", False),
        ssl=asked.get("ssl", False),
        ssl_redirect=asked.get("ssl_redirect", True),
        hsts=asked.get("hsts", 0),
        slots=slots_for(replicas),
    )


def route_facts(done: Reconciled) -> dict[str, t.Any]:
    """The result as a module returns it, without the configuration's difference."""
    names = ("http_port", "https_port", "bind", "proxy_protocol", "host", "created", "reloaded")
    return {name: getattr(done, name) for name in names}


def route_difference(done: Reconciled) -> dict[str, str]:
    return {
        "before_header": "haproxy.cfg",
        "before": done.before,
        "after_header": "haproxy.cfg",
        "after": done.after,
    }


def route_report(done: Reconciled, check_mode: bool) -> list[str]:
    lines = list(done.notes)
    if done.created:
        start = "Would start" if check_mode else "Started"
        lines.append(f"{start} luma-proxy on {shown(done.bind)}:{done.http_port}")
    elif done.started:
        lines.append("Would start luma-proxy again" if check_mode else "Started luma-proxy, which was stopped")
    if done.reloaded:
        lines.append("luma-proxy would load its new configuration" if check_mode else LOADED)
    return lines
