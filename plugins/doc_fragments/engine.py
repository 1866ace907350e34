# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module of luma which talks to a Docker engine shares."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The Docker engine's address, such as V(unix:///var/run/docker.sock) or V(tcp://127.0.0.1:2375).
      - luma reaches containers by their addresses, so that the engine has to be the managed host's own.
      - Without it, the environment variable E(DOCKER_HOST) is used, and without that the default.
    type: str
    default: unix:///var/run/docker.sock
  engine_timeout:
    description: How long one request to the engine may take, in seconds.
    type: int
    default: 60
  state_dir:
    description:
      - The folder on the host in which luma keeps the proxy's configuration and runtime sockets.
      - Only root can enter it.
    type: path
    default: /var/lib/luma
requirements:
  - Docker SDK for Python 5.0 or newer on the managed host
  - Docker Engine 20.10 or newer
"""

    STATE = r"""
options:
  state_dir:
    description:
      - The folder on the host in which luma keeps its locks, its records and the proxy's files.
      - Only root can enter it.
    type: path
    default: /var/lib/luma
"""

    RUN = r"""
options:
  run:
    description:
      - The id of the run of luma that this is a step of, see M(luma.deploy.deploy_lock). If that run does not hold
        the app's lock on the host, nothing is done, and the result has C(locked=true).
      - While the step works, it gives signs of life. If the lock is lost meanwhile, or the run interrupted, waiting
        ends within about a second, and what was begun is undone.
      - Without it, or in check mode, no lock is needed.
    type: str
"""

    ORPHANS = r"""
options:
  apps_here:
    description:
      - The names of the apps that luma.yml has for this host. Other apps of the project that have containers on it are
        returned.
      - Without it, these are not looked for.
    type: list
    elements: str
  apps_of_project:
    description: The names of all apps that luma.yml has, also those that go to other hosts.
    type: list
    elements: str
    default: []
"""

    APP = r"""
options:
  project:
    description: The project's name. Its network is called RV(ignore:NAME)-network.
    type: str
    required: true
  app:
    description: The app's name, which is its alias on the project's network.
    type: str
    required: true
  proxied:
    description:
      - Whether luma-proxy routes the app. Then its runtime API holds, commits and counts.
      - Without it, only the alias is moved.
    type: bool
    default: true
"""

    HEALTH = r"""
options:
  health_check:
    description:
      - How a replica shows that it is healthy.
      - Without O(health_check.path) and O(health_check.command) the image's own HEALTHCHECK decides, and if it has
        none, a replica is healthy when it has stayed running for two seconds.
    type: dict
    default: {}
    suboptions:
      path:
        description: The path of an HTTP GET. Only answers from 200 to 299 are healthy.
        type: str
      port:
        description: The port of that request.
        type: int
        default: 80
      host:
        description: Its Host header.
        type: str
        default: localhost
      command:
        description: A command in the container; exit code 0 is healthy. It is used instead of a request.
        type: list
        elements: str
      interval:
        description: The pause between two probes, in seconds. Right after the start probes come faster.
        type: float
        default: 1
      timeout:
        description: How long an answer may take, in seconds.
        type: float
        default: 5
      retries:
        description: How many probes in a row may fail, after the start period, before a replica has failed.
        type: int
        default: 30
      start_period:
        description: How long after the start failed probes do not count, in seconds.
        type: float
        default: 0
      https:
        description: Whether the request has C(X-Forwarded-Proto=https), as those of visitors who come by HTTPS have.
        type: bool
        default: false
"""

    DRAIN = r"""
options:
  drain_timeout:
    description: How long requests in flight on a color that has lost the traffic may take, in seconds.
    type: float
    default: 30
  stream_drain_timeout:
    description:
      - How long answers that have begun may go on there, in seconds. These are event streams, downloads and websockets.
        Those that are left then are closed, at most 100 in a second or all within 30 seconds, so that their clients do
        not come back all at once.
      - Without it, as long as O(drain_timeout).
    type: float
"""

    ROUTE = r"""
options:
  route:
    description:
      - The host names that luma-proxy routes to the app, and how.
      - The proxy checks the app's O(health_check.path) with O(health_check.host) as the Host header, every 30 seconds
        while it answers and every 200 ms while it does not. Without a path it only connects.
    type: dict
    suboptions:
      hosts:
        description:
          - The host names whose requests the app gets. V(*.blog.com) stands for all names one level below, V(*) for all
            that no app of the host has. The more specific one wins.
        type: list
        elements: str
        required: true
      app_port:
        description: The port that the app listens on.
        type: int
        default: 80
      response_timeout:
        description:
          - How long the app may be silent while it owes an answer, in seconds. After that the client gets a 504.
        type: float
        default: 30
      stream_timeout:
        description:
          - How long an answer that has begun may be silent, such as an event stream, and a websocket, in seconds. After
            that it is cut.
        type: float
        default: 3600
      hold:
        description:
          - How long a request waits for a replica if none is up, in seconds, before the client gets a 503. At most
            1000 requests wait. V(0) for no wait.
        type: float
        default: 10
      keep_alive:
        description:
          - How long a client's connection may be idle before the proxy closes it, in seconds. All apps of a host share
            the longest of theirs.
          - A load balancer in front keeps its connections for a time of its own, and needs a longer one here.
        type: float
        default: 75
      forward_headers:
        description:
          - Whether C(X-Forwarded-*), C(X-Real-IP) and C(X-Request-Start) of the client are passed on, as behind another
            proxy. Otherwise they are set anew.
        type: bool
        default: false
      forward_from:
        description: The addresses and networks of clients with which O(route.forward_headers) is meant; all without it.
        type: list
        elements: str
        default: []
      allow:
        description: The addresses and networks of those who may come; others get a 403. All may without it.
        type: list
        elements: str
        default: []
      max_body:
        description:
          - The most bytes of a request's body; more gets a 413, and a body without a length a 411. V(0) for any size.
        type: int
        default: 0
      redirects:
        description: Names of O(route.hosts) that only lead to another name, and that name.
        type: dict
        default: {}
      path_prefix:
        description:
          - The app has only requests whose path is one of these, or begins with one and a slash. Other apps may have
            the same hosts with other prefixes, and one without any.
        type: list
        elements: str
        default: []
      strip_path_prefix:
        description: Whether the app gets the path without the prefix, which it is told in C(X-Forwarded-Prefix).
        type: bool
        default: true
      own_certificate:
        description: With O(route.ssl), whether the app has a certificate of its own, and not that of another app.
        type: bool
        default: true
      basic_auth:
        description:
          - The names of secrets, each with lines of USER:PASSWORD, beside O(luma_file). Who does not give one of these
            gets a 401. Everybody may come without it.
        type: list
        elements: str
        default: []
      logins:
        description: The digests of these, which the action on the controller fills in.
        type: list
        elements: str
        default: []
      error_pages:
        description:
          - What the proxy sends in place of its own words if it answers itself; by the status, such as V(503), by its
            class, V(4xx) or V(5xx), or by V(maintenance).
        type: dict
        default: {}
      sticky:
        description: Whether each visitor stays with one replica, by a cookie, as long as the color serves.
        type: bool
        default: false
      ssl:
        description: Whether the app is reached by HTTPS, too. M(luma.deploy.proxy) has the option for its certificate.
        type: bool
        default: false
      ssl_redirect:
        description: Whether visitors who come by HTTP are sent to HTTPS, if their name has a trusted certificate.
        type: bool
        default: true
      hsts:
        description: For how many seconds browsers are told to use nothing but HTTPS; V(0) for not at all.
        type: int
        default: 0
"""

    HTTPS = r"""
options:
  https:
    description:
      - The certificate of the app, as M(luma.deploy.project) returns it. Without O(https.certificate) and O(https.acme)
        it is a self-signed one.
      - The action on the controller makes all keys from the secret C(LUMA_ACME_SECRET) beside O(luma_file), so that all
        hosts have the same. A container beside luma-proxy, C(luma-acme), gets certificates from the CA and renews them.
    type: dict
    suboptions:
      hosts:
        description: The names of O(route.hosts).
        type: list
        elements: str
        default: []
      names:
        description: Those of them that the CA is asked for.
        type: list
        elements: str
        default: []
      servers:
        description: The app's hosts, by their names in the inventory. They share one certificate.
        type: list
        elements: str
        default: []
      acme:
        description: The CA; directory, email, key_type, ca_file, eab, dns and image.
        type: dict
      certificate:
        description: The path on the controller of a certificate of the user's own, with its chain (PEM).
        type: path
      key:
        description: The name of the secret that has its private key (PEM).
        type: str
      fresh:
        description: Whether the secret was made in this run. A host that has keys keeps them then.
        type: bool
        default: false
      image:
        description: An image with python3, openssl and lego; without it one is made on the host.
        type: str
      agent:
        description: Whether the container that asks the CA is made.
        type: bool
        default: true
      material:
        description: The keys and certificates, which the action on the controller fills in.
        type: str
"""

    PROXY = r"""
options:
  proxy:
    description:
      - What luma-proxy is, if it has to be made.
      - One that runs is not changed, since other projects use it; if it differs, the result says so.
    type: dict
    default: {}
    suboptions:
      image:
        description:
          - HAProxy's image, 3.0 or newer, V(haproxy:3.2) if the proxy is made without it.
          - It is pulled if the host does not have it.
        type: str
      http_port:
        description: The host's port for HTTP, 80 if the proxy is made without it.
        type: int
      https_port:
        description: The host's port for HTTPS, 443 if the proxy is made without it.
        type: int
      bind:
        description: The host's address for both; without it V(::), which is all addresses, of IPv4 and IPv6.
        type: str
      proxy_protocol:
        description:
          - Whether every connection begins with a header of the PROXY protocol that tells the visitor's address, as a
            TCP load balancer sends it. V(false) if the proxy is made without it.
        type: bool
      http3:
        description:
          - Whether HTTP/3 is offered on the port for HTTPS (UDP), if the image can do it. V(false) if the proxy is made
            without it.
        type: bool
      metrics:
        description:
          - The host's address and port, such as V(127.0.0.1:8404), at which Prometheus gets HAProxy's own numbers from
            C(/metrics), and luma's from C(/metrics/luma). Empty for none, as it is if the proxy is made without it.
        type: str
      access_log:
        description:
          - Whether the proxy writes a line about each request, and how, beside those that fail or take long.
            V(text), which is HAProxy's HTTP log format, V(json) or V(none). V(none) if the proxy is made without it.
        type: str
  replicas:
    description: How many containers the app has on this host. The proxy has room for both colors.
    type: int
    default: 1
"""

    RECORD = r"""
options:
  record:
    description:
      - What is to serve from now on is written down as a release, which M(luma.deploy.release_info) tells of and a
        rollback can return to, and its image gets a name that keeps it.
      - The same happens if M(luma.deploy.bluegreen_container) finds nothing to do, and when
        M(luma.deploy.graceful_shutdown) retires the other color.
      - A record that cannot be written is a warning.
    type: dict
    suboptions:
      spec:
        description: The app, as M(luma.deploy.project) returns it. It has names of secrets only.
        type: dict
        required: true
      by:
        description: Who deploys, such as V(me@laptop).
        type: str
        required: true
      keep:
        description: How many releases of the app stay on record.
        type: int
        default: 5
"""

    REGISTRY = r"""
options:
  registry:
    description:
      - The login for the registry that images are pulled from. It is not stored on the host, and not used for images of
        other registries.
      - Without O(registry.username) the engine's own login is used, if it has one.
    type: dict
    suboptions:
      server:
        description: The registry's host, with or without a port, or its URL; Docker Hub without it.
        type: str
      username:
        description: The user's name.
        type: str
      password:
        description: The password. With O(luma_file) it is looked up on the controller.
        type: str
  luma_file:
    description:
      - The absolute path of a luma.yml on the controller. Secret values and the registry's password are looked up in
        C(.luma/secrets) beside it, the environment and the vault, when the module is run.
    type: path
"""

    SECRETS = r"""
options:
  secrets:
    description:
      - Environment variables whose values are secret. They are in the containers' environment only, never in a
        result, a diff or a log. If the logs of a container that failed show them, they are hidden.
      - Another value is another configuration.
    type: dict
    default: {}
  secret_names:
    description: The names of variables that O(luma_file) gives secret values to.
    type: list
    elements: str
    default: []
"""

    MOUNTS = r"""
options:
  volumes:
    description:
      - Volumes as in C(docker run -v).
      - A relative host path, and V(~), is relative to the home of the user that Ansible logs in to the host as, also
        if that becomes root. What it means has to exist, or nothing is changed. On the controller itself, that is
        with the connection P(ansible.builtin.local#connection) and O(luma_file), it is relative to the folder of that
        file instead, and Docker makes it if it is missing.
    type: list
    elements: str
    default: []
  files:
    description:
      - Files, or small folders, of the controller that the containers get. Another content is another configuration.
      - A host keeps each content below C(files) in O(state_dir), which nobody but root can enter, as long as a
        container or a release on record needs it, see M(luma.deploy.prune).
      - They belong to root and all of a container's users can read them. Programs stay programs.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: The path on the controller. It may be up to one megabyte.
        type: str
        required: true
      target:
        description: The path in the containers.
        type: str
        required: true
      access:
        description:
          - Whether the containers can only read it (V(ro)), or all of their users can write it, too (V(rw)). What they
            write stays until there is another content.
        type: str
        choices: [ro, rw]
        default: ro
      digest:
        description:
          - The digest of the content that is meant, see RV(luma.deploy.project#module:apps). If the controller has
            another one by now, as in a rollback, the host has to have it.
          - Without it, the content that the controller has is meant.
        type: str
      content:
        description: The content, which the action on the controller fills in.
        type: str
  remote_user:
    description: The user that Ansible logs in to the host as, which the action on the controller fills in.
    type: str
"""

    RUNTIME = r"""
options:
  runtime:
    description:
      - How the engine runs the containers. What is not given is left to the engine and the image. The names are those
        of compose.
      - Another value is another configuration.
    type: dict
    default: {}
    suboptions:
      memory:
        description: The most memory, in bytes. What needs more is killed.
        type: int
      cpus:
        description: The most CPUs, such as V(1.5).
        type: float
      pids_limit:
        description: The most processes and threads; V(-1) for no limit.
        type: int
      shm_size:
        description: The size of C(/dev/shm), in bytes.
        type: int
      ulimits:
        description: Limits by their names, each C(SOFT) or C(SOFT:HARD), such as C(nofile) with V(65536).
        type: dict
      user:
        description: The user, and maybe the group, that the program runs as.
        type: str
      working_dir:
        description: The folder that the program starts in.
        type: str
      entrypoint:
        description: The program that gets the command, instead of the image's own.
        type: list
        elements: str
      init:
        description: Whether a small init process passes signals on and reaps processes.
        type: bool
      read_only:
        description: Whether the container's own file system can only be read.
        type: bool
      tmpfs:
        description: Folders in memory, each C(PATH) or C(PATH:OPTIONS).
        type: list
        elements: str
      devices:
        description: Devices of the host, each C(PATH) or C(PATH:PATH_IN_CONTAINER:RIGHTS).
        type: list
        elements: str
      gpus:
        description: How many GPUs, or V(all).
        type: str
      cap_add:
        description: Capabilities that are added.
        type: list
        elements: str
      cap_drop:
        description: Capabilities that are taken away.
        type: list
        elements: str
      security_opt:
        description: Options of the kernel's security modules, such as V(no-new-privileges).
        type: list
        elements: str
      extra_hosts:
        description: Names of hosts, each C(NAME:ADDRESS). The address V(host-gateway) is that of the host itself.
        type: list
        elements: str
      dns:
        description: DNS servers, instead of the host's own.
        type: list
        elements: str
      sysctls:
        description: Settings of the kernel, by their names.
        type: dict
      labels:
        description: Labels beside those of luma.
        type: dict
      logging:
        description: Where the log goes; without it, to three files of 10 MB.
        type: dict
        suboptions:
          driver:
            description: The log driver.
            type: str
            required: true
          options:
            description: Its options.
            type: dict
            default: {}
      stop_signal:
        description: The signal that asks the program to end, instead of the image's own, or SIGTERM.
        type: str
      networks:
        description: Networks that are on the host already, which the containers are on, too.
        type: list
        elements: str
"""

    QUERY = r"""
attributes:
  check_mode:
    support: full
    description: It never changes anything.
  diff_mode:
    support: none
    description: It never changes anything.
  idempotent:
    support: full
    description: It never changes anything.
"""
