# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of single values in luma.yml. Each parser takes one value of the file and returns it as luma uses it, or
raises ValueError with what it expects."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace

from ansible_collections.luma.deploy.plugins.module_utils.host.registries import ALWAYS, MISSING
from ansible_collections.luma.deploy.plugins.module_utils.proxy.access_log import FORMATS
from ansible_collections.luma.deploy.plugins.plugin_utils.luma_file.kinds import Scalar

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
#: Kinds of elliptic curves, as lego calls them.
KEY_TYPES = ("ec256", "ec384")
YEAR_SECONDS = 365 * 24 * 3600
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def string(value: Scalar) -> str:
    if value.type == "bool" or not value.text:
        raise ValueError("has to be a text")
    return value.text


def word(value: Scalar) -> str:
    """A word of a command, which may be empty."""
    return value.text


def boolean(value: Scalar) -> bool:
    # A variable is a text, whatever it says.
    if not (value.type == "bool" or value.secret) or value.text.lower() not in BOOLEANS:
        raise ValueError("has to be true or false")
    return BOOLEANS[value.text.lower()]


def access_log(value: Scalar) -> str:
    """One of `FORMATS`: ``true`` is HAProxy's own."""
    if value.type == "bool":
        return "text" if boolean(value) else "none"
    if value.text not in FORMATS:
        raise ValueError("has to be true, json, or false")
    return value.text


def port(value: Scalar) -> int:
    number = _whole_number(value)
    if not 1 <= number <= 65535:
        raise ValueError("has to be a port: a number from 1 to 65535")
    return number


def positive(value: Scalar) -> int:
    number = _whole_number(value)
    if number < 1:
        raise ValueError("has to be a whole number, 1 or more")
    return number


def count(value: Scalar) -> int:
    number = _whole_number(value)
    if number < 0:
        raise ValueError("has to be a whole number, 0 or more")
    return number


def share(value: Scalar) -> int | str:
    """A number of things, or a percentage of them all, as in ``25%``."""
    if re.fullmatch(r"([1-9]\d?|100)%", value.text):
        return value.text
    number = _whole_number(value)
    if number < 1:
        raise ValueError("has to be a whole number, 1 or more, or a percentage from 1% to 100%")
    return number


def _whole_number(value: Scalar) -> int:
    """-1 where it is none."""
    is_number = (value.type == "int" or value.secret) and re.fullmatch(r"\d{1,9}", value.text)
    return int(value.text) if is_number else -1


def duration(value: Scalar) -> float:
    """``500ms``, ``5s``, ``1m``, ``1h`` or a number of seconds, as seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*(ms|s|m|h)?", value.text)
    if not found:
        raise ValueError("has to be a duration such as 500ms, 5s or 1m, or a number of seconds")
    return float(found[1]) * UNITS[found[2] or "s"]


def path(value: Scalar) -> str:
    # It becomes a word of HAProxy's configuration and of a request line.
    if not re.fullmatch(r"/[!-~]*", value.text):
        raise ValueError("has to be a path such as /up, without spaces")
    return value.text


def host_name(value: Scalar) -> str:
    """In ASCII, as browsers send it."""
    name = value.text if value.text.isascii() else _in_ascii(value)
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name):
        raise ValueError(f"{value.written} is not a host name")
    return name


def check_host_name(name: str) -> None:
    host_name(Scalar(name, "str", name))


def _in_ascii(value: Scalar) -> str:
    """As browsers do it: UTS 46, without what differs from IDNA 2008."""
    try:
        # Only such names need it, and an Ansible of one's own may lack it.
        import idna
    except ImportError as exc:
        raise ValueError(f"{value.written} needs the Python package idna: pip install idna") from exc
    try:
        return idna.encode(value.text, uts46=True).decode("ascii")
    except idna.IDNAError as exc:
        raise ValueError(f"{value.written} is not a host name: {exc}") from exc


def host_pattern(value: Scalar) -> str:
    """A host name, ``*.blog.com`` for all names one level below it, or ``*`` for all."""
    if value.text == "*":
        return value.text
    wildcard, name = ("*.", value.text[2:]) if value.text.startswith("*.") else ("", value.text)
    return wildcard + host_name(replace(value, text=name))


def server(value: Scalar) -> str:
    """A host name, an address, or the name of an inventory group."""
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", value.text) and not is_address(value.text):
        raise ValueError(f"{value.written} is neither a host name nor an address nor the name of an inventory group")
    return value.text


def jump_hosts(value: Scalar) -> str:
    """As in ``ssh -J``. It becomes a word of ssh's command line."""
    if not re.fullmatch(r"(ssh://)?[\w.@:\[\]%-]+(,(ssh://)?[\w.@:\[\]%-]+)*", value.text) or value.text[0] == "-":
        raise ValueError("has to be the host to go through, such as me@bastion.example:2222, or several as in a,b")
    return value.text


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def address(value: Scalar) -> str:
    if not is_address(value.text):
        raise ValueError("has to be an IP address such as 0.0.0.0")
    return value.text


def network(value: Scalar) -> str:
    """An address, or a network in CIDR notation."""
    try:
        return str(ipaddress.ip_network(value.text))
    except ValueError as exc:
        raise ValueError(f"{value.written} is neither an IP address nor a network such as 10.0.0.0/8") from exc


def hsts(value: Scalar) -> int:
    """How long browsers are to use HTTPS only, in seconds: a duration, true for a year, or false."""
    if value.type == "bool":
        return YEAR_SECONDS if boolean(value) else 0
    return int(duration(value))


def acme_directory(value: Scalar) -> str:
    if value.text == "staging":
        return LETS_ENCRYPT_STAGING
    if not re.fullmatch(r"https://[^\s/]+/\S*", value.text):
        raise ValueError(f"{value.written} is not the directory of a CA such as {LETS_ENCRYPT}; or write staging")
    return value.text


def dns_provider(value: Scalar) -> str:
    # It becomes a word of lego's command line.
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value.text):
        raise ValueError(f"{value.written} is not a DNS provider of lego such as cloudflare, see: lego dnshelp")
    return value.text


def key_type(value: Scalar) -> str:
    if value.text not in KEY_TYPES:
        raise ValueError(f"has to be {' or '.join(KEY_TYPES)}")
    return value.text


def text(value: Scalar) -> str:
    """A text, which may look like a number."""
    if not value.text:
        raise ValueError("has to be a text")
    return value.text


def size(value: Scalar) -> int:
    """``512m``, ``1.5g`` or a number of bytes, as bytes; the units are powers of 1024, as in compose."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)\s*(?:([kmgt])i?)?b?", value.text, re.IGNORECASE)
    number = int(float(found[1]) * 1024 ** (" kmgt".index((found[2] or " ").lower()))) if found else 0
    if number < 1:
        raise ValueError("has to be a size such as 512m or 2g, or a number of bytes")
    return number


def cpus(value: Scalar) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", value.text) or not float(value.text):
        raise ValueError("has to be a number of CPUs such as 0.5 or 2")
    return float(value.text)


def pids_limit(value: Scalar) -> int:
    if value.text != "-1" and _whole_number(value) < 1:
        raise ValueError("has to be a whole number, 1 or more, or -1 for no limit")
    return int(value.text)


def gpus(value: Scalar) -> str:
    if value.text != "all" and _whole_number(value) < 1:
        raise ValueError("has to be all, or a number of GPUs")
    return value.text


def absolute_path(value: Scalar) -> str:
    if not value.text.startswith("/"):
        raise ValueError("has to be a path in the container, which begins with /")
    return value.text


def capability(value: Scalar) -> str:
    name = value.text.upper().removeprefix("CAP_")
    if not re.fullmatch(r"[A-Z_]+", name):
        raise ValueError(f"{value.written} is not a capability such as NET_ADMIN, or ALL")
    return name


def extra_host(value: Scalar) -> str:
    name, _colon, where = value.text.replace("=", ":", 1).partition(":")
    if not name or not (is_address(where.strip("[]")) or where == "host-gateway"):
        raise ValueError(f'{value.written} is not a host such as "db:10.0.0.5" or "host:host-gateway"')
    return f"{name}:{where.strip('[]')}"


def stop_signal(value: Scalar) -> str:
    if not re.fullmatch(r"(SIG)?[A-Z0-9+-]+", value.text):
        raise ValueError(f"{value.written} is not a signal such as SIGTERM or SIGQUIT")
    return value.text


def ulimit(value: Scalar) -> str:
    if not re.fullmatch(r"-?\d+(:-?\d+)?", value.text):
        raise ValueError("has to be a number, or two as in 1024:65536; -1 for no limit")
    return value.text


def check_word(name: str) -> None:
    if not re.fullmatch(r"\S+", name):
        raise ValueError("has to be a name without spaces")


def check_label(name: str) -> None:
    check_word(name)
    if name.startswith("luma."):
        raise ValueError("labels that begin with luma. are luma's own")


def published_port(value: Scalar) -> str:
    if not re.fullmatch(r"(?:(?:[\d.]+|\[[0-9a-fA-F:]+\]):)?(?:\d*(?:-\d+)?:)?\d+(?:/(?:tcp|udp|sctp))?", value.text):
        raise ValueError(f'{value.written} is not a published port such as "3000", "8080:3000" or "8080-8083:3000/tcp"')
    return value.text


def sent_file(value: Scalar) -> tuple[str, str, str]:
    """A file or folder beside luma.yml, its path in the container, and ``ro`` or ``rw``."""
    found = re.fullmatch(r"([^:]+):(/[^:]*[^:/])(?::(ro|rw))?", value.text)
    if not found:
        raise ValueError(
            f"{value.written} is not a file to send such as ./my.cnf:/etc/mysql/my.cnf, or with :rw at the end"
        )
    return found[1], found[2], found[3] or "ro"


def path_prefix(value: Scalar) -> str:
    """``/api``; a slash at its end says the same."""
    text = value.text.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise ValueError("has to be the beginning of a path, as in /api, of letters, digits, ., _, ~ and -")
    return text


def image(value: Scalar) -> str:
    """A reference as Docker's engine takes it."""
    registry, name = r"[A-Za-z0-9.-]+(?::\d+)?/", r"[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
    if not re.fullmatch(rf"(?:{registry})?{name}(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", value.text):
        raise ValueError(f"{value.written} is not the name of an image such as my-blog, postgres:17 or ghcr.io/me/blog")
    return value.text


def pull(value: Scalar) -> str:
    if value.text not in (ALWAYS, MISSING):
        raise ValueError(f"has to be {ALWAYS} or {MISSING}")
    return value.text


def registry(value: Scalar) -> str:
    """The name of a registry, which may be followed by a path that all its images share. A scheme is left out, as
    Docker leaves it out of an image's name."""
    text = re.sub(r"^https?://", "", value.text).rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?(/[a-z0-9._/-]+)?", text):
        raise ValueError(f"{value.written} is not a registry such as ghcr.io or registry.example:5000")
    return text


def variable(value: Scalar) -> str:
    check_variable(value.text)
    return value.text


def check_variable(name: str) -> None:
    if not re.fullmatch(r"[^=\s\0]+", name):
        raise ValueError("has to be the name of an environment variable")
