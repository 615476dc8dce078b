"""What an engine stands on: the interface with its sockets, the node's own addresses, and what becomes of them.

The kernel's news come in here, and are events for the engine. Whatever was away, be it back by now, is made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeGuard

from vipalived.agent.ledger import Ledger
from vipalived.agent.log import Log
from vipalived.agent.member import Member
from vipalived.agent.plan import MemberPlan, Plan
from vipalived.agent.readers import Readers
from vipalived.interfaces import missing
from vipalived.net.kernel import Kernel
from vipalived.net.view import AddressChange, Change, LinkChange, Source, View
from vipalived.vrrp import router
from vipalived.vrrp.group import Group
from vipalived.vrrp.model import (
    AddressLost,
    Bar,
    Claiming,
    Event,
    Health,
    Link,
    Reconfigured,
    Standing,
    State,
)
from vipalived.vrrp.packet import IPAddress

RETRY: Final = 1.0
LONGEST_RETRY: Final = 30.0
"""Seconds until the sockets are tried again that could not be had or used: at first, and at the most."""
MUTE: Final = 3
"""A Master that cannot send so many advertisements in a row is none."""

Hear = Callable[[int], None]
"""Hears what has come for the member with this index."""


class Ground:
    """The host under one virtual router; `step` takes an event, `state` is the engine's by now.

    `hear` are what hears advertisements, and what hears claims.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        log: Log,
        step: Callable[[Event], None],
        state: Callable[[], State],
        hear: tuple[Hear, Hear],
    ) -> None:
        self.plan, self.log = plan, log
        self._ledger, self._step, self._state, self._hear = ledger, step, state, hear
        self._kernel = Kernel()
        self.members = [Member(member, self._kernel, ledger, self._trouble) for member in plan.members]
        self.readers = Readers(self._trouble)
        self.reported = Health(Standing.HEALTHY)
        self.view = View({}, {})
        self.index = 0
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self.mute, self.patience = False, RETRY

    @property
    def group(self) -> Group:
        """The members as the state machine knows them now."""
        return Group(tuple(member.config for member in self.members))

    def start(self) -> None:
        """Look at the host, and hear of it from now on."""
        self._loop.add_reader(self._kernel, self._hear_kernel)
        self.view = self._kernel.view()
        self.reassess()

    def settle(self) -> None:
        """What a dead predecessor has left is put in its place, or taken off."""
        if self.view.leads(self.index):
            self.put_last()
        self.clear_strays()

    def deafen(self) -> None:
        """An address that comes now is an heir's."""
        self._loop.remove_reader(self._kernel)

    def end(self) -> None:
        """Every socket is given back."""
        if self._retry is not None:
            self._retry.cancel()
        self.close()
        self.deafen()
        self._kernel.close()

    def take_all_off(self) -> None:
        """The addresses are let go, whoever may want them."""
        for vip in self._kernel.view().left(self.index, self.plan.vips):
            self._kernel.remove(self.index, vip)

    def _trouble(self, about: str, sentence: str) -> None:
        self.log.trouble(about, sentence)
        self._ledger.trouble(sentence)

    def _hear_kernel(self) -> None:
        changes = self._kernel.changes()
        if changes is None:
            self._look_back()
            return
        known = set(self.view.addresses)
        lost = self._lost(changes)
        for change in changes:
            self.view.apply(change)
        if lost or any(self._concerns(change) for change in changes):
            self.reassess(anew=lost)
        if any(self._is_own(change) and (change.index, change.address) not in known for change in changes):
            self.put_last()
        for change in changes:
            if isinstance(change, AddressChange) and change.address.ip in self.plan.vips:
                self._vip_changed(change, new=(change.index, change.address) not in known)

    def _concerns(self, change: Change) -> bool:
        if isinstance(change, LinkChange):
            names = {change.name, *change.alternatives} & {self.plan.interface, *self.plan.tracked}
            return bool(names) or change.index == self.index
        return change.index == self.index and change.address.ip not in self.plan.vips

    def _is_own(self, change: Change) -> TypeGuard[AddressChange]:
        """Whether the node has an address of its own on the interface."""
        is_address = isinstance(change, AddressChange) and change.present and not change.ours
        return is_address and change.index == self.index

    def _vip_changed(self, change: AddressChange, *, new: bool) -> None:
        ip = change.address.ip
        if change.index != self.index:
            if change.present and new:
                link = self.view.links.get(change.index)
                self.log.say(f"{ip} is on {link.name if link else 'another interface'} of this host, too")
        else:
            if change.ours and not change.present:
                self._vip_removed(ip)
            self._bar()

    def put_last(self) -> None:
        """The addresses go behind the node's own ones."""
        for member in self.members:
            member.put_last()

    def _vip_removed(self, ip: IPAddress) -> None:
        for member in self.members:
            if member.expected[ip]:
                member.expected[ip] -= 1
                return
            member.held.discard(ip)
        if router.holds(self._state()):
            self.log.say(f"{ip} was removed by somebody")
            self._step(AddressLost(ip))

    def _bar(self) -> None:
        """What the node has for itself is no VIP, whatever the values say."""
        own = self.view.own(self.index, self.plan.vips)
        if own:
            named = " and ".join(map(str, own))
            self._trouble(
                "own", f"{named} on {self.plan.interface} is this node's own address: taking no part"
            )
        if bool(own) != self._state().barred:
            self._step(Bar(bool(own)))

    def clear_strays(self) -> None:
        """What is there although the engine holds nothing, and an agent has put there, is taken off."""
        if router.holds(self._state()):
            return
        for vip in self.view.left(self.index, self.plan.vips):
            if self._kernel.remove(self.index, vip):
                self.log.say(f"{vip} was left behind, and is removed")

    def _look_back(self) -> None:
        """More has changed than the kernel could tell: the host is compared with what it should be."""
        self.view = self._kernel.view()
        there = self.view.left(self.index, self.plan.vips)
        missing = [ip for member in self.members for ip in member.held if ip not in there]
        for member in self.members:
            member.held.difference_update(missing)
        said = (
            f"{', '.join(map(str, missing))} had been removed" if missing else "nothing of ours was touched"
        )
        self.log.say(f"too much has changed on this host to be told one by one: {said}")
        self.reassess(anew=True)
        self.clear_strays()

    def _lost(self, changes: Iterable[Change]) -> bool:
        """Whether the interface, or what a socket hangs on there, has been away, be it back again by now.

        With it went memberships, bindings, or the MAC address that the clients know.
        """
        before = self.view.links.get(self.index)
        sources = {member.source for member in self.members if member.plan.family == 6}
        for change in changes:
            if change.index != self.index or before is None:
                continue
            if isinstance(change, LinkChange):
                if (
                    not change.present
                    or not change.running
                    or (change.name, change.mac) != (before.name, before.mac)
                ):
                    return True
            elif not change.present and change.address.ip in sources:
                return True
        return False

    def reassess(self, *, anew: bool = False) -> None:
        """The interface may have come, gone, or changed what it can be used for; `anew`: or been away meanwhile."""
        link = self.view.link(self.plan.interface)
        index = link.index if link is not None else 0
        moved = anew or index != self.index
        if moved:
            for member in self.members if index != self.index else ():
                member.leave()
            self.close()
            self.index = index
        sources = [self._source(member) for member in self.members]
        usable = (
            link is not None
            and link.running
            and link.mac is not None
            and None not in sources
            and not self.mute
        )
        if usable and self.members[0].wire is None:
            usable = self._open_members()
            if not usable:
                self._try_again()
        if not usable:
            if self._state().link:
                self._step(Link(up=False))
            self.close()
        else:
            self._speak_from(sources)
            if not self._state().link:
                self._step(Link(up=True))
            elif moved and router.holds(self._state()):
                self._step(AddressLost(self.members[0].plan.vips[0]))
        self.health()
        self._bar()
        self._explain(link, sources)

    def _source(self, member: Member) -> Source | None:
        plan = member.plan
        return self.view.source(self.index, plan.family, self.plan.vips, peers=plan.peers, wanted=plan.source)

    def _speak_from(self, sources: Iterable[Source | None]) -> None:
        previous = self.group.config
        for member, source in zip(self.members, sources, strict=True):
            if source is None:
                continue
            if member.source != source.address:
                self.log.say(f"speaks from {source.address}, {source.why}")
            member.speak_from(source.address)
            self._ledger.source(source.address)
        if self.group.config != previous:
            self._step(Reconfigured(previous))

    def health(self) -> None:
        """The API server's standing, or a dead node's where a tracked interface is down."""
        links = [self.view.link(name) for name in self.plan.tracked]
        whole = all(link is not None and link.running for link in links)
        health, state = self.reported if whole else Health(Standing.DEAD), self._state()
        if health != Health(state.standing, state.steady):
            self._step(health)

    def _try_again(self) -> None:
        if self._retry is None:
            self._retry = self._loop.call_later(self.patience, self._retried)
            self.patience = min(2 * self.patience, LONGEST_RETRY)

    def _retried(self) -> None:
        self._retry, self.mute = None, False
        self.reassess()

    def hush(self) -> None:
        """Whom nobody hears must not claim: others would take him for dead."""
        if self.mute:
            return
        failures = max(member.failures for member in self.members)
        if failures >= MUTE or (failures and isinstance(self._state().role, Claiming)):
            self.mute = True
            self._trouble("mute", "it cannot send advertisements, and takes no part until it can")
            self.reassess()
            self._try_again()

    def _explain(self, link: LinkChange | None, sources: Iterable[object]) -> None:
        if link is None:
            self._trouble("missing", f"waiting for {missing(self.plan.interface, self.view.able())}")
        elif link.mac is None:
            self._trouble(
                "link",
                f"{self.plan.interface} is no Ethernet interface: there is nobody to ask by ARP or NDP",
            )
        elif not link.running:
            self._trouble("link", f"waiting for {self.plan.interface} to be up")
        else:
            for member, source in zip(self.members, sources, strict=True):
                if source is None:
                    self._trouble("source", f"waiting for {_lacking(member.plan)} on {self.plan.interface}")

    def _open_members(self) -> bool:
        for index, member in enumerate(self.members):
            try:
                member.open(self.view.links[self.index].name, self.index)
            except OSError as error:
                self._trouble("open", f"cannot listen on {self.plan.interface}: {error.strerror}")
                self.close()
                return False
            for readable, hear in zip((member.wire, member.segment), self._hear, strict=True):
                if readable is not None:
                    self.readers.add(readable, partial(hear, index))
        return True

    def close(self) -> None:
        """The sockets are given back; the addresses stay."""
        for member in self.members:
            for readable in (member.wire, member.segment):
                if readable is not None:
                    self.readers.remove(readable)
            member.close()


def _lacking(plan: MemberPlan) -> str:
    """The address that the router has to speak from, in words."""
    if plan.source is not None:
        return f"{plan.source} (`unicastSourceAddress`)"
    kind = "IPv4" if plan.family == 4 else "IPv6" if plan.peers else "link-local IPv6"
    return f"an {kind} address" if kind[0] == "I" else f"a {kind} address"
