#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: brings the inactive color of an app to created, started and healthy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bluegreen_container
short_description: Bring the inactive color of an app to healthy, or find that nothing is to be done
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Makes luma-proxy run if O(route) is given, with slots for both colors, and routes an app that has no route yet.
    If a color serves already, it keeps its route until M(luma.deploy.network_alias_switch) moves the traffic.
  - Finds the active color of an app from the network alias that its containers hold, and starts the new version in
    the other color beside it. Every replica has to pass its health check. The new color serves nobody yet, see
    M(luma.deploy.network_alias_switch).
  - If the active color already is what is asked for (image, configuration, number of replicas, healthy), nothing is
    done. The same holds if an earlier run died after it had made the other color.
  - If a replica fails, all new containers are removed and the active color goes on serving.
  - Containers are found by their labels. A container of the same name that belongs to another project or to nobody is
    an error, and left alone.
extends_documentation_fragment:
  - luma.deploy.engine
  - luma.deploy.engine.app
  - luma.deploy.engine.run
  - luma.deploy.lock
  - luma.deploy.engine.record
  - luma.deploy.engine.drain
  - luma.deploy.engine.health
  - luma.deploy.engine.orphans
  - luma.deploy.engine.route
  - luma.deploy.engine.https
  - luma.deploy.engine.proxy
  - luma.deploy.engine.registry
  - luma.deploy.engine.secrets
  - luma.deploy.engine.mounts
  - luma.deploy.engine.runtime
options:
  state:
    description:
      - With V(present), the color that is to serve exists and is healthy.
      - With V(absent), the O(color) has no container. The active color is refused.
    type: str
    choices: [present, absent]
    default: present
  color:
    description: The color to remove with O(state=absent). It is drained and stopped first.
    type: str
    choices: [blue, green]
  image:
    description:
      - The image. If the host does not have it, it is pulled, and if that fails, sent from the controller's
        engine, if that engine has it.
      - If the registry has another image under this name by now, that is pulled, see O(pull).
      - Required with O(state=present).
    type: str
  network:
    description:
      - The network of the containers, instead of the project's own, with O(proxied=false).
      - Only for M(luma.deploy.takeover), which returns it.
    type: str
  image_id:
    description:
      - The id of the image that O(image) means, see RV(luma.deploy.image_build#module:image_id). An image that has
        the name on the host and another id is replaced.
    type: str
  pull:
    description:
      - With V(always), the image's registry is asked, also in check mode, what it has under the name, and that is
        pulled if the host has another image. A registry that does not say within ten seconds is a warning, and the
        host's own image is used. What the host has neither pulled nor pushed by this name is in no registry, and is
        not asked for; nor is an image with a digest in its name, or with O(image_id).
      - With V(missing), only an image that the host does not have is pulled.
      - With V(never), an image that the host does not have is sent from the controller.
    type: str
    choices: [always, missing, never]
    default: always
  release:
    description:
      - The release's name, for the label C(luma.release) and the environment variable E(LUMA_RELEASE).
      - Without it, the first twelve digits of the image's id.
      - If O(known_releases) has another release of this name, the name gets a number, as in V(3f2a9c8~2).
    type: str
  known_releases:
    description:
      - The releases that any host of the deployment has on record, as M(luma.deploy.deploy_lock) tells them. One of the
        same image, configuration and number of replicas gives its name to what is made.
    type: list
    elements: dict
    default: []
  command:
    description: The command, instead of the image's own.
    type: list
    elements: str
    default: []
  environment:
    description:
      - Environment variables that are no secret. E(LUMA_COLOR) and E(LUMA_RELEASE) are added.
    type: dict
    default: {}
  ports:
    description:
      - Published ports as in C(docker run -p). The host's port has to be left out or be a range, since a fixed one
        belongs to one container at a time.
    type: list
    elements: str
    default: []
  force:
    description: Make the other color even if nothing differs.
    type: bool
    default: false
  deploy_timeout:
    description:
      - How long all replicas together may take to become healthy, in seconds.
      - Without it, what the health check's own limits add up to.
    type: float
  stop_timeout:
    description: How long a container that is removed has between its stop signal and SIGKILL, in seconds.
    type: float
    default: 30
  overlap:
    description:
      - Whether both colors may run at once. If not, the containers are created and not started, which
        M(luma.deploy.network_alias_switch) does with the same option.
    type: bool
    default: true
  schedule:
    description:
      - When the container is started, as C(/etc/cron.d) has it, such as V(0 3 * * *). It is created and not started;
        the host's cron does that once M(luma.deploy.network_alias_switch) has made it the active color's, and never
        while one of the app runs.
    type: str
attributes:
  check_mode:
    support: full
    description: Says which color would be made, and why; changes nothing.
  diff_mode:
    support: full
    description: Shows the color that is to serve, its image, release and replicas, before and after.
  idempotent:
    support: full
    description: A second run restarts nothing, unless O(force=true).
"""

EXAMPLES = r"""
- name: Make the new version of the blog beside the running one
  luma.deploy.bluegreen_container:
    project: shop
    app: blog
    image: my-blog:42
    replicas: 2
    environment:
      DATABASE_URL: "{{ database_url }}"
    health_check:
      path: /up
      port: 3000
      host: blog.com
    route:
      hosts: [blog.com]
      app_port: 3000
  register: prepared

- name: Make it from a private registry, with a secret of the vault
  luma.deploy.bluegreen_container:
    project: shop
    app: blog
    image: registry.example.com/my-blog:42
    registry:
      server: registry.example.com
      username: deploy
      password: "{{ vault_registry_password }}"
    secrets:
      DATABASE_PASSWORD: "{{ vault_database_password }}"

- name: Remove what is left of the inactive color
  luma.deploy.bluegreen_container:
    project: shop
    app: blog
    state: absent
    color: green
"""

RETURN = r"""
active:
  description: The color that was active when the module began, null if none was.
  type: str
  returned: success
  sample: blue
color:
  description: The color that is to serve.
  type: str
  returned: success
  sample: green
other:
  description: The other color, which has nothing more to do once this one serves.
  type: str
  returned: success
  sample: blue
created:
  description: Whether its containers are new.
  type: bool
  returned: success
settled:
  description: Whether nothing is left to do, neither a switch nor the retirement of the other color.
  type: bool
  returned: success
release:
  description: The release that the color runs.
  type: str
  returned: success
  sample: 3f2a9c81d0b7
previous_release:
  description: The release that served before, null if none did.
  type: str
  returned: always, if the containers could be looked at
  sample: 9c04e7b1a2f5
back:
  description:
    - The color to return to if this one is not to serve after all, null if there is none. It is the active one,
      or the one that an earlier run has switched away from and not yet retired.
  type: str
  returned: success
  sample: blue
image:
  description: The image that the color runs, or in check mode would run.
  type: dict
  returned: success
  contains:
    name:
      description: What the containers are made of; with its digest if the registry has confirmed that.
      type: str
      sample: me/blog:latest@sha256:0c2d18...
    id:
      description: Its id on this host, null if it would have to be pulled first.
      type: str
    digest:
      description: What its registry calls it, null if it is in none.
      type: str
    confirmed:
      description: Whether the registry said so in this run.
      type: bool
containers:
  description: The color's containers; empty in check mode if they would have to be made.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: The container's id.
      type: str
    name:
      description: Its name.
      type: str
      sample: blog-green-1
    address:
      description: Its IPv4 address on the project's network.
      type: str
    image:
      description: Its image's id.
      type: str
    release:
      description: Its release.
      type: str
    health:
      description: The outcome of its health check.
      type: str
      sample: healthy
route:
  description: The proxy, see M(luma.deploy.proxy).
  type: dict
  returned: if O(route) is given
  contains:
    http_port:
      description: The host's port on which it accepts HTTP.
      type: int
    bind:
      description: The host's address on which it does.
      type: str
    host:
      description: A host name that it routes to the app.
      type: str
    created:
      description: Whether its container was made.
      type: bool
    reloaded:
      description: Whether it loaded a new configuration.
      type: bool
certificate:
  description:
    - The certificate that the agent on the host looks after; null without one.
    - Its keys are those of RV(luma.deploy.certificate_info#module:apps[].certificate).
  type: dict
  returned: success
orphans:
  description: Apps of the project that have containers on the host, though luma.yml does not name them for it.
  type: list
  elements: dict
  returned: with O(state=present)
  contains:
    name:
      description: The app's name.
      type: str
    containers:
      description: The names of its containers.
      type: list
      elements: str
    running:
      description: How many of them run.
      type: int
    hosts:
      description: The host names that luma-proxy routes to it.
      type: list
      elements: str
    elsewhere:
      description: Whether luma.yml names the app, for other hosts.
      type: bool
identity:
  description: What its containers are, on any host, as in RV(releases).
  type: list
  elements: raw
  returned: success
lock_taken:
  description: Whether this run has the app's lock, or had it until it gave it back.
  type: bool
  returned: with O(lock)
lock_released:
  description: Whether the lock was given back, since nothing is to be done.
  type: bool
  returned: with O(lock), success
locked:
  description: True if another run holds the lock.
  type: bool
  returned: failure
holder:
  description: If another run holds the lock, that run, see RV(luma.deploy.deploy_lock#module:holder).
  type: dict
  returned: failure
releases:
  description: The app's releases that the host has on record, see RV(luma.deploy.deploy_lock#module:releases).
  type: list
  elements: dict
  returned: with O(lock)
timings:
  description: How long clearing leftovers, starting, and the health checks took, in seconds.
  type: dict
  returned: success
  sample: {clear: 0.01, start: 0.42, health: 1.2}
report:
  description: What was done, as the luma command prints it.
  type: list
  elements: str
  returned: success
missing_image:
  description: The image that the host lacks, which the action plugin then sends.
  type: str
  returned: when an image could not be pulled
layers:
  description: The chain ids of the layers that the host has.
  type: list
  elements: str
  returned: when an image could not be pulled
failures:
  description: What is known about each replica that did not become healthy.
  type: list
  elements: dict
  returned: when a health check failed
  contains:
    container:
      description: Its name.
      type: str
    probe:
      description: What the last probe saw.
      type: str
    status:
      description: The container's status.
      type: str
    exit_code:
      description: Its exit code, null if it was running.
      type: int
    oom_killed:
      description: Whether it ran out of memory.
      type: bool
    expected_port:
      description: The port that was probed.
      type: int
    listening_ports:
      description: The ports that it listened on.
      type: list
      elements: int
    loopback_ports:
      description: The ports that it listened on for itself only.
      type: list
      elements: int
    advice:
      description: Why it probably failed, and what to do.
      type: list
      elements: str
    logs:
      description: Its last 20 log lines.
      type: list
      elements: str
"""

import contextlib
import typing as t
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.luma.deploy.plugins.module_utils.acme.info import certificate_info
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.mounts import MOUNT_OPTIONS, REMOTE_USER_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import (
    ALWAYS,
    MISSING,
    NEVER,
    REGISTRY_OPTIONS,
)
from ansible_collections.luma.deploy.plugins.module_utils.host.runtime import RUNTIME_OPTION, Runtime
from ansible_collections.luma.deploy.plugins.module_utils.host.wanted_image import WantedImage, wanted_image
from ansible_collections.luma.deploy.plugins.module_utils.module.engine_module import (
    APP_OPTIONS,
    ENGINE_OPTIONS,
    HEALTH_OPTIONS,
    app_of,
    health_check_of,
    mounts_of,
    proxy_folder,
    proxy_of,
    run_held,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.hiding import hidden_in_errors
from ansible_collections.luma.deploy.plugins.module_utils.module.lock_option import LOCK_OPTION, known_here
from ansible_collections.luma.deploy.plugins.module_utils.module.record_option import RECORD_OPTION, record_active
from ansible_collections.luma.deploy.plugins.module_utils.module.route_options import (
    HTTPS_OPTION,
    PROXY_OPTIONS,
    ROUTE_OPTION,
    ensure_route,
    forget_route,
    forget_unused_certificate,
    route_difference,
    route_facts,
    route_report,
)
from ansible_collections.luma.deploy.plugins.module_utils.module.secrets import (
    SECRET_OPTIONS,
    take_registry,
    take_secrets,
)
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Reconciled
from ansible_collections.luma.deploy.plugins.module_utils.proxy.routes import Routes
from ansible_collections.luma.deploy.plugins.module_utils.release.colors import COLORS, View
from ansible_collections.luma.deploy.plugins.module_utils.release.drain import (
    DRAIN_OPTIONS,
    DrainTimeouts,
    refuse_active,
    retire,
)
from ansible_collections.luma.deploy.plugins.module_utils.release.hook import ReleaseHook
from ansible_collections.luma.deploy.plugins.module_utils.release.orphans import ORPHAN_OPTIONS, orphans_for
from ansible_collections.luma.deploy.plugins.module_utils.release.preparation import Preparation, release_of
from ansible_collections.luma.deploy.plugins.module_utils.release.release_names import KNOWN_OPTION
from ansible_collections.luma.deploy.plugins.module_utils.release.schedule import Schedule
from ansible_collections.luma.deploy.plugins.module_utils.release.wanted import Prepared, Wanted, facts
from ansible_collections.luma.deploy.plugins.module_utils.run.lock import RUN_OPTION, Held


def present(module: AnsibleModule, engine: Engine, held: Held) -> dict[str, t.Any]:
    try:
        return prepare(module, engine, held)
    except LumaError as exc:
        with contextlib.suppress(LumaError):
            view = View.take(engine, None, app_of(module.params))
            exc.facts["previous_release"] = release_of(view, view.active)
        raise


def prepare(module: AnsibleModule, engine: Engine, held: Held) -> dict[str, t.Any]:
    params, secrets = module.params, take_secrets(module, module.params)
    engine.registry = take_registry(params)
    image = wanted_image(engine, params["image"], params["image_id"] or "", params["pull"], module.check_mode)
    if image.warning:
        module.warn(image.warning)
    preparation = preparation_of(module, engine, image, secrets, held)
    schedule = Schedule(engine, app_of(params), params["state_dir"])
    with hidden_in_errors(secrets):
        preparation.refuse(params["force"])
        if params["schedule"]:
            schedule.refuse_missing()
        if not module.check_mode:
            # A run that was killed may have left it.
            ReleaseHook(engine, app_of(params)).remove()
        routed = ensure_route(module, engine, until_switch=not module.check_mode) if params["route"] else None
        prepared = preparation.run(params["force"], module.check_mode)
        if not schedule.is_set(params["schedule"] or ""):
            # The switch sets it, and has nothing else to do if the color is active already.
            prepared = replace(prepared, settled=False)
        if prepared.active == prepared.color:
            routed = settle_route(module, engine, routed)
    if prepared.settled:
        for warning in record_active(module, engine, prepared.color):
            module.warn(warning)
    diff = difference(prepared, preparation.wanted, image)
    said = report(prepared, image)
    result = dict(facts(prepared), image=image.facts(), changed=prepared.created, diff=diff, report=said)
    result["certificate"] = None if module.check_mode else agents_certificate(params)
    result["orphans"] = orphans_for(engine, Routes(proxy_folder(params) / "routes"), params)
    return with_route(result, routed, module.check_mode) if routed else result


def preparation_of(
    module: AnsibleModule, engine: Engine, image: WantedImage, secrets: t.Mapping[str, str], held: Held
) -> Preparation:
    params = module.params
    check = health_check_of(params, image.found)
    wanted = Wanted(
        image=image.reference,
        replicas=params["replicas"],
        release=params["release"] or "",
        command=tuple(params["command"]),
        environment=dict({key: str(value) for key, value in params["environment"].items()}, **secrets),
        ports=tuple(params["ports"]),
        mounts=mounts_of(params),
        runtime=Runtime.of(params["runtime"]),
        check=check,
        stop_timeout=params["stop_timeout"],
        overlap=params["overlap"],
        schedule=params["schedule"] or "",
    )
    return Preparation(
        engine,
        proxy_of(module),
        app_of(params),
        wanted,
        image.id,
        params["deploy_timeout"] or check.longest,
        DrainTimeouts.of(params),
        held,
        params["known_releases"] + known_here(params),
    )


def settle_route(module: AnsibleModule, engine: Engine, so_far: Reconciled | None) -> Reconciled | None:
    """Does what else would be done by the switch, which does not come where the color serves already."""
    if so_far and so_far.later:
        done = so_far.then(ensure_route(module, engine))
        done.certificates |= forget_unused_certificate(module, engine)
        return done
    if not module.params["proxied"] and not module.params["network"] and forget_route(module, engine):
        return Reconciled(reloaded=True)
    return so_far


def agents_certificate(params: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The certificate that the agent on this host looks after."""
    https = params["https"] or {}
    if not (https.get("acme") and https["agent"]):
        return None
    with contextlib.suppress(LumaError):
        return certificate_info(proxy_folder(params), app_of(params).backend)
    return None


def with_route(result: t.Mapping[str, t.Any], routed: Reconciled, check_mode: bool) -> dict[str, t.Any]:
    """The result of both the route and the color."""
    return dict(
        result,
        changed=result["changed"] or routed.changed,
        route=route_facts(routed),
        report=route_report(routed, check_mode) + result["report"],
        diff=[route_difference(routed), result["diff"]],
    )


def absent(module: AnsibleModule, engine: Engine, _held: Held) -> dict[str, t.Any]:
    params = module.params
    view = View.take(engine, proxy_of(module), app_of(params))
    refuse_active(view, params["color"])
    names = [container.name for container in view.of(params["color"])]
    if names and not module.check_mode:
        retire(
            engine,
            proxy_of(module),
            app_of(params),
            params["color"],
            DrainTimeouts.of(params),
            params["stop_timeout"],
        )
    removed = ["Removed {}".format(", ".join(names))] if names else []
    difference = {"before": {"containers": names}, "after": {"containers": []}}
    return {"changed": bool(names), "active": view.active, "report": removed, "diff": difference}


def difference(prepared: Prepared, wanted: Wanted, image: WantedImage) -> dict[str, t.Any]:
    """The diff of the color that is to serve; environment values are not in it."""
    if not prepared.created:
        return {"before": "", "after": ""}
    after = {
        "color": prepared.color,
        "image": image.shown,
        "release": prepared.release or "of the new image",
        "replicas": wanted.replicas,
        "configuration": wanted.config_hash,
    }
    return {"before": prepared.before or {"color": None}, "after": after}


def report(prepared: Prepared, image: WantedImage) -> list[str]:
    if prepared.settled:
        return [f"Nothing changed: {prepared.color} runs release {prepared.release}, healthy"]
    names = ", ".join(container.name for container in prepared.containers)
    count = len(prepared.containers)
    if not names:
        return [f"{prepared.release or image.shown} would be deployed as {prepared.color}"]
    found = "Deploying" if prepared.created else "Found, from an earlier run,"
    return [
        "Current active: {}, deploying: {}".format(prepared.active or "none", prepared.color),
        f"{found} {count} replica(s): {names}",
        prospects(prepared.containers),
    ]


def prospects(containers: t.Sequence[Container]) -> str:
    """What can be said of a color before the switch."""
    count = len(containers)
    if containers[0].schedule:
        return f"Starts at {containers[0].schedule}, by the clock of this host"
    if all(container.running for container in containers):
        return f"Health checks: ✓ {count}/{count} replicas healthy"
    return "They are started at the switch"


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            **APP_OPTIONS,
            run=RUN_OPTION,
            lock=LOCK_OPTION,
            **HEALTH_OPTIONS,
            route=ROUTE_OPTION,
            https=HTTPS_OPTION,
            **PROXY_OPTIONS,
            **REGISTRY_OPTIONS,
            **SECRET_OPTIONS,
            **MOUNT_OPTIONS,
            **REMOTE_USER_OPTION,
            runtime=RUNTIME_OPTION,
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            color={"type": "str", "choices": list(COLORS)},
            network={"type": "str"},
            image={"type": "str"},
            image_id={"type": "str"},
            pull={"type": "str", "choices": [ALWAYS, MISSING, NEVER], "default": ALWAYS},
            release={"type": "str"},
            command={"type": "list", "elements": "str", "default": []},
            environment={"type": "dict", "default": {}},
            ports={"type": "list", "elements": "str", "default": []},
            known_releases=KNOWN_OPTION,
            force={"type": "bool", "default": False},
            **ORPHAN_OPTIONS,
            record=RECORD_OPTION,
            deploy_timeout={"type": "float"},
            **DRAIN_OPTIONS,
            stop_timeout={"type": "float", "default": 30},
            overlap={"type": "bool", "default": True},
            schedule={"type": "str"},
        ),
        required_if=[("state", "present", ["image"]), ("state", "absent", ["color"])],
        supports_check_mode=True,
    )
    run_held(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
