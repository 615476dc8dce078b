"""The native engine: an asyncio shell around `vrrp.group.step`.

Whatever happens becomes an event, its actions are carried out in order, and one timer is armed for the
state's deadline. Only the state machine decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol, TypeGuard

from vipalived.agent.ledger import Ledger
from vipalived.agent.log import Log
from vipalived.agent.member import Member
from vipalived.agent.plan import Plan
from vipalived.net import clock
from vipalived.net.kernel import Kernel
from vipalived.net.view import AddressChange, Change, LinkChange, View
from vipalived.vrrp import group, router
from vipalived.vrrp.group import Group
from vipalived.vrrp.model import (
    RESIGN,
    AddressLost,
    Advert,
    Backup,
    Bar,
    Changed,
    Event,
    ForeignClaim,
    Health,
    Initialize,
    Link,
    Master,
    Reconfigured,
    Rejoin,
    Release,
    Shutdown,
    Standing,
    Startup,
    State,
    Stranger,
    Timer,
)
from vipalived.vrrp.packet import IPAddress

ASKING = 5.0
"""Seconds between two questions of a Master whether anybody else has its addresses."""
LATE = 0.05
"""A timer that comes later than this is told of: the machine is too busy for sub-second takeovers."""


class _Readable(Protocol):
    def fileno(self) -> int: ...


class Engine:
    """One virtual router on this node, of one or two address families, from `start` until `ended` is set."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self._ledger = ledger
        self.state = State()
        self.log = Log.of_router(plan.vrid, plan.interface)
        self.ended = asyncio.Event()
        self._kernel = Kernel()
        self._members = [Member(member, self._kernel, ledger, self._trouble) for member in plan.members]
        self._standing = Standing.HEALTHY
        self._view = View({}, {})
        self._index = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.TimerHandle | None = None
        self._shutting_down = False
        self._stranger = ""

    # life

    def start(self, *, inherited: bool = False) -> None:
        """Take part, as soon as the interface is there and has its addresses."""
        self._loop.add_reader(self._kernel, self._hear_kernel)
        self._look_again()
        leftover = bool(self._view.left(self._index, self.plan.vips))
        self._step(Startup(leftover, self._ledger.book.acquainted, inherited))
        if self._view.leads(self._index):
            self._put_last()
        self._clear_strays()

    def shut_down(self, *, heir: bool = False) -> None:
        """Resign; `ended` is set once another node owns the addresses, or nobody wants them, or an heir may."""
        self._shutting_down = True
        self._step(Shutdown(heir))
        self._end_if_done()

    def abandon(self) -> None:
        """Let go of everything now, whoever may want it."""
        for vip in self._kernel.view().left(self._index, self.plan.vips):
            self._kernel.remove(self._index, vip)
        self.ended.set()

    def reconfigure(self, plan: Plan) -> None:
        """Change over to another plan of the same identity; a VIP that stays is not touched."""
        previous = self._group().config
        self.plan = plan
        for member, its in zip(self._members, plan.members, strict=True):
            member.use(its)
        self._step(Reconfigured(previous))
        self._reassess()

    def close(self) -> None:
        """Give every socket back."""
        for timer in (self._timer, self._asking):
            if timer is not None:
                timer.cancel()
        self._close_members()
        self._loop.remove_reader(self._kernel)
        self._kernel.close()

    # one event

    def _group(self) -> Group:
        return Group(tuple(member.config for member in self._members))

    def _step(self, event: Event, member: int = 0, at: float | None = None) -> None:
        now = clock.now() if at is None else at
        members = self._group()
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
        if self._shutting_down:
            self._end_if_done()

    def _tell(self, change: Changed) -> None:
        old, new = (role.__name__.upper() for role in (change.old, change.new))
        self.log.changed(old, new, change.reason)
        self._ledger.state(new, change.reason)
        if self._asking is not None:
            self._asking.cancel()
        self._ask()

    def _ask(self) -> None:
        """Whether anybody else answers for the addresses: before the first claim, and while Master."""
        config, role = self._group().config, self.state.role
        newcomer = isinstance(role, Backup) and config.ask_first and not self.state.acquainted
        if newcomer or isinstance(role, Master):
            for member in self._members:
                member.ask()
            # An answer counts for three intervals and more: two may be lost.
            self._asking = self._loop.call_later(config.interval if newcomer else ASKING, self._ask)

    def _trouble(self, about: str, sentence: str) -> None:
        self.log.trouble(about, sentence)
        self._ledger.trouble(sentence)

    def _end_if_done(self) -> None:
        if isinstance(self.state.role, Initialize):
            self.ended.set()
            # An address that comes now is an heir's.
            self._loop.remove_reader(self._kernel)

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
        for advert, arrived in self._members[index].adverts():
            self._hear(advert, index, arrived)

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
        for claim in self._members[index].claims():
            self._stranger = f"{claim.mac.hex(':')} answers for {claim.address}"
            if isinstance(self.state.role, Master):
                self._ledger.second_holder(claim.address, claim.mac.hex(":"))
            self._step(ForeignClaim(claim.address))

    # what others tell the engine

    def stand(self, standing: Standing) -> None:
        """What the health check says of the node from now on."""
        self._standing = standing
        if self.state.started:
            self._health()

    def release(self) -> None:
        """Give the addresses away and stay out."""
        self._step(Release())

    def rejoin(self) -> None:
        """Take part again."""
        self._step(Rejoin())

    # the host

    def _hear_kernel(self) -> None:
        changes = self._kernel.changes()
        if changes is None:
            self._look_again()
            return
        known = set(self._view.addresses)
        for change in changes:
            self._view.apply(change)
        if any(self._concerns(change) for change in changes):
            self._reassess()
        if any(self._is_own(change) and (change.index, change.address) not in known for change in changes):
            self._put_last()
        for change in changes:
            if isinstance(change, AddressChange) and change.address.ip in self.plan.vips:
                self._vip_changed(change, new=(change.index, change.address) not in known)

    def _concerns(self, change: Change) -> bool:
        if isinstance(change, LinkChange):
            return change.name in {self.plan.interface, *self.plan.tracked} or change.index == self._index
        return change.index == self._index and change.address.ip not in self.plan.vips

    def _is_own(self, change: Change) -> TypeGuard[AddressChange]:
        """Whether the node has an address of its own on the interface."""
        is_address = isinstance(change, AddressChange) and change.present and not change.ours
        return is_address and change.index == self._index

    def _vip_changed(self, change: AddressChange, *, new: bool) -> None:
        ip = change.address.ip
        if change.index != self._index:
            if change.present and new:
                link = self._view.links.get(change.index)
                self.log.say(f"{ip} is on {link.name if link else 'another interface'} of this host, too")
        else:
            if change.ours and not change.present:
                self._vip_removed(ip)
            self._bar()

    def _put_last(self) -> None:
        for member in self._members:
            member.put_last()

    def _vip_removed(self, ip: IPAddress) -> None:
        for member in self._members:
            if member.expected[ip]:
                member.expected[ip] -= 1
                return
            member.held.discard(ip)
        if router.holds(self.state):
            self.log.say(f"{ip} was removed by somebody")
            self._step(AddressLost(ip))

    def _bar(self) -> None:
        """What the node has for itself is no VIP, whatever the values say."""
        own = self._view.own(self._index, self.plan.vips)
        if own:
            named = " and ".join(map(str, own))
            self._trouble(
                "own", f"{named} on {self.plan.interface} is this node's own address: taking no part"
            )
        if bool(own) != self.state.barred:
            self._step(Bar(bool(own)))

    def _clear_strays(self) -> None:
        if router.holds(self.state):
            return
        for vip in self._view.left(self._index, self.plan.vips):
            if self._kernel.remove(self._index, vip):
                self.log.say(f"{vip} was left behind, and is removed")

    def _look_again(self) -> None:
        self._view = self._kernel.view()
        self._reassess()

    def _reassess(self) -> None:
        """The interface may have come, gone, or changed what it can be used for."""
        link = self._view.link(self.plan.interface)
        index = link.index if link is not None else 0
        if index != self._index:
            self._close_members()
            self._index = index
        sources = [self._source(member) for member in self._members]
        usable = link is not None and link.running and None not in sources
        if usable and self._members[0].wire is None:
            usable = self._open_members()
        if usable != self.state.link and not usable:
            self._step(Link(up=False))
        if usable:
            self._speak_from(sources)
        if usable != self.state.link and usable:
            self._step(Link(up=True))
        self._health()
        self._bar()
        self._explain(link, sources)

    def _source(self, member: Member) -> IPAddress | None:
        plan = member.plan
        return plan.source or self._view.source(self._index, plan.family, self.plan.vips)

    def _speak_from(self, sources: Iterable[IPAddress | None]) -> None:
        previous = self._group().config
        for member, source in zip(self._members, sources, strict=True):
            member.speak_from(source)
            if source is not None:
                self._ledger.source(source)
        if self._group().config != previous:
            self._step(Reconfigured(previous))

    def _health(self) -> None:
        links = [self._view.link(name) for name in self.plan.tracked]
        whole = all(link is not None and link.running for link in links)
        standing = self._standing if whole else Standing.DEAD
        if standing is not self.state.standing:
            self._step(Health(standing))

    def _explain(self, link: LinkChange | None, sources: Iterable[object]) -> None:
        if link is None:
            self._trouble("link", f"waiting for the interface {self.plan.interface}")
        elif not link.running:
            self._trouble("link", f"waiting for {self.plan.interface} to be up")
        else:
            for member, source in zip(self._members, sources, strict=True):
                if source is None:
                    kind = "an IPv4" if member.plan.family == 4 else "a link-local IPv6"
                    self._trouble("source", f"waiting for {kind} address on {self.plan.interface}")

    def _open_members(self) -> bool:
        for index, member in enumerate(self._members):
            try:
                member.open(self.plan.interface, self._index)
            except OSError as error:
                self._trouble("open", f"cannot listen on {self.plan.interface}: {error.strerror}")
                self._close_members()
                return False
            self._read(member.wire, self._hear_adverts, index)
            self._read(member.segment, self._hear_claims, index)
        return True

    def _read(self, readable: _Readable | None, hear: Callable[[int], None], index: int) -> None:
        if readable is not None:
            self._loop.add_reader(readable, hear, index)

    def _close_members(self) -> None:
        for member in self._members:
            for readable in (member.wire, member.segment):
                if readable is not None:
                    self._loop.remove_reader(readable)
            member.close()
