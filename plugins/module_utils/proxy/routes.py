# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what luma-proxy routes on a host, in the folder ``routes`` of the proxy's own::

    PROJECT:APP.json        the route that is loaded, or about to be
    PROJECT:APP.blue        the one with which this color had the traffic, up to the switch away from it

HAProxy's configuration is made from the first kind. A switch back to a color loads the second kind again: the other
color's port or health check may be another one.
"""

from __future__ import annotations

import contextlib
import json
import typing as t
from dataclasses import asdict, replace
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.folder import write_file
from ansible_collections.luma.deploy.plugins.module_utils.proxy.route import Route

#: What JSON has as lists: of texts, and of pairs of texts.
LISTS = ("hosts", "forward_from", "allow", "paths", "logins", "maintenance_allow")
PAIRS = ("redirects", "error_pages")


class Routes:
    """The record of one host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Route]:
        """What is routed, for all projects of the host."""
        return [_read(file) for file in sorted(self.folder.glob("*.json"))]

    def of(self, backend: str) -> Route | None:
        """One app's route; None where it has none."""
        file = self._file(backend)
        return _read(file) if file.exists() else None

    def all_with(self, route: Route) -> list[Route]:
        """All routes, with this one in place of the app's earlier one. Raises `LumaError` where another app has one of
        its host names."""
        routes = {each.backend: each for each in self.all()}
        for other in routes.values():
            taken = other.places & route.places
            if taken and other.backend != route.backend:
                raise LumaError(
                    f"{', '.join(sorted(taken))} is routed to app {other.app} of project {other.project}: nothing was "
                    f"changed. A name belongs to one app. If {other.app} is to give it up, take it out of its "
                    f"proxy.hosts and deploy {other.app} first. If {other.app} is not needed any more, run in the "
                    f"folder of {other.project}: luma remove {other.app}"
                )
        routes[route.backend] = self.with_room(route)
        return list(routes.values())

    def with_room(self, route: Route) -> Route:
        """The route with slots for what serves, too: they only ever grow, since an app that is being scaled down still
        serves with all of its replicas. What is the host's own stays."""
        earlier = self.of(route.backend)
        if earlier is None:
            return route
        return replace(
            route,
            slots=max(route.slots, earlier.slots),
            maintenance=earlier.maintenance,
            maintenance_allow=earlier.maintenance_allow,
            sticky_key=earlier.sticky_key,
        )

    @contextlib.contextmanager
    def recorded(self, route: Route) -> t.Iterator[None]:
        """Writes the route down before it is used, so that a run that dies in between leaves something to do for the
        next one; takes it back where it could not be used."""
        with self.written(self.with_room(route)):
            yield

    @contextlib.contextmanager
    def written(self, route: Route) -> t.Iterator[None]:
        """The same, of a route as it is."""
        earlier = self.of(route.backend)
        _write(self._file(route.backend), route)
        try:
            yield
        except LumaError:
            if earlier:
                _write(self._file(route.backend), earlier)
            else:
                self._file(route.backend).unlink()
            raise

    def keep(self, backend: str, color: str) -> None:
        """Keeps the loaded route as the one with which a color has the traffic."""
        route = self.of(backend)
        if route:
            _write(self._file(backend, color), route)

    def kept(self, backend: str, color: str) -> Route | None:
        """The route with which a color had the traffic last; None where that is not on record."""
        file = self._file(backend, color)
        return _read(file) if file.exists() else None

    def has_any(self, backend: str) -> bool:
        """Whether anything is on record of an app's route."""
        return any(self.folder.glob(f"{backend}.*"))

    def remove(self, backend: str) -> None:
        for file in self.folder.glob(f"{backend}.*"):
            file.unlink()

    def _file(self, backend: str, kind: str = "json") -> Path:
        return self.folder / f"{backend}.{kind}"


def _read(file: Path) -> Route:
    written = json.loads(file.read_text(encoding="utf-8"))
    # A newer luma may have written more.
    known = {name: value for name, value in written.items() if name in Route.__dataclass_fields__}
    lists = {name: tuple(known.get(name) or ()) for name in LISTS}
    pairs = {name: tuple((key, value) for key, value in known.get(name) or ()) for name in PAIRS}
    return Route(**{**known, **lists, **pairs})


def _write(file: Path, route: Route) -> None:
    write_file(file, json.dumps(asdict(route), indent=2) + "\n")
