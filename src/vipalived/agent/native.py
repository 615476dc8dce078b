"""The native engine: an asyncio shell around `vrrp.group.step`.

Whatever happens becomes an event, its actions are carried out in order, and one timer is armed for the
state's deadline. Only the state machine decides.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from vipalived.agent.log import Log
from vipalived.agent.member import Member
from vipalived.agent.plan import Plan
from vipalived.net import clock
from vipalived.net.kernel import Kernel
from vipalived.net.view import AddressChange, Change, LinkChange, View
from vipalived.vrrp import group, router
from vipalived.vrrp.group import Group
from vipalived.vrrp.model import (
    AddressLost,
    Advert,
    Backup,
    Changed,
    Event,
    ForeignClaim,
    Health,
    Initialize,
    Link,
    Master,
    Reconfigured,
    Shutdown,
    Startup,
    State,
    Timer,
)

LATE = 0.05
"""A timer that comes later than this is told of: the machine is too busy for sub-second takeovers."""


class _Readable(Protocol):
    def fileno(self) -> int: ...


class Engine:
    """One virtual router on this node, of one or two address families, from `start` until `ended` is set."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.state = State()
        self.log = Log(f"vrid={plan.vrid} {plan.interface}")
        self.ended = asyncio.Event()
        self.latest = 0.0
        self.foreign_claims = 0
        self._kernel = Kernel()
        self._members = [Member(member, self._kernel, self.log.trouble) for member in plan.members]
        self._view = View({}, {})
        self._index = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._shutting_down = False

    # life

    def start(self) -> None:
        """Take part, as soon as the interface is there and has its addresses."""
        self._loop.add_reader(self._kernel, self._hear_kernel)
        self._look_again()
        vips = {address for member in self.plan.members for address in member.addresses}
        leftover = bool(vips & set(self._view.on(self._index)))
        self._step(Startup(leftover))
        self._clear_strays()

    def shut_down(self) -> None:
        """Resign; `ended` is set once another node owns the addresses, or nobody wants them."""
        self._shutting_down = True
        self._step(Shutdown())
        self._end_if_done()

    def abandon(self) -> None:
        """Let go of everything now, whoever may want it."""
        for member in self._members:
            for address in member.plan.addresses:
                self._kernel.remove(self._index, address)
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
        """Say what was counted, and give every socket back."""
        self._sum_up()
        if self._timer is not None:
            self._timer.cancel()
        self._close_members()
        self._loop.remove_reader(self._kernel)
        self._kernel.close()

    def _sum_up(self) -> None:
        counts = Counter({"foreign claims": self.foreign_claims})
        for member in self._members:
            counts.update({f"packets refused ({reason})": count for reason, count in member.discards.items()})
        said = ", ".join(f"{what}: {count}" for what, count in counts.items() if count)
        self.log.say(f"ended; {said or 'nothing refused, nobody else claimed the addresses'}")

    # one event

    def _group(self) -> Group:
        return Group(tuple(member.config for member in self._members))

    def _step(self, event: Event, member: int = 0, at: float | None = None) -> None:
        now = clock.now() if at is None else at
        self.state, actions = group.step(self._group(), self.state, event, now, member=member)
        for tagged in actions:
            if isinstance(tagged.action, Changed):
                self._tell(tagged.action)
            else:
                self._members[tagged.member].carry_out(tagged.action)
        self._arm()
        if self._shutting_down:
            self._end_if_done()

    def _tell(self, change: Changed) -> None:
        old, new = (role.__name__.upper() for role in (change.old, change.new))
        self.log.say(f"{old} -> {new} ({change.reason})")

    def _end_if_done(self) -> None:
        if isinstance(self.state.role, Initialize):
            self.ended.set()

    # time

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = router.deadline(self.state)
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - clock.now()), self._ring, due)

    def _ring(self, due: float) -> None:
        self._timer = None
        late = clock.now() - due
        self.latest = max(self.latest, late)
        if late > LATE:
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

    def _hear(self, advert: Advert, index: int, arrived: float) -> None:
        # A Backup only notes when it heard its Master, so that what waited in a queue is not news.
        self._step(advert, index, arrived if isinstance(self.state.role, Backup) else None)

    def _hear_claims(self, index: int) -> None:
        for claim in self._members[index].claims():
            if isinstance(self.state.role, Master):
                self.foreign_claims += 1
                mac = claim.mac.hex(":")
                self.log.trouble(f"claim {claim.address} {mac}", f"{mac} answers for {claim.address}")
            self._step(ForeignClaim(claim.address))

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
        for change in changes:
            if isinstance(change, AddressChange) and change.address.ip in self.plan.vips:
                self._vip_changed(change, new=(change.index, change.address) not in known)

    def _concerns(self, change: Change) -> bool:
        if isinstance(change, LinkChange):
            return change.name in {self.plan.interface, *self.plan.tracked} or change.index == self._index
        return change.index == self._index and change.address.ip not in self.plan.vips

    def _vip_changed(self, change: AddressChange, *, new: bool) -> None:
        ip = change.address.ip
        if change.index != self._index:
            if change.present and new:
                link = self._view.links.get(change.index)
                self.log.say(f"{ip} is on {link.name if link else 'another interface'} of this host, too")
        elif not change.present:
            if router.holds(self.state) and (self._index, change.address) not in self._view.addresses:
                self.log.say(f"{ip} was removed by somebody")
                self._step(AddressLost(ip))
        elif not router.holds(self.state) and self._kernel.remove(self._index, change.address):
            self.log.say(f"{ip} was added by somebody, and is removed")

    def _clear_strays(self) -> None:
        if router.holds(self.state):
            return
        for address in self._view.on(self._index):
            if address.ip in self.plan.vips and self._kernel.remove(self._index, address):
                self.log.say(f"{address.ip} was left behind, and is removed")

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
        self._explain(link, sources)

    def _source(self, member: Member) -> object:
        plan = member.plan
        return plan.source or self._view.source(self._index, plan.family, self.plan.vips)

    def _speak_from(self, sources: Iterable[object]) -> None:
        previous = self._group().config
        for member, source in zip(self._members, sources, strict=True):
            member.speak_from(source)  # type: ignore[arg-type]
        if self._group().config != previous:
            self._step(Reconfigured(previous))

    def _health(self) -> None:
        links = [self._view.link(name) for name in self.plan.tracked]
        healthy = all(link is not None and link.running for link in links)
        if healthy != self.state.healthy:
            self._step(Health(healthy))

    def _explain(self, link: LinkChange | None, sources: Iterable[object]) -> None:
        if link is None:
            self.log.trouble("link", f"waiting for the interface {self.plan.interface}")
        elif not link.running:
            self.log.trouble("link", f"waiting for {self.plan.interface} to be up")
        else:
            for member, source in zip(self._members, sources, strict=True):
                if source is None:
                    kind = "an IPv4" if member.plan.family == 4 else "a link-local IPv6"
                    self.log.trouble("source", f"waiting for {kind} address on {self.plan.interface}")

    def _open_members(self) -> bool:
        for index, member in enumerate(self._members):
            try:
                member.open(self.plan.interface, self._index)
            except OSError as error:
                self.log.trouble("open", f"cannot listen on {self.plan.interface}: {error.strerror}")
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
