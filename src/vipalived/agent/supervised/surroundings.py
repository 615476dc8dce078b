"""The node and the segment around keepalived: its interface, the addresses on it, and what others say of them.

The agent listens beside keepalived. It speaks only where keepalived cannot: after that has died, or for the
family that keepalived forgets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from vipalived.agent.ledger import Ledger
from vipalived.agent.member import Member, Trouble
from vipalived.agent.plan import Plan
from vipalived.net.kernel import Kernel
from vipalived.net.view import AddressChange, Change, Interface, LinkChange, View
from vipalived.vrrp.model import RESIGN, Advert, SendAdvert, Stranger
from vipalived.vrrp.packet import AuthType, IPAddress

_MORE = 1000
"""Messages that keepalived may have sent besides its advertisements."""


class Listener(Protocol):
    """Who is told."""

    def hears(self, member: int, advert: Advert) -> None:
        """Another router's advertisement, for the member with this index."""

    def sees_claim(self, address: IPAddress, mac: str) -> None:
        """Another host answers for one of the addresses."""

    def sees_stranger(self, source: IPAddress) -> None:
        """Somebody advertises the virtual router's ID who is no router of its kind."""

    def sees_change(self) -> None:
        """An address of the interface came or went."""

    def sees_interface(self) -> None:
        """The interface has come or gone."""


class Surroundings:
    """Between `open` and `close`."""

    def __init__(self, plan: Plan, ledger: Ledger, trouble: Trouble, listener: Listener) -> None:
        self._ledger, self._trouble, self._listener = ledger, trouble, listener
        self._kernel = Kernel()
        self._members = [Member(member, self._kernel, ledger, trouble) for member in plan.members]
        self._view = View({}, {})
        self._index = 0
        self._plan = plan
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Look, and be told from now on."""
        self._loop.add_reader(self._kernel, self._hear_kernel)
        self._look_again()

    def use(self, plan: Plan) -> None:
        """The plan from now on, of the same identity."""
        self._plan = plan
        for member, its in zip(self._members, plan.members, strict=True):
            member.use(its)
        self._reassess()

    def close(self) -> None:
        """Give every socket back."""
        self._close_members()
        self._loop.remove_reader(self._kernel)
        self._kernel.close()

    # addresses

    def on_interface(self) -> set[IPAddress]:
        """Every address on the interface."""
        return {address.ip for address in self._view.on(self._index)}

    def sweep(self, addresses: Iterable[IPAddress]) -> list[IPAddress]:
        """Takes these off the interface, whatever their prefix; those that were there."""
        wanted = frozenset(addresses)
        found = [address for address in self._kernel.view().on(self._index) if address.ip in wanted]
        return [address.ip for address in found if self._remove(address)]

    def _remove(self, address: Interface) -> bool:
        try:
            return self._kernel.remove(self._index, address)
        except OSError as error:
            self._trouble(f"remove {address}", f"cannot remove {address}: {error.strerror or error}")
            return False

    # the segment

    def ask(self) -> None:
        """Ask who else has the addresses; whoever answers is told of."""
        for member in self._members:
            member.ask()

    def resign(self, *, seconds_as_master: float) -> None:
        """Say for every family that this node gives its addresses away.

        For so long keepalived has counted its messages up, unheard here; with AH ours must outbid them.
        """
        for member in self._members:
            auth = member.plan.auth
            if auth is not None and auth.type is AuthType.AH:
                adverts = int(2 * seconds_as_master / member.plan.interval) + _MORE
                member.count_on(adverts * max(1, len(member.plan.peers)))
            member.carry_out(SendAdvert(RESIGN))

    def _hear_adverts(self, index: int) -> None:
        for advert, _ in self._members[index].adverts():
            if isinstance(advert, Stranger):
                self._listener.sees_stranger(advert.source)
            else:
                self._listener.hears(index, advert)

    def _hear_claims(self, index: int) -> None:
        for claim in self._members[index].claims():
            self._listener.sees_claim(claim.address, claim.mac.hex(":"))

    # the host

    def _hear_kernel(self) -> None:
        changes = self._kernel.changes()
        if changes is None:
            self._look_again()
            return
        for change in changes:
            self._view.apply(change)
        if any(self._concerns(change) for change in changes):
            self._reassess()
        if any(isinstance(change, AddressChange) and change.index == self._index for change in changes):
            self._listener.sees_change()

    def _concerns(self, change: Change) -> bool:
        if isinstance(change, AddressChange):
            return change.index == self._index and change.address.ip not in self._plan.vips
        return change.name == self._plan.interface or change.index == self._index

    def _look_again(self) -> None:
        self._view = self._kernel.view()
        self._reassess()
        self._listener.sees_change()

    def _reassess(self) -> None:
        """The interface may have come, gone, or got another address."""
        link = self._view.link(self._plan.interface)
        index = link.index if link is not None else 0
        if index != self._index:
            self._close_members()
            self._index = index
            self._listener.sees_interface()
        if link is not None and self._members[0].wire is None:
            self._open_members(link)
        for member in self._members:
            plan = member.plan
            source = plan.source or self._view.source(self._index, plan.family, self._plan.vips)
            member.speak_from(source)
            if source is not None:
                self._ledger.source(source)

    def _open_members(self, link: LinkChange) -> None:
        for index, member in enumerate(self._members):
            try:
                member.open(link.name, link.index)
            except OSError as error:
                self._trouble("open", f"cannot listen on {link.name}: {error.strerror}")
                self._close_members()
                return
            for readable, hear in ((member.wire, self._hear_adverts), (member.segment, self._hear_claims)):
                self._loop.add_reader(readable, partial(hear, index))  # type: ignore[arg-type]  # both are open

    def _close_members(self) -> None:
        for member in self._members:
            for readable in (member.wire, member.segment):
                if readable is not None:
                    self._loop.remove_reader(readable)
            member.close()
