# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a Docker engine: one at a time or several at once, and their errors in words.

Everything goes through the low-level ``docker.APIClient`` (Docker SDK for Python 5.0 to 7.x, engine API 1.41 to
1.51): one call of ours is one request to the engine.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

try:
    # By these names other modules here get them.
    import docker as docker  # pylint: disable=useless-import-alias
    import docker.errors
    import docker.types
    import requests as requests  # pylint: disable=useless-import-alias
    import requests.exceptions

    #: What a request to the engine raises.
    REQUEST_ERRORS: tuple[type[Exception], ...] = (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
    )
    DOCKER_ERROR: Exception | None = None
except ImportError as exc:
    # Told of by the modules, see `module.engine_module`.
    docker = requests = None  # type: ignore[assignment]
    REQUEST_ERRORS = ()
    DOCKER_ERROR = exc

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

#: Requests to the engine that run at the same time. The SDK keeps ten connections to a Unix socket.
PARALLEL = 10

T = t.TypeVar("T")
R = t.TypeVar("R")


def in_parallel(function: t.Callable[[T], R], items: t.Iterable[T]) -> list[R]:
    """Calls ``function`` for all items at once and returns the results in their order; the first error is raised
    after every call has ended."""
    work = list(items)
    if len(work) < 2:
        return [function(item) for item in work]
    with ThreadPoolExecutor(max_workers=min(PARALLEL, len(work))) as pool:
        return list(pool.map(function, work))


def in_turn(function: t.Callable[[T], R], items: t.Iterable[T]) -> list[R]:
    """As `in_parallel`, one after the other."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return list(pool.map(function, items))


def explanation(exc: Exception) -> str:
    """The engine's own words about an error."""
    return str(getattr(exc, "explanation", None) or exc).strip()


def failure(what: str, exc: Exception) -> LumaError:
    """The error of a request; ``what`` was to be done ("start container blog-green-1"). ``unreachable_engine`` where
    the engine has stopped since it was connected to."""
    if isinstance(exc, requests.exceptions.ConnectionError):
        message = f"Could not {what}: the Docker engine does not answer any more: {explanation(exc)}"
        return LumaError(message, unreachable_engine=True)
    return LumaError(f"Could not {what}: {explanation(exc)}")


class Client:
    """A connection to one Docker engine, and how its errors are told. ``docker_host`` is where it was found."""

    def __init__(self, client: docker.APIClient, docker_host: str = "") -> None:
        self.client = client
        self.docker_host = docker_host

    def call(self, what: str, function: t.Callable[..., R], *args: t.Any, **kwargs: t.Any) -> R:
        """Makes one request; for ``what`` see `failure`."""
        try:
            return function(*args, **kwargs)
        except REQUEST_ERRORS as exc:
            raise failure(what, exc) from exc

    def inspect(self, kind: str, function: t.Callable[[str], dict[str, t.Any]], name: str) -> dict[str, t.Any] | None:
        """What the engine knows of one thing, or None where there is none of that name."""
        try:
            return function(name)
        except docker.errors.NotFound:
            return None
        except REQUEST_ERRORS as exc:
            raise failure(f"inspect {kind} {name}", exc) from exc
