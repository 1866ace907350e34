# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes an image from the controller's engine. The login goes to the engine in the request, so that it is neither on
a command line nor in a file, as it would be with ``docker login``."""

from __future__ import annotations

import os
import subprocess

from ansible.errors import AnsibleActionFail
from ansible_collections.luma.deploy.plugins.module_utils.host.registries import Registry, error_in, refusal


def push(image: str, registry: Registry | None) -> None:
    """Pushes an image that has a tag. Without a registry's login the user's own is used, as ``docker push`` does."""
    # It takes a tenth of a second, which a run without a push does not have to wait for.
    try:
        import docker
        import requests.exceptions
    except ImportError as exc:
        raise AnsibleActionFail(
            f"Pushing {image} needs the Docker SDK for Python on the controller: pip install docker"
        ) from exc
    repository, _colon, tag = image.rpartition(":")
    try:
        client = docker.from_env(version="auto", use_ssh_client=True, environment=_environment()).api
        login = registry.login_for(image) if registry else None
        error = error_in(client.push(repository, tag=tag, stream=True, decode=True, auth_config=login))
    except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
        error = str(getattr(exc, "explanation", None) or exc)
    if error:
        reason = refusal(image, error, registry)
        raise AnsibleActionFail(f"Image {image} could not be pushed: {reason}. Nothing was deployed.")


def _environment() -> dict[str, str]:
    """The variables by which the SDK reaches the engine of the docker command, which has built the image: the SDK knows
    no contexts, such as those of Docker Desktop."""
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return dict(os.environ)
    address = done.stdout.strip()
    return {**os.environ, "DOCKER_HOST": address} if address and not done.returncode else dict(os.environ)
