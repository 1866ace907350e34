# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's container, luma-acme: of the same standing as luma-proxy, beside which it runs on a host.

It has Python for the agent, whose code it gets from the host, openssl, and lego. There is no image with all of them, so
that one is made of two on the host, unless luma.yml names one (``proxy_options.acme_image``).
"""

from __future__ import annotations

import hashlib
import io
import pkgutil
import shutil
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils import acme
from ansible_collections.luma.deploy.plugins.module_utils.acme.image import DOCKERFILE, IMAGE, LEGO_IMAGE, PYTHON_IMAGE
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError
from ansible_collections.luma.deploy.plugins.module_utils.host.containers import KEEP_RUNNING, Container
from ansible_collections.luma.deploy.plugins.module_utils.host.engine import Engine
from ansible_collections.luma.deploy.plugins.module_utils.host.labels import LABEL_ROLE
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import error_in
from ansible_collections.luma.deploy.plugins.module_utils.proxy import certificates, names, orders
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CERTIFICATES_DIR, RUN_DIR

if t.TYPE_CHECKING:
    # Ansible sends a module what it imports, by its text: with this the agent's code, which no module runs.
    from ansible_collections.luma.deploy.plugins.module_utils.acme import agent

    _SENT = agent

CONTAINER = "luma-acme"
ROLE = "acme"
#: The label with what it was made of: another image or other code is another container.
LABEL_MADE_OF = "luma.acme"

ROOT = "ansible_collections.luma.deploy.plugins.module_utils"
#: What the agent needs, beside its own room without this file, the image's, and the one that tells modules of it.
SHARED = ("errors", "host.folder", "proxy.answers", "proxy.certificates", "proxy.names", "proxy.paths", "proxy.sockets")
NOT_THE_AGENTS = ("container", "image", "info")
CODE = "acme-code"


class AgentContainer:
    """The agent of one host, in luma-proxy's ``folder``; ``image`` is one that has what it needs."""

    def __init__(self, engine: Engine, folder: Path, image: str | None = None) -> None:
        self.engine = engine
        self.folder = folder
        self.image = image or IMAGE

    def need_image(self) -> None:
        """Makes sure that the host has the image, or those that it is made of. Raises `LumaError` with
        ``missing_image`` where one cannot be had."""
        if self.image != IMAGE:
            self.engine.need_image(self.image)
        elif self.engine.image(IMAGE) is None:
            for base in (LEGO_IMAGE, PYTHON_IMAGE):
                self.engine.need_image(base)

    def _build(self) -> None:
        build: t.Any = self.engine.client.build
        file = io.BytesIO(DOCKERFILE.encode())
        messages = self.engine.call(f"build image {IMAGE}", lambda: list(build(fileobj=file, tag=IMAGE, decode=True)))
        error = error_in(messages)
        if error:
            raise LumaError(f"Could not build image {IMAGE} from {LEGO_IMAGE} and {PYTHON_IMAGE}: {error}")

    def ensure(self, check_mode: bool = False) -> bool:
        """Makes it run, of the present code; returns whether anything was to be done."""
        image, code = self.engine.image(self.image), sources()
        if image is None and self.image == IMAGE and not check_mode:
            self._build()
            image = self.engine.image(IMAGE)
        digest = hashlib.sha256(repr(sorted(code.items())).encode()).hexdigest()[:16]
        made_of = f"{image['Id'] if image else self.image} {digest}"
        found = self.own()
        if found and found.running and found.labels.get(LABEL_MADE_OF) == made_of:
            return False
        if not check_mode:
            if found:
                self.engine.remove(CONTAINER)
            self._write_code(digest, code)
            self._create(made_of, digest)
            self.engine.start(CONTAINER)
        return True

    def own(self) -> Container | None:
        """Its container, None where there is none. Raises `LumaError` where another has its name."""
        container = self.engine.container(CONTAINER, names.NETWORK)
        if container is not None and container.labels.get(LABEL_ROLE) != ROLE:
            raise LumaError(
                f"The name {CONTAINER} is taken by a container that luma did not make. Rename it with: docker rename "
                f"{CONTAINER} OTHER"
            )
        return container

    def _create(self, made_of: str, digest: str) -> None:
        self.engine.create(
            CONTAINER,
            self.image,
            names.NETWORK,
            labels={LABEL_ROLE: ROLE, LABEL_MADE_OF: made_of},
            entrypoint=["python3", "-m", f"{ROOT}.acme.agent"],
            environment={"PYTHONPATH": "/luma", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"},
            user=f"{names.USER}:{names.USER}",
            host={
                "binds": [
                    f"{self.folder}/{certificates.FOLDER}:{CERTIFICATES_DIR}",
                    f"{self.folder}/{orders.FOLDER}:/acme",
                    f"{self.folder}/run:{RUN_DIR}",
                    f"{self.folder}/{CODE}/{digest}:/luma:ro",
                ],
                "tmpfs": {"/tmp": "mode=1777"},
                "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges"],
                "read_only": True,
                "restart_policy": KEEP_RUNNING,
                "init": True,
            },
        )

    def _write_code(self, digest: str, code: t.Mapping[str, str]) -> None:
        """Writes the agent's code to a folder of its own, and removes that of others."""
        home = self.folder / CODE
        shutil.rmtree(home, ignore_errors=True)
        for path, text in code.items():
            file = home / digest / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for each in (home, *home.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)


def sources() -> dict[str, str]:
    """The text of the agent's modules, by the paths at which Python looks for them."""
    own = [module.name for module in pkgutil.iter_modules(acme.__path__) if module.name not in NOT_THE_AGENTS]
    packages = [f"{room}.__init__" for room in ("acme", "host", "proxy")]
    return dict(_source(f"{ROOT}.{name}") for name in (*SHARED, *packages, *(f"acme.{each}" for each in own)))


def _source(module: str) -> tuple[str, str]:
    package, _dot, name = module.rpartition(".")
    text = pkgutil.get_data(package, name + ".py")
    return f"{module.replace('.', '/')}.py", (text or b"").decode("utf-8")
