# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another proxy in the place of the host's: of another image, with other settings, or the first one of luma's."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.proxy import names
from ansible_collections.luma.deploy.plugins.module_utils.proxy.container import settings_of
from ansible_collections.luma.deploy.plugins.module_utils.proxy.exchange import IDLE_SECONDS, Exchange
from ansible_collections.luma.deploy.plugins.module_utils.proxy.proxy import Proxy, rendered
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

#: How long requests in flight are waited for where no connection is accepted meanwhile.
PATIENCE_SECONDS = 5.0


@dataclass
class Updated:
    """What an update did. ``before`` and ``after``: the settings, empty where there is no proxy; ``gap_seconds``: how
    long no connection was answered; ``cut``: the sessions that did not end in time."""

    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]
    changed: bool
    gap_seconds: float = 0.0
    cut: int = 0


def update_proxy(proxy: Proxy, check_mode: bool = False, drain_timeout: float = 30.0) -> Updated:
    """Replaces the proxy by one of the settings' image and ports, where they differ, see `Exchange`. It has
    ``drain_timeout`` seconds to finish its requests. Where the new one does not start, the old one goes on. A host
    without a proxy needs none: nothing is done."""
    if not proxy.folder.exists():
        return Updated({}, {}, changed=False)
    with contextlib.nullcontext() if check_mode else proxy.haproxy.exclusive():
        if not check_mode:
            Exchange(proxy).finish()
        running = proxy.container()
        if running is None:
            return Updated({}, {}, changed=False)
        before = settings_of(running)
        after = {**before, **proxy.settings.given}
        image = proxy.engine.image(after["image"]) if check_mode else proxy.engine.need_image(after["image"])
        same_image = image is not None and image["Id"] == running.image_id
        result = Updated(before, after, changed=before != after or not same_image)
        if result.changed and not check_mode:
            _replace(proxy, result, drain_timeout)
        return result


def _replace(proxy: Proxy, result: Updated, drain_timeout: float) -> None:
    proxy.refuse_unusable(result.after)
    states = proxy.haproxy.states()
    ports = {result.before["http_port"], result.before["https_port"]}
    exchange = Exchange(proxy)

    def end(detour: bool) -> int:
        # Without a detour nobody is let in meanwhile.
        limits = (drain_timeout, IDLE_SECONDS) if detour else (min(drain_timeout, PATIENCE_SECONDS), 0)
        cut = exchange.finish_requests(names.CONTAINER, proxy.haproxy, *limits)
        proxy.engine.stop(names.CONTAINER, 0)
        return cut

    try:
        result.gap_seconds, result.cut = exchange.run(
            result.after, ports, end, lambda: _bring_back(proxy, states), drain_timeout, states
        )
    except (LumaError, OSError) as exc:
        raise LumaError(f"{exc}\nThe earlier luma-proxy runs again, with what it had.") from exc


def _bring_back(proxy: Proxy, states: str) -> None:
    """Starts the proxy that an update has ended, or may have: Docker leaves one alone that got its stop signal."""
    Exchange(proxy).remove_unstarted()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            # Without its servers' states it answers 503 until the DNS has answered.
            stack.enter_context(proxy.haproxy.loading(states))
        # In one request, which also ends what a stop has left running.
        proxy.engine.call("start the earlier luma-proxy", proxy.engine.client.restart, names.CONTAINER, timeout=0)
        proxy.wait_until_it_answers(names.CONTAINER, proxy.haproxy)


def succeed(
    proxy: Proxy,
    ports: t.Collection[int],
    routes: t.Sequence[Route],
    end: t.Callable[[bool], int],
    bring_back: t.Callable[[], None],
    drain_timeout: float,
) -> tuple[float, int]:
    """Makes the host's first proxy, with these routes, in the place of what is none of luma's; see `Exchange.run`."""
    settings = proxy.settings.of_a_new_one
    proxy.engine.need_image(settings["image"])
    proxy.engine.ensure_network(names.NETWORK, {LABEL_ROLE: "proxy"})
    proxy.make_folders()
    with proxy.haproxy.exclusive(), contextlib.ExitStack() as stack:
        for route in routes:
            # Two apps of luma.yml never have the same host name.
            stack.enter_context(proxy.routes.recorded(route))
        for name, text in rendered(proxy.routes.all()).items():
            proxy.write(name, text)
        proxy.refuse_unusable(settings)
        return Exchange(proxy).run(settings, ports, end, bring_back, drain_timeout)
