# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DNS provider of lego's (httpreq) that hands its records to Pebble's DNS: runs in a container."""

from __future__ import annotations

from tests.host import PROXY_IMAGE

#: It has the whole Python.
IMAGE = PROXY_IMAGE
PORT = 80
BRIDGE = """
import http.server, json, sys, urllib.request

class Bridge(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.headers["Authorization"] == "Basic bWU6aHVudGVyMjI="
        command = {"/present": "set-txt", "/cleanup": "clear-txt"}[self.path]
        data = json.dumps({"host": asked["fqdn"], "value": asked["value"]}).encode()
        if known:
            urllib.request.urlopen(f"{sys.argv[1]}/{command}", data).close()
        self.send_response(200 if known else 403)
        self.end_headers()

http.server.ThreadingHTTPServer(("", 80), Bridge).serve_forever()
"""
