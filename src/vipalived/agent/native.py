"""The native engine: an asyncio shell around `vrrp.group.step`.

Whatever happens becomes an event, its actions are carried out in order, and one timer is armed for the
state's deadline. Only the state machine decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from vipalived.agent.ground import RETRY, Ground
from vipalived.agent.ledger import Ledger
from vipalived.agent.log import Log
from vipalived.agent.plan import Plan
from vipalived.agent.readers import AT_ONCE
from vipalived.net import clock
from vipalived.vrrp import group, router
from vipalived.vrrp.model import (
    RESIGN,
    Advert,
    Backup,
    Changed,
    Event,
    ForeignClaim,
    Health,
    Initialize,
    Master,
    Reconfigured,
    Rejoin,
    Release,
    Resigning,
    Shutdown,
    Startup,
    State,
    Stranger,
    Timer,
)

ASKING = 5.0
"""Seconds between two questions of a Master whether anybody else has its addresses."""
LATE = 0.05
"""A timer that comes later than this is told of: the machine is too busy for sub-second takeovers."""


class Engine:
    """One virtual router on this node, of one or two address families, from `start` until `ended` is set."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self._ledger = ledger
        self.state = State()
        self.log = Log.of_router(plan.vrid, plan.interface)
        self.ended = asyncio.Event()
        hear = (self._hear_adverts, self._hear_claims)
        self._ground = Ground(plan, ledger, self.log, self._step, lambda: self.state, hear)
        self._members = self._ground.members
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.TimerHandle | None = None
        self._shutting_down = False
        self._stranger = ""
        self._conclude: Callable[[bool], None] | None = None

    # life

    def start(self, *, inherited: bool = False) -> None:
        """Take part, as soon as the interface is there and has its addresses."""
        ground = self._ground
        ground.start()
        leftover = bool(ground.view.left(ground.index, self.plan.vips))
        self._step(Startup(leftover, self._ledger.book.acquainted, inherited))
        ground.settle()

    def shut_down(self, *, heir: bool = False) -> None:
        """Resign; `ended` is set once another node owns the addresses, or nobody wants them, or an heir may."""
        self._shutting_down = True
        self._step(Shutdown(heir))
        self._end_if_done()

    def abandon(self) -> None:
        """Let go of everything now, whoever may want it."""
        self._ground.take_all_off()
        self.ended.set()

    def reconfigure(self, plan: Plan) -> None:
        """Change over to another plan of the same identity; a VIP that stays is not touched."""
        previous = self._ground.group.config
        self.plan = self._ground.plan = plan
        for member, its in zip(self._members, plan.members, strict=True):
            member.use(its)
        self._step(Reconfigured(previous))
        self._ground.reassess()

    def close(self) -> None:
        """Give every socket back."""
        for timer in (self._timer, self._asking):
            if timer is not None:
                timer.cancel()
        self._ground.end()

    # one event

    def _step(self, event: Event, member: int = 0, at: float | None = None) -> None:
        now = clock.now() if at is None else at
        members = self._ground.group
        config = members.config
        self.state, actions = group.step(members, self.state, event, now, member=member)
        for tagged in actions:
            if isinstance(tagged.action, Changed):
                self._tell(tagged.action)
            else:
                self._members[tagged.member].carry_out(tagged.action)
        self._ledger.priority(config.priority, router.effective_priority(config, self.state))
        # What the kernel has done, whatever the state machine believes.
        self._ledger.held(set().union(*(member.held for member in self._members)))
        self._ledger.holds_back(self._stranger if router.held_back(self.state, now) else None)
        if self.state.acquainted and not self._ledger.book.acquainted:
            self._ledger.acquainted()
        self._arm()
        if self._conclude is not None and not isinstance(self.state.role, Resigning):
            concluded, self._conclude = self._conclude, None
            concluded(self.state.released)
        if self._shutting_down:
            self._end_if_done()
        else:
            self._ground.hush()

    def _tell(self, change: Changed) -> None:
        old, new = (role.__name__.upper() for role in (change.old, change.new))
        self.log.changed(old, new, change.reason)
        self._ledger.state(new, change.reason)
        if change.new is Master:
            self._ground.patience = RETRY
        if self._asking is not None:
            self._asking.cancel()
        self._ask()

    def _ask(self) -> None:
        """Whether anybody else answers for the addresses: before the first claim, and while Master."""
        config, role = self._ground.group.config, self.state.role
        newcomer = isinstance(role, Backup) and config.ask_first and not self.state.acquainted
        if newcomer or isinstance(role, Master):
            for member in self._members:
                member.ask()
            # An answer counts for three intervals and more: two may be lost.
            self._asking = self._loop.call_later(config.interval if newcomer else ASKING, self._ask)

    def _end_if_done(self) -> None:
        if isinstance(self.state.role, Initialize):
            self.ended.set()
            self._ground.deafen()

    # time

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = router.deadline(self.state)
        self._ledger.timer(due)
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - clock.now()), self._ring, due)

    def _ring(self, due: float) -> None:
        self._timer = None
        late = clock.now() - due
        if late > LATE:
            self._ledger.late(late)
            self.log.trouble("late", f"a timer came {late * 1000:.0f} ms late")
        # Who took over while this process stood still has said so by now: hear that first.
        for index in range(len(self._members)):
            self._hear_adverts(index)
        if self._timer is None or router.deadline(self.state) == due:
            self._step(Timer())

    # the network

    def _hear_adverts(self, index: int) -> None:
        wire = self._members[index].wire
        adverts, more = self._members[index].adverts(AT_ONCE)
        for advert, arrived in adverts:
            self._hear(advert, index, arrived)
        if more and wire is not None:
            self._ground.readers.breathe(wire, partial(self._hear_adverts, index))

    def _hear(self, advert: Advert | Stranger, index: int, arrived: float) -> None:
        if isinstance(advert, Stranger) or advert.strange:
            self._stranger = f"{advert.source} advertises virtual router {self.plan.vrid} for other purposes"
        if isinstance(advert, Stranger):
            # Later on no more than a refused packet, which moves nothing.
            if not self.state.acquainted:
                self._step(advert)
            return
        if isinstance(self.state.role, Master) and advert.priority != RESIGN:
            self._ledger.second_holder(self._members[index].plan.vips[0], str(advert.source))
        # A Backup only notes when it heard its Master, so that what waited in a queue is not news.
        self._step(advert, index, arrived if isinstance(self.state.role, Backup) else None)

    def _hear_claims(self, index: int) -> None:
        segment = self._members[index].segment
        claims, more = self._members[index].claims(AT_ONCE)
        if more and segment is not None:
            self._ground.readers.breathe(segment, partial(self._hear_claims, index))
        own = self._ground.view.macs() if claims else frozenset()
        for claim in claims:
            if claim.mac in own:
                continue  # another interface of this host, in the same segment
            self._stranger = f"{claim.mac.hex(':')} answers for {claim.address}"
            if isinstance(self.state.role, Master):
                self._ledger.second_holder(claim.address, claim.mac.hex(":"))
            self._step(ForeignClaim(claim.address))

    # what others tell the engine

    def stand(self, health: Health) -> None:
        """What the health check says of the node from now on."""
        self._ground.reported = health
        if self.state.started:
            self._ground.health()

    def release(self, *, forced: bool, conclude: Callable[[bool], None]) -> None:
        """Give the addresses away and stay out, unless nobody takes them and it is not `forced`.

        `conclude` is told once that is known: whether the release holds.
        """
        self._conclude = conclude
        self._step(Release(forced))

    def rejoin(self) -> None:
        """Take part again."""
        self._step(Rejoin())
