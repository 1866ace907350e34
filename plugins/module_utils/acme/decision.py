# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do next for an app, from what is wanted, what is there, and the time. Nothing here waits, asks or writes.

Who orders when: time is cut into slots of a quarter of an hour, and each belongs to one of the app's hosts, in turn.
Only the host whose slot it is orders. So the hosts never order at the same time and make four orders an hour at the
most, all together, without talking to each other; a host that is dead only lets its slots pass. That keeps within Let's
Encrypt's limits, which all hosts share: 5 failed validations for an account, a name and an hour, 5 certificates for the
same set of names in a week. The first slot's length after ``wanted.json`` was written belongs to the first host,
whatever the time, so that a deployment has its certificate at once.
"""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.luma.deploy.plugins.module_utils.acme.check import Checked
from ansible_collections.luma.deploy.plugins.module_utils.acme.state import CHECK, ORDER, State, seconds
from ansible_collections.luma.deploy.plugins.module_utils.acme.wanted import Wanted
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import Certificate

SLOT = 15 * 60.0
HOUR, DAY = 3600.0, 86400.0
#: An order begins in this part of a slot, so that it has ended when the next host's begins.
BEGINNING = 2 / 3
FIRST_CHECK, LAST_CHECK = 30.0, 30 * 60.0
LAST_ORDER = 12 * HOUR
#: How often lego is asked whether it is time to renew. It asks the CA (ARI).
RENEWAL = 6 * HOUR
#: The parts of a certificate's lifetime that are left when it has to be renewed, and when names that do not lead here
#: are given up for the sake of the others.
DUE, LATE = 1 / 3, 1 / 6
#: How long addresses of which none answers keep an order from being tried: a host may not reach its own public address.
UNREACHABLE = HOUR
FIRST_PEERS, LAST_PEERS, CALM_PEERS = 2.0, 60.0, HOUR


class Step(enum.Enum):
    """``ORDER``: for names that have no certificate yet. ``RENEW``: where lego says so. ``FORCE``: a renewal now."""

    WAIT = "wait"
    ORDER = "order"
    RENEW = "renew"
    FORCE = "force"


@dataclass(frozen=True)
class Situation:
    """``since``: when ``wanted.json`` was written. ``key``: the public key of the app's private key. ``held``: the
    certificate that is there, of whichever key and issuer. ``asked``: a user has asked for a renewal."""

    wanted: Wanted
    since: float
    key: str
    held: Certificate | None
    state: State
    now: float
    slot: float = SLOT
    asked: bool = False

    def with_held(self, held: Certificate | None) -> Situation:
        return replace(self, held=held)

    @property
    def other_directory(self) -> bool:
        """Whether the certificate is one of another CA than the wanted one, such as one for tests."""
        return self.state.directory not in (None, self.wanted.directory)

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that is there, if it is what is wanted: of the CA, and for the app's key."""
        held = self.held
        if held is None or held.self_signed or held.key != self.key or self.other_directory:
            return None
        return held if held.covered(self.wanted.names) else None

    @property
    def missing(self) -> list[str]:
        """The wanted names that have no certificate."""
        covered = self.certificate.covered(self.wanted.names) if self.certificate else set()
        return [name for name in self.wanted.names if name not in covered]

    @property
    def left(self) -> float:
        """The part of its lifetime that the certificate has left."""
        certificate = self.certificate
        return (certificate.expires - self.now) / certificate.lifetime if certificate else 0.0

    @property
    def has_too_many(self) -> bool:
        """Whether the certificate has names that are not wanted any more."""
        return self.certificate is not None and not set(self.certificate.names) <= set(self.wanted.names)


def decide(it: Situation) -> Step:
    """What to do now, apart from asking the peers."""
    if it.asked:
        return Step.ORDER if it.missing else Step.FORCE
    if it.missing and not it.state.waits(it.now):
        # The names are checked in every host's time, so that what is wrong is told soon. The order itself waits.
        return Step.ORDER
    return _renewal(it) if it.certificate and is_turn(it) else Step.WAIT


def _renewal(it: Situation) -> Step:
    blocked = it.state.kind != CHECK and it.state.waits(it.now)
    if blocked or seconds(it.state.next_renewal) > it.now:
        return Step.WAIT
    # lego would take the names that are there over, and renew at once where it is told not to.
    if it.has_too_many or it.left <= LATE:
        return Step.FORCE if it.left <= DUE else Step.WAIT
    return Step.RENEW


def is_turn(it: Situation) -> bool:
    """Whether an order may begin on this host now."""
    if 0 <= it.now - it.since < it.slot:
        return it.wanted.rank == 0
    return _owner(it.now, it) == it.wanted.rank and (it.wanted.hosts == 1 or it.now % it.slot < it.slot * BEGINNING)


def next_turn(it: Situation) -> float:
    """When an order may begin on this host, if not now."""
    number = int(it.now // it.slot)
    starts = [(number + ahead) * it.slot for ahead in range(1, 2 * it.wanted.hosts + 2)]
    moments = [it.now, it.since + it.slot, *starts]
    return min(moment for moment in moments if moment >= it.now and is_turn(replace(it, now=moment)))


def _owner(now: float, it: Situation) -> int:
    return int(now // it.slot) % it.wanted.hosts


def names_to_order(it: Situation, checked: t.Mapping[str, Checked]) -> list[str]:
    """The names of an order: those that have passed, and those at whose addresses nothing answers if that has lasted.
    None where they have a certificate already."""
    passed = _passed(it, it.wanted.names, checked)
    # A name that the CA did not validate is left out once, so that it does not take the others with it.
    names = [name for name in passed if name not in it.state.refused]
    certificate = it.certificate
    if certificate is None:
        return names or passed
    if not set(names) - certificate.covered(names):
        names = passed
    # What has a certificate keeps it: a name whose check fails just now may pass at the next one.
    lost = certificate.covered(it.wanted.names) - set(names) if it.left > DUE else set()
    return names if set(names) - certificate.covered(names) and not lost else []


def names_to_renew(it: Situation, checked: t.Mapping[str, Checked]) -> list[str]:
    """The names of a renewal. None where some do not pass and there is time to wait for them."""
    covered = [name for name in it.wanted.names if it.certificate and it.certificate.covered([name])]
    passed = _passed(it, covered, checked)
    if it.left > LATE:
        return passed if len(passed) == len(covered) else []
    return [name for name in passed if name not in it.state.refused] or passed


def _passed(it: Situation, names: t.Iterable[str], checked: t.Mapping[str, Checked]) -> list[str]:
    patient = it.state.unreachable_since and it.now - seconds(it.state.unreachable_since) >= UNREACHABLE
    return [name for name in names if checked[name].passed or (patient and checked[name].unreachable)]


def after_failed_check(state: State, now: float) -> float:
    """When the names are checked next, where that has failed once more."""
    before = state.failures if state.kind == CHECK else 0
    return now + min(LAST_CHECK, FIRST_CHECK * 2.0 ** min(before, 20))


def after_failed_order(state: State, now: float, slot: float) -> float:
    """When the CA is asked next, where an order has failed once more."""
    before = state.failures if state.kind == ORDER else 0
    return now + max(slot, min(LAST_ORDER, slot * 2.0 ** min(before, 20)))


def is_better(it: Situation, found: Certificate) -> bool:
    """Whether a certificate that a peer serves, or that lego has left, is to be taken for what is there.

    The peer has shown in its handshake that it holds the key of this certificate, which is the app's: nobody but the
    app's hosts has that. So there is no need to ask whether a CA that is known here has issued it.
    """
    if found.key != it.key or found.self_signed or found.expires <= it.now:
        return False
    if it.other_directory and it.held and found.authority == it.held.authority:
        return False
    now_covered = it.certificate.covered(it.wanted.names) if it.certificate else set()
    covered = found.covered(it.wanted.names)
    later = it.certificate is None or found.expires > it.certificate.expires
    return bool(covered) and covered >= now_covered and later


def peers_pause(it: Situation, rounds: int) -> float:
    """How long to wait until the peers are asked again, after this many rounds."""
    if not it.missing and it.left > 0:
        return CALM_PEERS
    return min(LAST_PEERS, FIRST_PEERS * 2.0 ** min(rounds, 10))


def trusted(it: Situation) -> list[str]:
    """The names for which browsers accept what is there, which may be of an earlier key until it is replaced."""
    if it.held is None or it.held.self_signed or it.held.expires <= it.now:
        return []
    covered = it.held.covered(it.wanted.names)
    return [name for name in it.wanted.names if name in covered]
