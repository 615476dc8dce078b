"""The supervised engine: keepalived elects and holds, and `mind.Mind` decides what keepalived is told.

Whatever happens becomes a fact for the mind; `_adjust` carries out what it wishes. Everything that keepalived does
not do when it dies, addresses taken off and others told, is done here.
"""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vipalived.agent import process
from vipalived.agent.ledger import Ledger
from vipalived.agent.log import Log
from vipalived.agent.plan import Plan, Supervised
from vipalived.agent.supervised.backoff import Backoff
from vipalived.agent.supervised.daemon import meaning
from vipalived.agent.supervised.files import Files
from vipalived.agent.supervised.keepalived import Keepalived
from vipalived.agent.supervised.mind import Mind, Role
from vipalived.agent.supervised.notices import Notices
from vipalived.agent.supervised.supervisor import Supervisor
from vipalived.agent.supervised.surroundings import Surroundings
from vipalived.net import clock
from vipalived.vrrp.model import RESIGN, Advert, Reason, Standing
from vipalived.vrrp.packet import IPAddress

SETTLING: Final = 0.5
"""Seconds that keepalived has to put its addresses on or off, and to mend what others did to them."""
ASKING: Final = 5.0
"""Seconds between two questions of a Master whether anybody else has its addresses."""
_ROLES: Final = {role.value: role for role in Role} | {"STOP": Role.INITIALIZE}
_STOPPED: Final = (0, -signal.SIGTERM)
"""How keepalived ends when it is told to; by the signal itself when it has hardly begun."""


class Engine:
    """One virtual router on this node, of one or two address families, from `start` until `ended` is set."""

    def __init__(self, plan: Plan, ledger: Ledger, run_directory: Path) -> None:
        self.plan = self._in_force = plan
        self.ended = asyncio.Event()
        self.log = Log.of_router(plan.vrid, plan.interface)
        self._ledger = ledger
        self._files = Files(run_directory)
        self._keepalived = Keepalived(self._files, plan.node, _secrets(plan))
        self._supervisor = Supervisor(self, self._files, self._keepalived)
        self._surroundings = Surroundings(plan, ledger, self.trouble, self)
        known = ledger.book.acquainted or not plan.members[0].ask_first
        self._mind = Mind(_supervised(plan).priority, plan.members[0].interval, acquainted=known)
        self._stranger = ""
        self._missing = Backoff(least=1.0)
        self._vips: frozenset[IPAddress] = plan.vips
        self._refused: Plan | None = None
        self._master_since = 0.0
        self._value: int | None = None
        self._displacing = False
        self._notices: Notices | None = None
        self._life: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # life

    def start(self, *, inherited: bool = False) -> None:
        """Take part, once a predecessor is gone and what it has left behind is removed."""
        del inherited  # keepalived keeps nothing that it finds
        process.adopt_orphans()
        self._files.make()
        self._vips |= self._files.remembered()
        self._notices = Notices(self._files.fifo)
        self._loop.add_reader(self._notices, self._hear_notices)
        self._life = asyncio.ensure_future(self._live())
        self._surroundings.open()
        self._adjust()

    async def _live(self) -> None:
        await self._supervisor.run()
        self._surroundings.sweep(self._vips)
        self.ended.set()

    def shut_down(self, *, heir: bool = False) -> None:
        """Resign; `ended` is set once keepalived has handed over and ended."""
        del heir  # keepalived leaves nothing behind
        self._supervisor.stop()
        if self._life is None:
            self.ended.set()

    def abandon(self) -> None:
        """Let go of everything now, whoever may want it."""
        self._supervisor.stopping = True
        self._supervisor.destroy()
        self._surroundings.sweep(self._vips)
        self.ended.set()

    def reconfigure(self, plan: Plan) -> None:
        """Change over to another plan of the same identity, unless keepalived refuses it."""
        self.plan, self._refused = plan, None
        self._keepalived.secrets |= _secrets(plan)
        self._supervisor.change()
        self._supervisor.hurry()

    def close(self) -> None:
        """Give every socket, file and process back."""
        for timer in self._timers.values():
            timer.cancel()
        if self._life is not None:
            self._life.cancel()
        self._supervisor.destroy()
        if self._notices is not None:
            self._loop.remove_reader(self._notices)
            self._notices.close()
        self._surroundings.close()

    # what others tell the engine

    def stand(self, standing: Standing) -> None:
        """What the health check says of the node from now on; told before `start`, too."""
        self._mind.stands(standing, clock.now())
        self._adjust()

    def release(self) -> None:
        """Give the addresses away and stay out."""
        self._mind.release(clock.now())
        self._adjust()

    def rejoin(self) -> None:
        """Take part again."""
        self._mind.rejoin(clock.now())
        self._adjust()

    # what is wished

    def _adjust(self) -> None:
        """Do what the mind wishes now, and think again when it wants to."""
        if self._life is None:
            return
        wish = self._mind.wish(clock.now())
        if wish.value != self._value:
            self._files.write(self._files.track_file, f"{wish.value}\n")
            self._value = wish.value
        if wish.displacing != self._displacing:
            self._displacing = wish.displacing
            self._supervisor.change()
        self._ledger.holds_back(self._stranger if self._mind.held_back else None)
        if self._mind.acquainted and not self._ledger.book.acquainted:
            self._ledger.acquainted()
        self._ledger.priority(self._in_force.members[0].priority, self._mind.effective)
        self._ledger.timer(None if math.isinf(wish.due) else wish.due)
        self._arm("wish", wish.due - clock.now(), self._adjust)

    def _arm(self, name: str, seconds: float, ring: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers.pop(name).cancel()
        if not math.isinf(seconds):
            self._timers[name] = self._loop.call_later(max(0.0, seconds), ring)

    # keepalived's state

    def _hear_notices(self) -> None:
        for notice in self._notices.read() if self._notices is not None else ():
            if notice.subject == _supervised(self._in_force).subject and notice.state in _ROLES:
                self._supervisor.speaks()
                self._become(_ROLES[notice.state])

    def _become(self, role: Role) -> None:
        was, now = self._mind.role, clock.now()
        reason = self._mind.becomes(role, now)
        if reason is None:
            return
        if role is Role.INITIALIZE and self._supervisor.stopping:
            reason = Reason.SHUTDOWN
        self.log.changed(was, role, reason)
        self._ledger.state(role.value, reason)
        if role is Role.MASTER:
            self._master_since = now
        self._ask()
        if was is Role.MASTER:
            self._part(role, reason, now)
        self.sees_change()
        self._adjust()

    def _part(self, role: Role, reason: Reason, now: float) -> None:
        """Tell the others what keepalived does not."""
        if role is Role.FAULT and len(self._in_force.members) > 1:
            # In a sync group it resigns for one family alone, and the others' peers wait for them both.
            self._surroundings.resign(seconds_as_master=0.0)
        elif reason is Reason.ADDRESS_LOST:
            # Its child was killed, and it has started another one: nobody has said a word.
            self._surroundings.resign(seconds_as_master=now - self._master_since)

    # for the supervisor

    def wanted(self) -> tuple[Plan, str]:
        """The newest plan that was not refused; the configuration by which the mind wants it run."""
        plan = self._in_force if self.plan == self._refused else self.plan
        supervised = _supervised(plan)
        return plan, supervised.displacing if self._displacing else supervised.configuration

    def adopts(self, plan: Plan) -> None:
        """keepalived is about to read the configuration for this plan."""
        if self._mind.role is not Role.INITIALIZE:
            purpose = ", to take over from a Master that is not healthy" if self._displacing else ""
            self.log.say(f"keepalived reads its changed configuration{purpose}")
        self._in_force = plan
        self._vips |= plan.vips
        self._files.remember(self._vips)
        self._mind.reconfigure(_supervised(plan).priority, plan.members[0].interval, clock.now())
        self._surroundings.use(plan)
        self.sees_change()
        self._adjust()

    def refuses(self, plan: Plan, why: str) -> None:
        """keepalived goes on with what it had."""
        if plan != self._in_force:
            self._refused = plan
            self._supervisor.change()
        self.trouble("reload", f"refused to reload: {why}")

    def cleans_up(self) -> None:
        """A predecessor is gone, and may have left its addresses."""
        for address in self._surroundings.sweep(self._vips):
            self.log.say(f"{address} was left behind, and is removed")

    def has_ended(self, code: int) -> None:
        """However keepalived ended: nothing stays on the interface, and the others are told."""
        was_master, seconds = self._mind.role is Role.MASTER, clock.now() - self._master_since
        self._surroundings.sweep(self._vips)
        if was_master:
            self._surroundings.resign(seconds_as_master=seconds)
        if not (self._supervisor.stopping and code in _STOPPED):
            self.log.warn(f"keepalived {meaning(code)}")
            self._ledger.trouble(f"keepalived {meaning(code)}")
        self._become(Role.INITIALIZE)

    def counted(self, sent: int, received: int) -> None:
        """What keepalived says of its advertisements."""
        self._ledger.totals(sent, received)

    def trouble(self, about: str, sentence: str) -> None:
        """Told in the log and in the status."""
        self.log.trouble(about, sentence)
        self._ledger.trouble(sentence)

    # what is around

    def hears(self, member: int, advert: Advert) -> None:
        """Another router's advertisement; the first family's election decides."""
        if advert.strange and not self._mind.acquainted:
            self.sees_stranger(advert.source)
            return
        self._mind.meets()
        if self._mind.role is Role.MASTER and advert.priority != RESIGN:
            self._ledger.second_holder(self._in_force.members[member].vips[0], str(advert.source))
        if member == 0:
            self._mind.hears(advert, clock.now())
            self._adjust()

    def sees_claim(self, address: IPAddress, mac: str) -> None:
        """Another host answers for one of the addresses."""
        if self._mind.role is Role.MASTER:
            self._ledger.second_holder(address, mac)
        self._keep_back(f"{mac} answers for {address}")

    def sees_stranger(self, source: IPAddress) -> None:
        """Somebody else advertises this virtual router's ID."""
        self._keep_back(f"{source} advertises virtual router {self._in_force.vrid} for other purposes")

    def _keep_back(self, stranger: str) -> None:
        """Before the first claim."""
        self._stranger = stranger
        self._mind.sees_stranger(clock.now())
        self._adjust()

    def sees_interface(self) -> None:
        """The interface has come or gone."""
        self._supervisor.hurry()

    def sees_change(self) -> None:
        """A VIP came or went: look whether that is as it should be, once it has settled."""
        self._ledger.held(self._vips & self._surroundings.on_interface())
        self._arm("inspection", SETTLING, self._inspect)

    def _inspect(self) -> None:
        if self._supervisor.stopping:
            return
        master, there = self._mind.role is Role.MASTER, self._surroundings.on_interface()
        expected = self._in_force.vips if master else frozenset()
        missing = sorted(map(str, expected - there))
        if missing:
            now = clock.now()
            rest = self._missing.rest(now)
            self.trouble(
                "missing",
                f"keepalived is Master without {', '.join(missing)}: others may have it for {rest:g} s",
            )
            self._mind.misses(now, rest)
            self._adjust()
        for address in self._surroundings.sweep((self._vips & there) - expected):
            self.log.say(
                f"{address} was on {self._in_force.interface} though this node is not to have it, and is removed"
            )

    def _ask(self) -> None:
        """Whether anybody else answers for the addresses: before the first claim, and while Master."""
        newcomer = not self._mind.acquainted and self._mind.role in {Role.BACKUP, Role.FAULT}
        if newcomer or self._mind.role is Role.MASTER:
            self._surroundings.ask()
        every = self._in_force.members[0].interval if newcomer else ASKING
        self._arm("ask", every if newcomer or self._mind.role is Role.MASTER else math.inf, self._ask)


def _supervised(plan: Plan) -> Supervised:
    assert plan.supervised is not None  # noqa: S101 - no other plan comes here
    return plan.supervised


def _secrets(plan: Plan) -> frozenset[str]:
    return frozenset(member.auth.password.decode() for member in plan.members if member.auth is not None)
