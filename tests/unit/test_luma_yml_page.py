# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/luma-yml.md says what the schema says: every key, its other names, its default, in examples that are valid."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.luma.deploy.plugins.plugin_utils.certificates.keys import app_key, pem_of, self_signed
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Named, Scalar, Schema, Section, Value
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.schema import APP, LUMA_YML, PROCESS, RUNTIME
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.specification import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "luma-yml.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SECRETS = re.findall(r"^```properties\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def keys(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every key of the schema by its path, in which ``*`` is a name of the user's."""
    if isinstance(schema, Named):
        yield from keys(schema.entry, f"{path}.*")
    elif isinstance(schema, Section):
        for name, inner in schema.keys.items():
            inner_path = f"{path}.{name}".removeprefix(".")
            yield inner_path, inner
            # A process has keys of its app, which are told once.
            if name != "processes":
                yield from keys(inner, inner_path)


def lines_of_keys(example: str) -> Iterator[tuple[str, str]]:
    """Every key of an example by its path, with its line."""
    lines = example.splitlines()

    def walk(node: yaml.Node, path: str) -> Iterator[tuple[str, str]]:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            inner = f"{path}.{'*' if path in ('apps', 'services') else key.value}".removeprefix(".")
            yield inner, lines[key.start_mark.line]
            yield from walk(value, inner)

    root = yaml.compose(example, Loader=yaml.SafeLoader)
    assert root is not None
    yield from walk(root, "")


SCHEMA = dict(keys(LUMA_YML))
DOCUMENTED: dict[str, list[str]] = {}
for each in EXAMPLES:
    for documented, where in lines_of_keys(each):
        DOCUMENTED.setdefault(documented, []).append(where)


def own_certificate(file: Path) -> str:
    """Writes a certificate of a user's own; returns its key."""
    key = app_key(bytes(32), "shop", "blog", "ec256")
    file.write_text(self_signed(key, ["blog.com"]))
    return pem_of(key)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_valid(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".luma").mkdir()
    key = own_certificate(tmp_path / "blog.com.pem")
    (tmp_path / "ca.pem").touch()
    (tmp_path / ".luma" / "secrets").write_text(f'{SECRETS[0]}\nBLOG_TLS_KEY="{key}"\nSTAGING_LOGIN=ann:secret\n')
    (tmp_path / "errors").mkdir()
    (tmp_path / "errors" / "503.html").write_text("<h1>Sorry</h1>")
    for name in re.findall(r"\./([\w.]+):/etc|\./([\w.]+):/var", example):
        (tmp_path / "".join(name)).touch()
    for name in re.findall(r"(?<!\$)\$\{(\w+)\}", example):
        monkeypatch.setenv(name, "2")
    file = tmp_path / "luma.yml"
    file.write_text(example)
    load(str(file), decrypt=lambda _ciphertext: "decrypted")


def test_every_key_is_in_an_example() -> None:
    assert not set(SCHEMA) - set(DOCUMENTED)


def test_the_keys_of_a_process_are_named() -> None:
    told = PAGE.partition("\nThe keys of a process:")[2].partition(", and the\n")[0]
    assert set(re.findall(r"`(\w+)`", told)) == {*set(PROCESS.keys) - set(RUNTIME)}
    assert set(PROCESS.keys) <= set(APP.keys)


def test_every_key_that_a_message_names_exists() -> None:
    known = {path.removeprefix("apps.*.") for path in SCHEMA}
    sections = {path for path in known if "." not in path and any(each.startswith(f"{path}.") for each in known)}
    named = re.compile(rf"(?<![\w./])(?:{'|'.join(sections)})\.[a-z_]+(?![\w.])")
    folders = [ROOT / "plugins" / name for name in ("action", "module_utils", "plugin_utils")]
    sources = [file for folder in folders for file in folder.rglob("*.py")]
    nodes = [node for file in sources for node in ast.walk(ast.parse(file.read_text()))]
    docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
    texts = [node for node in nodes if isinstance(node, ast.Constant) and node not in docstrings]
    keys_named = {key for text in texts for key in named.findall(str(text.value))} - {"docker.io", "registry.example"}
    # Modules of the collection.
    keys_named -= {f"proxy.{file.stem}" for file in (ROOT / "plugins" / "module_utils" / "proxy").glob("*.py")}
    assert "health_check.start_period" in keys_named
    assert keys_named <= known


@pytest.mark.parametrize(("path", "schema"), SCHEMA.items())
def test_other_names_and_the_default_stand_behind_a_key(path: str, schema: Schema) -> None:
    lines = " ".join(DOCUMENTED[path])
    assert sorted(set(re.findall(r"also: (\w+)", lines))) == sorted(schema.aliases)
    defaults = {default_of(schema, text) for text in re.findall(r"\(default (.+?)\)", lines)}
    default = schema.default if isinstance(schema, Value) else None
    assert defaults == (set() if default is None else {default})


def default_of(schema: Schema, text: str) -> object:
    assert isinstance(schema, Value), text
    kind = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False)).rpartition(":")[2]
    return schema.parse(Scalar(text, kind, text))
