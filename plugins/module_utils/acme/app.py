# Copyright (c) 2026, the luma authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One app: looks at what is wanted and at what is there, and does the next step."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible_collections.luma.deploy.plugins.module_utils.acme import decision, state, wanted
from ansible_collections.luma.deploy.plugins.module_utils.acme.check import Checked
from ansible_collections.luma.deploy.plugins.module_utils.acme.complaints import OrderFailed
from ansible_collections.luma.deploy.plugins.module_utils.acme.decision import Situation, Step
from ansible_collections.luma.deploy.plugins.module_utils.acme.journal import Journal
from ansible_collections.luma.deploy.plugins.module_utils.acme.keeper import Keeper
from ansible_collections.luma.deploy.plugins.module_utils.acme.lego import TLS_KEY, Lego
from ansible_collections.luma.deploy.plugins.module_utils.acme.peers import Peers
from ansible_collections.luma.deploy.plugins.module_utils.acme.tools import Tools
from ansible_collections.luma.deploy.plugins.module_utils.acme.x509 import Certificate
from ansible_collections.luma.deploy.plugins.module_utils.errors import LumaError

WANTED, RENEW, LOOK = "wanted.json", "renew", "look"
#: How often HAProxy is asked whether it serves what is on disk, and whether an app that did not serve does now.
KEEP, UP = 60.0, 2.0
#: How long peers are asked every few seconds after a user has said that one of them has something new.
EAGER = 120.0
CA = "ca"


class App:
    """The app whose folder this is. `tick` is called about once a second, by one thread."""

    def __init__(self, tools: Tools, folder: Path) -> None:
        self.tools = tools
        self.folder = folder
        self.keeper = Keeper(tools.certificates, tools.served, tools.x509, folder.name)
        self.lego = Lego(folder, tools.commands)
        self.peers = Peers(tools.commands, tools.x509)
        self.journal = Journal(folder, tools.clock)
        self.state = self.journal.state
        self._text = ""
        self._rounds = 0
        self._next_keep = self._next_peers = self._next_up = self._eager_until = 0.0

    def tick(self) -> None:
        """Raises `LumaError` and `OSError`."""
        it = self._look()
        now = self.tools.clock()
        if now >= self._next_keep:
            self._keep(it)
        if (self.folder / LOOK).exists():
            (self.folder / LOOK).unlink()
            self._next_peers, self._eager_until = now, now + EAGER
        if now >= self._next_peers and self._ask_peers(it):
            it = self._look()
        step = decision.decide(it)
        if step is Step.WAIT:
            self.journal.no_trouble()
        elif now >= self._next_up:
            self._do(step, it)

    # --- what is there ------------------------------------------------------------------------------------------------

    def _look(self) -> Situation:
        file = self.folder / WANTED
        text = file.read_text(encoding="utf-8")
        found = wanted.parse(text)
        self.journal.label = found.main
        key = self.tools.x509.public_key((self.folder / TLS_KEY).read_text(encoding="ascii"))
        if text + key != self._text:
            self._take_up(found, text + key)
        return Situation(
            wanted=found,
            since=file.stat().st_mtime,
            key=key,
            held=self.keeper.held(),
            state=self.state,
            now=self.tools.clock(),
            slot=self.tools.slot,
            asked=(self.folder / RENEW).exists(),
        )

    def _take_up(self, found: wanted.Wanted, text: str) -> None:
        """Something else is wanted than before, or the agent has just started: what failed before may work now, but for
        what the CA limits. What is on disk of an earlier agent counts where the same is wanted still."""
        changed = bool(self._text) or self.state.digest != found.digest
        self._text, self._rounds = text, 0
        self._next_keep = self._next_peers = 0.0
        if changed:
            self.journal.log(f"wants a certificate for {', '.join(found.names)}")
            self.state.digest, self.state.refused, self.state.unreachable_since = found.digest, [], None
            if self.state.kind != state.RATE:
                self.state.succeeded()
            self.journal.save()

    def _keep(self, it: Situation, adopted: bool = False) -> None:
        if self.keeper.keep(lambda held: decision.trusted(it.with_held(held))) and not adopted:
            self.journal.log("luma-proxy serves what is on disk again")
        self.journal.note_served(self.keeper.shown())
        self._next_keep = it.now + KEEP

    # --- what others have ---------------------------------------------------------------------------------------------

    def _ask_peers(self, it: Situation) -> bool:
        """Takes over what a peer serves, or what lego has got and an agent that was ended did not take up."""
        eager = it.now < self._eager_until
        self._next_peers = it.now + (decision.FIRST_PEERS if eager else decision.peers_pause(it, self._rounds))
        self._rounds += 1
        found = self.peers.certificates(it.wanted.main, it.wanted.peers)
        with contextlib.suppress(LumaError):
            own = self.tools.x509.certificate(self.lego.chain(it.wanted.main))
            found += [(CA, own)] if own else []
        better = [(peer, each) for peer, each in found if decision.is_better(it, each)]
        if not better:
            return False
        peer, best = max(better, key=lambda each: each[1].expires)
        self._adopt(it, best, peer if peer == CA else f"peer {peer}")
        return True

    def _adopt(self, it: Situation, found: Certificate, source: str) -> None:
        if not (self.folder / WANTED).exists():
            raise LumaError("is not wanted any more")
        self.keeper.adopt((self.folder / TLS_KEY).read_text(encoding="ascii"), found)
        self.state.source, self.state.directory = source, it.wanted.directory
        self.state.obtained_at = state.iso(self.tools.clock())
        self.state.refused = []
        self.state.succeeded()
        self._rounds, self._eager_until = 0, 0.0
        whence = "the CA" if source == CA else source
        self.journal.log(
            f"has a certificate for {', '.join(found.names)} until {state.iso(found.expires)}, from {whence}"
        )
        self._keep(it, adopted=True)

    # --- the next step ------------------------------------------------------------------------------------------------

    def _do(self, step: Step, it: Situation) -> None:
        if not self.tools.served.is_up(self.folder.name):
            self._next_up = it.now + UP
            if it.missing:
                self.journal.trouble("No replica of the app serves yet: the certificate is ordered once one does.")
            return
        self.journal.no_trouble()
        # A peer may have got one since: then there is nothing left to order.
        if (it.asked or decision.is_turn(it)) and self._ask_peers(it):
            self._taken_up(it)
            return
        names = it.wanted.names
        checked = (
            {name: Checked(True) for name in names} if it.wanted.dns else self.tools.check(names, it.wanted.thumbprint)
        )
        self.journal.note_unreachable(any(each.unreachable for each in checked.values()), it.now)
        problems = " ".join(each.problem for each in checked.values() if each.problem)
        if step is Step.ORDER:
            self._order(it, checked, problems)
        else:
            self._renew(it, checked, problems, force=step is Step.FORCE)

    def _taken_up(self, it: Situation) -> None:
        if it.asked:
            (self.folder / RENEW).unlink(missing_ok=True)

    def _order(self, it: Situation, checked: t.Mapping[str, Checked], problems: str) -> None:
        names = decision.names_to_order(it, checked)
        if not names and it.asked and it.certificate:
            self._renew(it, checked, problems, force=True)
        elif not names:
            self._taken_up(it)
            self.journal.fail(state.CHECK, problems, decision.after_failed_check(self.state, it.now))
        elif not (it.asked or decision.is_turn(it)):
            self.state.next_try = state.iso(decision.next_turn(it))
            self.state.last_error = problems
            self.journal.save()
        elif self._ordered(it, names, force=True):
            left_out = [name for name in it.wanted.names if name not in names]
            if problems and left_out:
                self.journal.fail(state.CHECK, problems, decision.after_failed_check(self.state, it.now))

    def _renew(self, it: Situation, checked: t.Mapping[str, Checked], problems: str, force: bool) -> None:
        names = decision.names_to_renew(it, checked)
        if not names:
            self._taken_up(it)
            self.state.next_renewal = state.iso(it.now + decision.LAST_CHECK)
            self.state.error(problems, it.now)
            self.journal.log(problems)
            self.journal.save()
            return
        all_of_them = it.certificate is not None and it.certificate.covered(it.wanted.names) == set(names)
        self._ordered(it, names, force or not all_of_them)

    def _ordered(self, it: Situation, names: t.Sequence[str], force: bool) -> bool:
        """Has lego order, or renew; returns whether that did not fail."""
        self._taken_up(it)
        self.state.next_renewal = state.iso(it.now + decision.RENEWAL)
        # On a disk that is full nothing is ordered.
        self.journal.save()
        failures, left_out = self.state.failures, [name for name in self.state.refused if name not in names]
        if force:
            self.journal.log(f"orders a certificate for {', '.join(names)}")
        try:
            if it.certificate:
                self.lego.renew(it.wanted, names, it.certificate, force)
            else:
                self.lego.obtain(it.wanted, names)
        except OrderFailed as exc:
            self._order_failed(exc)
            return False
        found = self.tools.x509.certificate(self.lego.chain(names[0]))
        if found and (it.held is None or found.fingerprint != it.held.fingerprint):
            self._adopt(it, found, CA)
        elif self.state.kind != state.CHECK:
            self.state.succeeded()
        if left_out:
            self.state.kind, self.state.failures = state.ORDER, failures
            words = f"The CA could not validate {', '.join(left_out)}: left out of the certificate, and tried again."
            self.journal.fail(state.ORDER, words, decision.after_failed_order(self.state, it.now, it.slot))
        self.journal.save()
        return True

    def _order_failed(self, exc: OrderFailed) -> None:
        now = self.tools.clock()
        self.state.refused = exc.names
        if exc.limited:
            until = exc.until if exc.until > now else now + decision.DAY
            self.journal.fail(state.RATE, str(exc), until)
        else:
            self.journal.fail(state.ORDER, str(exc), decision.after_failed_order(self.state, now, self.tools.slot))
