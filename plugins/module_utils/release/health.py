# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks of replicas, and the report about one that failed.

A check is repeated until it succeeds once. It has failed for good when the container exits, when ``retries`` probes
in a row failed after ``start_period``, or when ``deploy_timeout`` is over.
"""

from __future__ import annotations

import http.client
import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.listeners import Listener, listeners

#: How long a container without any check has to stay running to count as healthy, in seconds.
SETTLE_SECONDS = 2.0
#: The pause after a failed probe grows from this to the check's ``interval``: most apps are up within a second or two.
FIRST_PAUSE = 0.02
#: How often a wait asks whether it is to be given up, in seconds.
GIVE_UP_SECONDS = 0.5
LOG_LINES = 20
#: The exit code of a container that SIGKILL has ended (128 + 9).
KILLED = 137
#: How much is shown of what an app answers.
MOST_CHARACTERS = 200
#: What frameworks answer that allow certain values of the Host header only.
HOST_REFUSED = (400, 403, 421)


@dataclass(frozen=True)
class HealthCheck:
    """How a replica shows that it is healthy; all times in seconds.

    ``kind``: ``http`` (GET ``path`` on ``port`` with ``host`` as Host header; 2xx is healthy), ``command`` (exit code
    0 in the container), ``image`` (the image's own HEALTHCHECK) or ``running`` (it has not exited after a moment).
    Failures within ``start_period`` do not count; ``retries`` in a row after it are the end. ``https``: the app is told
    that its visitor came by HTTPS, so that one which redirects everybody else is healthy, too.
    """

    kind: str
    port: int = 80
    path: str = "/up"
    host: str = "localhost"
    command: tuple[str, ...] = ()
    interval: float = 1.0
    timeout: float = 5.0
    retries: int = 30
    start_period: float = 0.0
    https: bool = False

    @property
    def longest(self) -> float:
        """What its own limits allow at the most, and the start of the containers, in seconds."""
        return 30 + self.start_period + self.retries * (self.interval + self.timeout)


@dataclass(frozen=True)
class Probe:
    """The outcome of one probe: healthy or not, and what was seen, in words. Of a request also the answer's ``status``,
    0 without an answer, where a redirect leads (``location``), and whether the connection was ``refused``."""

    healthy: bool
    saw: str
    status: int = 0
    location: str = ""
    refused: bool = False


def probe(engine: Engine, check: HealthCheck, container: Container) -> Probe:
    """Probes one replica once."""
    if check.kind == "http":
        return _probe_http(check, container.address)
    if check.kind == "command":
        return _probe_command(engine, check, container)
    if check.kind == "image":
        return Probe(container.health == "healthy", "the image's HEALTHCHECK says " + (container.health or "nothing"))
    return Probe(container.running, "it is " + container.status)


def _probe_http(check: HealthCheck, address: str) -> Probe:
    asked = f"GET http://{address}:{check.port}{check.path} with Host {check.host}"
    connection = http.client.HTTPConnection(address, check.port, timeout=check.timeout)
    headers = {"Host": check.host, "User-Agent": "luma-health"}
    try:
        connection.request(
            "GET", check.path, headers={**headers, "X-Forwarded-Proto": "https"} if check.https else headers
        )
        return _judged(connection.getresponse(), asked)
    except (OSError, http.client.HTTPException) as exc:
        reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        return Probe(False, f"{asked}: {reason}", refused=isinstance(exc, ConnectionRefusedError))
    finally:
        connection.close()


def _judged(answer: http.client.HTTPResponse, asked: str) -> Probe:
    status, saw = answer.status, f"{asked} answered {answer.status} {answer.reason}".rstrip()
    if 200 <= status < 300:
        return Probe(True, saw, status)
    if 300 <= status < 400:
        location = (answer.getheader("Location") or "nowhere")[:MOST_CHARACTERS]
        return Probe(False, f"{saw}, a redirect to {location}", status, location)
    body = answer.read(MOST_CHARACTERS).decode("utf-8", "replace").strip()
    return Probe(False, saw + (": " + body if body else ""), status)


def _probe_command(engine: Engine, check: HealthCheck, container: Container) -> Probe:
    # The engine has no timeout for a command and cannot end one, so that one that hangs is left to a thread that does
    # not keep luma from exiting.
    outcome = [Probe(False, f"{' '.join(check.command)} did not end within {check.timeout:g} s")]
    thread = threading.Thread(target=lambda: outcome.append(_run_command(engine, check, container)), daemon=True)
    thread.start()
    thread.join(check.timeout)
    return outcome[-1]


def _run_command(engine: Engine, check: HealthCheck, container: Container) -> Probe:
    try:
        code, output = engine.execute(container.id, check.command)
    except LumaError as exc:
        return Probe(False, str(exc))
    saw = f"{' '.join(check.command)} exited with {code}"
    output = output.strip()
    return Probe(code == 0, saw + (": " + output[-200:] if output and code else ""))


@dataclass(frozen=True)
class Verdict:
    """What came of waiting for one replica. ``last``: its last probe; ``given_up``: the wait ended because another one
    had failed."""

    container: Container
    healthy: bool
    last: Probe
    given_up: bool = False


def wait_until_healthy(
    engine: Engine,
    check: HealthCheck,
    name: str,
    network: str,
    deadline: float,
    give_up: t.Callable[[], bool] = lambda: False,
) -> Verdict:
    """Waits for one replica. ``deadline`` is a time of `time.monotonic`; ``give_up`` ends the wait early, when
    another replica has failed already, or the lock is lost."""
    began = time.monotonic()
    failures, pause, last = 0, FIRST_PAUSE, Probe(False, "not probed yet")
    while True:
        container = engine.container(name, network)
        if container is None:
            raise LumaError(f"Container {name} vanished while luma waited for it to become healthy.")
        if not container.running:
            return Verdict(container, False, last)
        last = probe(engine, check, container)
        seconds = time.monotonic() - began
        if last.healthy and (check.kind != "running" or seconds >= SETTLE_SECONDS):
            return Verdict(container, True, last)
        if not last.healthy and seconds >= check.start_period:
            failures += 1
        if _failed(check, container, failures, seconds) or time.monotonic() >= deadline:
            return Verdict(container, False, last)
        if _given_up(min(pause, deadline - time.monotonic()), give_up):
            return Verdict(container, False, last, given_up=True)
        pause = min(pause * 1.3, check.interval)


def _given_up(pause: float, give_up: t.Callable[[], bool]) -> bool:
    """Pauses, in seconds; returns early, and whether, the wait is to be given up."""
    end = time.monotonic() + pause
    while not give_up():
        left = end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, GIVE_UP_SECONDS))
    return True


def _failed(check: HealthCheck, container: Container, failures: int, seconds: float) -> bool:
    """Whether a replica has failed for good, ``seconds`` after the wait for it began."""
    if check.kind == "image":
        return container.health == "unhealthy"
    # Probes that come faster than the interval, right after the start, do not use up the retries.
    return failures >= check.retries and seconds >= check.start_period + check.retries * check.interval


def describe_failure(engine: Engine, verdict: Verdict, check: HealthCheck) -> dict[str, t.Any]:
    """What is known about a replica that failed; to be asked before the container is removed."""
    container = engine.container(verdict.container.id, "") or verdict.container
    heard = listeners(container.pid) if container.running else None
    killed = container.oom_killed or (not container.running and container.exit_code == KILLED)
    limit = engine.description(container.id)["HostConfig"].get("Memory", 0) if killed else 0
    return {
        "container": container.name,
        "status": container.status,
        "probe": verdict.last.saw,
        "exit_code": None if container.running else container.exit_code,
        "oom_killed": container.oom_killed,
        "listening_ports": sorted({listener.port for listener in heard or () if not listener.loopback}),
        "loopback_ports": sorted({listener.port for listener in heard or () if listener.loopback}),
        "expected_port": check.port if check.kind == "http" else None,
        # The engine may miss that it was for memory: its events of that and of the end come in any order.
        "advice": out_of_memory(limit) if container.oom_killed or limit else advice(check, verdict.last, heard),
        "logs": engine.logs(container.id, LOG_LINES),
    }


def failure_text(failure: t.Mapping[str, t.Any]) -> str:
    """The failure of one replica for people: what happened, why it probably did, its last words."""
    lines = ["{} did not become healthy.".format(failure["container"])]
    if failure["exit_code"] is not None:
        lines.append("It exited with code {}.".format(failure["exit_code"]))
    # That it ran, before it exited, explains nothing.
    if failure["exit_code"] is None or failure["probe"] != "it is running":
        lines.append("Last probe: {}.".format(failure["probe"]))
    lines.extend(failure["advice"])
    lines.append("Last {} log lines:".format(len(failure["logs"])) if failure["logs"] else "It logged nothing.")
    lines.extend("  " + line for line in failure["logs"])
    return "\n".join(lines)


def out_of_memory(limit: int) -> list[str]:
    """What to do where the kernel has killed a replica. ``limit`` is that of its container, in bytes; 0 for none."""
    if limit:
        return [f"It ran out of memory and was killed at its limit of {limit / 2**20:g} MB: raise memory in luma.yml."]
    return ["It ran out of memory and was killed. It has no limit of its own (memory): the host needs more memory."]


def advice(check: HealthCheck, last: Probe, heard: t.Sequence[Listener] | None) -> list[str]:
    """Why a replica has probably failed, and what to do. ``heard``: what it listens on; None where that is not known.
    The keys that are named are those of luma.yml."""
    if check.kind != "http":
        return []
    if last.location:
        return [_advice_on_redirect(check.path.partition("?")[0], last.location)]
    if last.status in HOST_REFUSED:
        return [
            "If the app answers certain hosts only (Django: ALLOWED_HOSTS, Rails: config.hosts), set health_check.host "
            "to one of them."
        ]
    if last.status == http.client.NOT_FOUND:
        return [
            f"Set health_check.path to a path that the app has for the host {check.host}, or set health_check.host."
        ]
    return [] if last.status or heard is None else _advice_on_listeners(check, last, heard)


def _advice_on_redirect(path: str, location: str) -> str:
    if not location.startswith("https:"):
        return "Set health_check.path to a path that answers by itself, without a redirect and without a login."
    pattern = path.lstrip("/")
    return (
        f"Let {path} answer without a redirect. "
        f'Rails: config.ssl_options = {{redirect: {{exclude: ->(r) {{ r.path == "{path}" }}}}}}; '
        f'Django: SECURE_REDIRECT_EXEMPT = [r"^{pattern}$"].'
    )


def _advice_on_listeners(check: HealthCheck, last: Probe, heard: t.Sequence[Listener]) -> list[str]:
    """What to do where the app does not answer on the expected port."""
    there = [listener for listener in heard if listener.port == check.port]
    others = sorted({listener.port for listener in heard if not listener.loopback})
    if there and all(listener.loopback for listener in there):
        return [f"It listens on port {check.port} of 127.0.0.1 only: let it listen on 0.0.0.0."]
    if there and last.refused and all(listener.ipv6 for listener in there):
        # A listener on :: that takes IPv4 as well looks the same, but would not have refused.
        return [f"It listens on port {check.port} of IPv6 only: let it listen on 0.0.0.0."]
    if there:
        return []
    if others:
        ports = " and ".join(map(str, others))
        return [
            f"It listens on port {ports}, but app_port is {check.port}: set proxy.app_port to the port that the app "
            "listens on."
        ]
    if last.refused:
        return [
            "It runs, but listens on no port yet. If it takes that long to start, raise health_check.start_period "
            f"(now {check.start_period:g} s)."
        ]
    return []
