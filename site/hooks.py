# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ProperDocs is told beside its configuration: the start page is the README, modules and roles have a page each,
and links and anchors are those of GitHub, where the same pages are read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path

import yaml
from antsibull_docs_parser.dom import PluginIdentifier
from antsibull_docs_parser.format import LinkProvider
from antsibull_docs_parser.html import to_html_plain
from antsibull_docs_parser.parser import Context, parse
from jinja2 import Environment, FileSystemLoader
from properdocs.config.defaults import ProperDocsConfig
from properdocs.exceptions import PluginError
from properdocs.structure.files import File, Files
from properdocs.structure.pages import Page
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
COLLECTION = "luma.deploy"
KINDS = {"module": "Modules and actions", "role": "Roles", "inventory": "Inventory", "callback": "Callbacks"}
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: ProperDocsConfig) -> ProperDocsConfig:
    config.repo_url = yaml.safe_load((ROOT / "galaxy.yml").read_text())["repository"]
    config.mdx_configs["toc"]["slugify"] = slug
    return config


def slug(heading: str, separator: str) -> str:
    """The anchor of a heading as GitHub makes it: ``luma exec APP -- COMMAND`` is ``luma-exec-app----command``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    made = {"index.md": rewritten(README.read_text(), ROOT, config), "site.css": style(), **reference()}
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: ProperDocsConfig, files: Files) -> str:
    source = page.file.abs_src_path
    return rewritten(markdown, Path(source).parent, config) if source else markdown


def on_page_content(html: str, page: Page, config: ProperDocsConfig, files: Files) -> str:
    if re.search(r"<p>[^<]*\n[-*] ", html):
        raise PluginError(f"{page.file.src_uri}: a list needs an empty line in front of it, which GitHub does without")
    return html


def rewritten(markdown: str, folder: Path, config: ProperDocsConfig) -> str:
    """The text of a page in a folder of the repository, with its links as they have to be on the site: to other pages,
    or to the repository for what is no page."""

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / found[1]))
        if not target.exists():
            raise PluginError(f"{folder}: a link to {found[1]}, which is not there")
        if target.is_relative_to(DOCS):
            place = str(target.relative_to(DOCS))
        elif target == README:
            place = "index.md"
        else:
            kind = "tree" if target.is_dir() else "blob"
            place = f"{config.repo_url}/{kind}/main/{target.relative_to(ROOT)}"
        return f"]({place}{found[2] or ''})"

    return LINK.sub(link, markdown)


def style() -> str:
    """The colors of code, by day and by night, and what the theme's tables need where a screen is narrow."""
    by_day = HtmlFormatter(style="default").get_style_defs("[data-bs-theme=light] .codehilite")
    by_night = HtmlFormatter(style="github-dark").get_style_defs("[data-bs-theme=dark] .codehilite")
    return "\n".join([by_day, by_night, (ROOT / "site" / "site.css").read_text()])


def reference() -> dict[str, str]:
    """A page for each plugin and role of the collection, from their DOCUMENTATION, and one that lists them."""
    command = ["ansible-doc", "--metadata-dump", "--no-fail-on-errors", COLLECTION]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    dump = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)["all"]
    plugins = [
        # A role has one entry point, whose keys are those of a plugin's documentation.
        {"kind": kind, "name": name, "doc": about.get("doc") or about["entry_points"]["main"], "about": about}
        for kind in KINDS
        for name, about in sorted(dump[kind].items())
    ]
    templates = Environment(loader=FileSystemLoader(ROOT / "site"), trim_blocks=True, lstrip_blocks=True)
    templates.filters |= {"words": words, "json": partial(json.dumps, ensure_ascii=False)}
    one, all_of_them = templates.get_template("plugin.md.j2"), templates.get_template("modules.md.j2")
    pages = {page_of(plugin["kind"], plugin["name"]): one.render(plugin) for plugin in plugins}
    return {"modules.md": all_of_them.render(kinds=KINDS, plugins=plugins, page_of=page_of), **pages}


def page_of(kind: str, name: str) -> str:
    return f"reference/{kind}-{name.removeprefix(f'{COLLECTION}.')}.md"


class OwnPages(LinkProvider):
    """Links from one page of the reference to another."""

    def plugin_link(self, plugin: PluginIdentifier) -> str | None:
        own = plugin.fqcn.startswith(f"{COLLECTION}.")
        return f"../{Path(page_of(plugin.type, plugin.fqcn)).stem}/" if own else None


def words(text: str | list[str]) -> str:
    """Ansible's markup, such as ``O(color)``, as HTML in one line."""
    paragraphs = parse([text] if isinstance(text, str) else text, Context())
    return to_html_plain(paragraphs, link_provider=OwnPages(), par_start="", par_end="", par_sep="<br>")
