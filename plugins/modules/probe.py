#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Send continuous traffic to an app while it is deployed, and count what is lost
description:
  - With O(state=started) a process in the background begins to send health checks of an app through the
    proxy, on 8 connections that are kept and 4 that are made anew for each request, about 600 a second.
  - With O(state=stopped) it ends, and the task reports the fate of every request. It fails if one was lost.
  - A request is lost if it cannot be sent, gets no complete answer within 10 seconds, or one other than 2xx.
    No request is ever sent twice. A connection that the server closes before a request is written is no loss.
  - If the app is not served yet when the traffic begins, failures before its first answer are not counted.
  - The traffic comes from the controller. It ends with the run of Ansible that started it.
version_added: 0.1.0
author:
  - the luma authors (@luma)
options:
  state:
    description: Whether the traffic begins or ends here.
    type: str
    required: true
    choices: [started, stopped]
  url:
    description:
      - Where the proxy listens, such as V(http://127.0.0.1:8080). Required with O(state=started).
      - With V(https://) any certificate is accepted, since it is losses that are counted.
    type: str
  host:
    description:
      - The Host header of the requests, by which the proxy chooses the app. That of O(url) by default.
    type: str
  path:
    description: The path of the app's health check.
    type: str
    default: /up
  proxy_protocol:
    description: Whether the proxy expects the header of the PROXY protocol at the start of each connection.
    type: bool
    default: false
  basic_auth:
    description:
      - The names of secrets beside O(luma_file) with lines of USER:PASSWORD. The requests have the first of these.
    type: list
    elements: str
    default: []
  luma_file:
    description: The absolute path of a luma.yml.
    type: path
  max_seconds:
    description: Seconds after which the traffic ends by itself.
    type: float
    default: 900
  report_file:
    description:
      - What the task with O(state=started) returned as RV(report_file). Required with O(state=stopped).
    type: path
  min_seconds:
    description:
      - Seconds of traffic that O(state=stopped) waits for, so that a run that changes nothing counts some.
    type: float
    default: 2
  slots:
    description:
      - The colors of the proxy's server slots, such as C(blog1) to V(blue). With them the report
        tells the time from the last request that the old color answered to the first of the new one.
    type: dict
    default: {}
attributes:
  check_mode:
    description: In check mode nothing is sent.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: Each start is one process with a report of its own. It changes nothing on any host.
    support: full
"""

EXAMPLES = r"""
- name: Send traffic from here on
  luma.deploy.probe:
    state: started
    url: http://127.0.0.1:8080
    host: blog.localhost
  register: traffic

- name: End the traffic, and fail if a request was lost
  luma.deploy.probe:
    state: stopped
    report_file: "{{ traffic.report_file }}"
    slots:
      blog1: blue
      blog2: green
"""

RETURN = r"""
pid:
  description: The process that sends the traffic.
  returned: O(state=started)
  type: int
  sample: 4711
report_file:
  description: The file that the fate of every request is written to. It goes away with the run of Ansible.
  returned: O(state=started)
  type: str
  sample: /home/me/.ansible/tmp/ansible-local-1234/probe-abc/report
records_file:
  description: The same file, which is complete now. It goes away with the run of Ansible.
  returned: O(state=stopped)
  type: str
  sample: /home/me/.ansible/tmp/ansible-local-1234/probe-abc/report
requests:
  description: How many requests count.
  returned: O(state=stopped)
  type: int
  sample: 12431
failed_requests:
  description: How many of them were lost.
  returned: O(state=stopped)
  type: int
  sample: 0
not_counted:
  description: How many failed before the very first answer of an app that was not served before.
  returned: O(state=stopped)
  type: int
  sample: 0
longest_ms:
  description: Milliseconds that the longest request took, with its connect if it needed one.
  returned: O(state=stopped)
  type: float
  sample: 61.3
p50_ms:
  description: Milliseconds within which half of the requests were answered.
  returned: O(state=stopped)
  type: float
  sample: 1.1
p99_ms:
  description: Milliseconds within which 99 of 100 requests were answered.
  returned: O(state=stopped)
  type: float
  sample: 6.2
handovers:
  description: One entry for each time that the traffic went over from one color to the next.
  returned: O(state=stopped)
  type: list
  elements: dict
  contains:
    before:
      description: The color that had the traffic.
      type: str
      sample: blue
    after:
      description: The color that got it.
      type: str
      sample: green
    gap_ms:
      description:
        - Milliseconds from the sending of the last request that the old color answered to the sending of the
          first that the new color answered. Negative if requests overtook each other on their way.
      type: float
      sample: 0.4
    interleaved:
      description: Requests that the old color answered, sent later than the first that the new one answered.
      type: int
      sample: 0
    stale:
      description:
        - Those of them that were sent when an answer of the new color had already been read. More than none
          prove that both colors had traffic at once.
      type: int
      sample: 0
report:
  description: The numbers in one line, as luma shows it.
  returned: O(state=stopped)
  type: list
  elements: str
  sample: ["Probe: 12,431 requests, 0 failed, longest 61 ms, last blue → first green 0.4 ms"]
"""
