#!/usr/bin/python
# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: project
short_description: Read luma.yml and say which apps go to which hosts
version_added: 0.1.0
author:
  - The luma authors (@luma-deploy)
description:
  - Reads luma.yml and C(.luma/secrets) beside it on the controller, checks all of it, and returns what the roles take,
    with all defaults.
  - All mistakes are reported together, each with file, line, column and key. No host is contacted.
  - Values of secrets are not in what it returns, only their names.
options:
  file:
    description: The file.
    type: str
    default: luma.yml
  apps:
    description:
      - The names of apps, or of processes of apps; without one, all of them.
      - With O(services=only) the names of services.
    type: list
    elements: str
    default: []
  services:
    description:
      - With V(with), all services are returned beside the apps.
      - With V(only), those services that O(apps) names, or all, and no app.
      - With V(named), O(apps) names apps and services; without one, all of both are returned.
    type: str
    choices: [none, with, only, named]
    default: none
  backups:
    description:
      - With V(several), only services with C(backup) are returned, and one that O(apps) names without it is a mistake.
        C(backup.to) is an absolute path then, and C(backup.by_host) tells whether the service is on several hosts.
      - With V(one), it is a mistake if that is more than one service on one host.
    type: str
    choices: [none, one, several]
    default: none
  whole:
    description:
      - Whether the apps are to be deployed, so that one process of an app alone cannot be meant.
    type: bool
    default: false
  announce:
    description: Whether to say that the deployment of the apps begins.
    type: bool
    default: false
  make_secret:
    description:
      - Whether C(LUMA_ACME_SECRET), of which the keys of certificates are made, is made and added to C(.luma/secrets)
        beside the file, if the apps need it and it is not there.
      - Secrets whose values come from elsewhere are asked for as well, so that one that has none is told of at once.
    type: bool
    default: false
  removal:
    description:
      - Whether O(apps) names one app that is to be removed. It need not be in the file any more, and then is on all
        hosts of the file and of the inventory.
      - Of its keys only those are returned that its removal needs.
    type: bool
    default: false
  only_hosts:
    description:
      - The hosts to which the apps and services are reduced; those that go to none of them are left out. All hosts of
        theirs without one.
      - With O(removal=true), the hosts from which the app is removed.
    type: list
    elements: str
    default: []
  release:
    description:
      - The release that the apps were built as before; nothing of them is built now. Their images have it as the tag.
      - Apps that are not built have to be named in O(apps), unless the file has only one.
    type: str
    default: ""
  only_built:
    description:
      - Whether only apps that are built are returned. If O(apps) names others, or there is none, that is an error.
    type: bool
    default: false
  probe:
    description: Whether the apps are to be deployed under the traffic of M(luma.deploy.probe).
    type: bool
    default: false
  report_file:
    description:
      - The file into which the callback P(luma.deploy.result#callback) writes a page of that traffic. Without O(probe),
        without the callback, or if it cannot be written, that is an error. What it holds is removed.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: No secret is made.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: A secret that is there stays.
"""

EXAMPLES = r"""
- name: Read luma.yml
  luma.deploy.project:
    file: luma.yml
    apps: [blog]
  register: luma_project
"""

RETURN = r"""
project:
  description: The project's name.
  type: str
  returned: success
  sample: shop
folder:
  description: The folder of the file.
  type: str
  returned: success
file:
  description: The file's absolute path.
  type: str
  returned: success
apps:
  description:
    - The chosen apps, each with all its keys, and C(hosts), the hosts it goes to. An app with C(processes) is not among
      them, but each of its processes is, as an app C(shop-web) would be, with the app's name as C(app).
    - C(image) is the image's full name, tagged with C(release) if the app is built.
    - C(environment) has the ordinary values, C(secrets) the names of the variables whose values are secret.
  type: list
  elements: dict
  returned: success
whole_apps:
  description:
    - What the role P(luma.deploy.app#role) deploys as one, the apps that O(apps) means. Those with processes have them
      in C(processes), as they are in RV(apps); others have an empty list there.
  type: list
  elements: dict
  returned: success
named_apps:
  description: The names of those of RV(whole_apps) that O(apps) names themselves, and not only a process of theirs.
  type: list
  elements: str
  returned: success
app_hosts:
  description: The hosts of each app of the file, by the app's name.
  type: dict
  returned: success
services:
  description: The chosen services, each with all its keys, as the apps have them.
  type: list
  elements: dict
  returned: success
service_names:
  description: The names of all services of the file.
  type: list
  elements: str
  returned: success
report_file:
  description: The absolute path of O(report_file); empty if there is none.
  type: str
  returned: success
run:
  description: This run of ansible-playbook, which holds the locks of the apps that it deploys.
  type: dict
  returned: success
  contains:
    id:
      description: What no other run has.
      type: str
      sample: 3f2a9c81d0b7e645
    by:
      description: The user and this machine.
      type: str
      sample: me@laptop
    host:
      description: The name of this machine.
      type: str
    pid:
      description: The process id of ansible-playbook.
      type: int
    pid_started:
      description: When that process began, in clock ticks since the start of the machine.
      type: str
    boot:
      description: The id of that start.
      type: str
    command:
      description: What the user has typed.
      type: str
      sample: luma deploy blog
hosts:
  description: All hosts of these apps and services; if apps are named, the hosts of these.
  type: list
  elements: str
  returned: success
service_hosts:
  description: Those of RV(hosts) that services go to.
  type: list
  elements: str
  returned: success
proxy:
  description: The settings of luma-proxy.
  type: dict
  returned: success
notify:
  description: Whether the file names somebody who is told what a deployment came to. Who that is may be secret.
  type: bool
  returned: success
engine_missing:
  description: Whether something goes to this machine, and no Docker engine listens here.
  type: bool
  returned: success
invalid_input:
  description: True if the file or the name of an app is wrong.
  type: bool
  returned: failure
report:
  description: What is about to be done, as the luma command prints it, if O(announce=true).
  type: list
  elements: str
  returned: success
"""
