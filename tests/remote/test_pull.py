# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that deploys to itself, with the files of examples/pull: its timer's command is run as systemd would, which
servers here do not have."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.traffic.report import failures_in_words

from tests.host import APP_IMAGE, PROXY_IMAGE, ROOT
from tests.remote.installed import only
from tests.testbed.servers import Server
from tests.zero_loss.project import Traffic

PULL = ROOT / "examples" / "pull"
REPOSITORY = "/srv/shop"
HOST = "shop.localhost"
ELSEWHERE = "192.0.2.7"
"""Another host of the same luma.yml: an address of RFC 5737, where nobody is."""


@pytest.fixture(scope="module")
def puller(server: Server, published: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server, with luma in an environment of its own, as if it had been installed from PyPI."""
    server.load_images(APP_IMAGE, PROXY_IMAGE)
    packages = tmp_path_factory.mktemp("packages") / "packages"
    version = server.run("""python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])'""").strip()
    wheel = str(only(published, "*.whl"))
    for_server = ["--python-version", version, "--python-platform", f"{platform.machine()}-manylinux_2_28"]
    subprocess.run(["uv", "pip", "install", "--quiet", "--target", str(packages), *for_server, wheel], check=True)
    server.run("rm -rf /opt/luma /var/lib/luma-pull && python3 -m venv --without-pip /opt/luma")
    server.copy(packages, "/opt/packages")
    server.run(
        "cp /opt/packages/bin/* /opt/luma/bin && sed -i '1s|.*|#!/opt/luma/bin/python3|' /opt/luma/bin/ansible* && "
        f"rm -r /opt/packages/bin && mv /opt/packages/* /opt/luma/lib/python{version}/site-packages"
    )
    server.run("mkdir -p /etc/luma && echo DATABASE_URL=postgres://shop:s3cret@db/shop >/etc/luma/secrets.env")
    return server


def push(server: Server, folder: Path, version: str) -> None:
    """Commit a version of the example to the repository, which is on the server itself."""
    if not folder.exists():
        shutil.copytree(PULL, folder)
        subprocess.run(["git", "init", "--quiet", folder], check=True)
    luma_yml = yaml.safe_load((PULL / "luma.yml").read_text())
    web = luma_yml["apps"]["web"]
    web |= {"image": APP_IMAGE, "servers": [server.run("hostname").strip(), ELSEWHERE]}
    web["proxy"]["hosts"] = [HOST]
    web["environment"]["plain"] = {"VERSION": version}
    (folder / "luma.yml").write_text(yaml.safe_dump({**luma_yml, "proxy": {"image": PROXY_IMAGE}}))
    author = "-c user.name=test -c user.email=test@example.com"
    commit = f"git add --all --force && git {author} commit --quiet --message {version}"
    subprocess.run(commit, shell=True, cwd=folder, check=True)
    server.run(f"rm -rf {REPOSITORY}")
    server.copy(folder, REPOSITORY)


def pull(server: Server) -> str:
    """What the timer starts, in the environment that systemd gives to a service; returns what it printed."""
    unit = (PULL / "luma-pull.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    command = command.replace("%H", server.run("hostname").strip())
    command = re.sub(r"--url \S+", f"--url file://{REPOSITORY}", command)
    variables = " ".join(re.findall(r'^Environment=(".*")$', unit, re.MULTILINE))
    return server.run(f"env -i PATH=$PATH $(cat /etc/luma/secrets.env) {variables} {command} 2>&1")


def container(server: Server) -> str:
    return server.run("docker ps --no-trunc --quiet --filter label=luma.app=web").strip()


def test_a_server_deploys_to_itself_what_the_repository_says(puller: Server, tmp_path: Path) -> None:
    push(puller, tmp_path / "shop", "r1")
    first = pull(puller)
    assert "completed successfully" in first
    assert f"{ELSEWHERE} stay as they are" in first
    assert puller.run("docker exec web-blue printenv DATABASE_URL") == "postgres://shop:s3cret@db/shop\n"
    made = container(puller)
    assert "Nothing changed" in pull(puller)
    assert container(puller) == made

    push(puller, tmp_path / "shop", "r2")
    with Traffic(f"http://127.0.0.1:{puller.port(80)}", HOST, tmp_path) as traffic:
        pull(puller)
        records = traffic.stop().records
    assert failures_in_words(records) == []
    assert {record.release for record in records} == {"r1", "r2"}
    assert container(puller) != made
