# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's numbers, for Prometheus: a port of the proxy's container, published at one address of the host.

HAProxy counts what it does, and has an exporter. What luma knows is in a file, see `run.series`, which a service in Lua
sends (``core.register_service`` of HAProxy's Lua API). At each scrape it asks HAProxy of certificates, too: what counts
is what is served.
"""

from __future__ import annotations

import typing as t

from ansible_collections.luma.deploy.plugins.module_utils.proxy.certificates import TRUSTED_MAP
from ansible_collections.luma.deploy.plugins.module_utils.proxy.paths import CERTIFICATES_DIR, CONFIG_DIR, RUN_DIR

#: The port inside the container.
METRICS_PORT = 8404
#: luma's own numbers, in its folder on the host, and where the container sees them.
FOLDER = "metrics"
FILE = "luma.prom"
CONTAINER_FOLDER = "/var/lib/luma/metrics"
#: The service, beside the configuration.
SCRIPT = "metrics.lua"

#: An image without the exporter is refused only if it is asked for. One without Lua has HAProxy's own numbers.
METRICS = f"""
.if defined(LUMA_METRICS)
.if feature(LUA)
global
.if version_atleast(3.1)
    tune.lua.bool-sample-conversion normal
.endif
    lua-load {CONFIG_DIR}/{SCRIPT}
.endif

frontend metrics
    bind :{METRICS_PORT}
    http-request set-log-level silent
    http-request use-service prometheus-exporter if {{ path /metrics }}
.if feature(LUA)
    http-request use-service lua.luma if {{ path /metrics/luma }}
.endif
    http-request return status 404 content-type text/plain string "The metrics are at /metrics, and those of luma at \
/metrics/luma unless this HAProxy has no Lua.\\n"
.endif
"""

SERVICE = f"""\
-- Written by luma; changes made here are lost.
local ADMIN_SOCKET = "{RUN_DIR}/admin.sock"
local CERTIFICATES, TRUSTED_MAP = "{CERTIFICATES_DIR}/", "{CERTIFICATES_DIR}/{TRUSTED_MAP}"
local NUMBERS = "{CONTAINER_FOLDER}/{FILE}"
"""
SERVICE += r"""
local MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

local function ask(command)
    local socket = core.tcp()
    if not socket:connect(ADMIN_SOCKET) then return "" end
    socket:settimeout(2)
    socket:send(command .. "\n")
    local answer = socket:receive("*a")
    socket:close()
    return answer or ""
end

local function family(name, told, samples)
    local head = "# HELP " .. name .. " " .. told .. "\n# TYPE " .. name .. " gauge\n"
    return #samples > 0 and head .. name .. table.concat(samples, name) or ""
end

-- When a certificate ends; nil if HAProxy does not tell.
local function ends_at(file)
    -- One by one: HAProxy 3.0 does not get an answer into Lua that is larger than a buffer.
    local month, day, hour, min, sec, year = ask("show ssl cert " .. file):match(
        "notAfter: (%a+) +(%d+) (%d+):(%d+):(%d+) (%d+) GMT")
    -- The time zone of the container is UTC.
    return month and os.time({
        year = year, month = MONTHS:find(month) // 3 + 1, day = day, hour = hour, min = min, sec = sec})
end

local function numbers_of_certificates()
    local trusted, ends, names = {}, {}, {}
    for backend in ask("show map " .. TRUSTED_MAP):gmatch("0x%x+ %S+ (%S+)") do
        trusted[backend] = (trusted[backend] or 0) + 1
    end
    for name in ask("show ssl cert"):gmatch(CERTIFICATES .. "([^\n]+)%.pem") do
        local time = ends_at(CERTIFICATES .. name .. ".pem")
        if time then
            local labels = ('{project="%s",app="%s"} '):format(name:match("(.+):(.+)"))
            table.insert(ends, labels .. time .. "\n")
            table.insert(names, labels .. (trusted[name] or 0) .. "\n")
        end
    end
    return family("luma_certificate_not_after_timestamp_seconds", "When the certificate ends that is served.", ends)
        .. family("luma_certificate_trusted_names", "The names with a certificate that browsers accept.", names)
end

core.register_service("luma", "http", function(applet)
    local text, file = numbers_of_certificates(), io.open(NUMBERS)
    if file then
        text = text .. file:read("a")
        file:close()
    end
    applet:set_status(200)
    applet:add_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
    applet:add_header("content-length", tostring(#text))
    applet:start_response()
    applet:send(text)
end)
"""


def published_metrics(settings: t.Mapping[str, t.Any]) -> dict[str, tuple[str, int]]:
    """The port that the container publishes for it, with the host's address and port; nothing if it is off."""
    if not settings["metrics"]:
        return {}
    address, _colon, port = settings["metrics"].rpartition(":")
    return {f"{METRICS_PORT}/tcp": (address.strip("[]"), int(port))}
