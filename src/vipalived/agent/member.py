"""One address family of the virtual router: the state machine's actions carried out, packets made events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address

from msgspec.structs import replace

from vipalived.agent.ledger import Ledger
from vipalived.agent.plan import MemberPlan
from vipalived.net.kernel import Kernel
from vipalived.net.segment import Segment
from vipalived.net.wire import Received, Wire
from vipalived.vrrp import packet
from vipalived.vrrp.frames import Claim
from vipalived.vrrp.model import (
    AddAddresses,
    Advert,
    Announce,
    Config,
    RemoveAddresses,
    SendAdvert,
    Stranger,
)
from vipalived.vrrp.packet import STRANGE, Advertisement, AuthType, Discard, IPAddress

Trouble = Callable[[str, str], None]
"""Tells of what went wrong: what it is about, and the sentence."""


class Member:
    """The sockets are there between `open` and `close`; without them sending is in vain and no error."""

    def __init__(self, plan: MemberPlan, kernel: Kernel, ledger: Ledger, trouble: Trouble) -> None:
        self._kernel, self._ledger, self._trouble = kernel, ledger, trouble
        self.held: set[IPAddress] = set()
        self.expected: Counter[IPAddress] = Counter()
        """Removals that the kernel will tell of, and that do not matter."""
        self.source: IPAddress | None = None
        self.wire: Wire | None = None
        self.segment: Segment | None = None
        self.failures = 0
        """Advertisements in a row that could not be sent to anybody."""
        self._index = 0
        self._identification = 0
        self._sequence = self._refused = 0
        """AH numbers: the highest one seen or sent, and the one up to which none is accepted."""
        self.use(plan)

    def use(self, plan: MemberPlan) -> None:
        """The plan from now on."""
        self.plan = plan
        if self.segment is not None:
            self.segment.watch(plan.vips)
        self._apply()

    def speak_from(self, source: IPAddress | None) -> None:
        """The source address from now on."""
        self.source = source
        self._apply()

    def _apply(self) -> None:
        # Never sent: without a source address the state machine is told that there is no link.
        nobody: IPAddress = IPv4Address(0) if self.plan.family == 4 else IPv6Address(0)
        self.config: Config = self.plan.config(self.source or nobody)
        self._policy = self.plan.policy(self.source or nobody)
        self._listed = frozenset(self.plan.vips)
        # The link-local address of an IPv6 virtual router goes by its ID, and so is the same for strangers.
        self._known = {vip for vip in self.plan.vips if not vip.is_link_local} or set(self.plan.vips)

    def open(self, interface: str, index: int) -> None:
        """Sockets on an interface; raises OSError."""
        ah = self.plan.auth is not None and self.plan.auth.type is AuthType.AH
        self._index, self.failures = index, 0
        self.wire = Wire(interface, index, self.plan.vrid, self.plan.family, ah=ah)
        self.segment = Segment(interface, self.plan.vips)

    def leave(self) -> None:
        """Takes its addresses off the interface that it leaves for another one, if that is there still."""
        for address in tuple(self.held):
            self._take_off(address)
        self.held.clear()

    def close(self) -> None:
        """The interface is gone."""
        for one in (self.wire, self.segment):
            if one is not None:
                one.close()
        self.wire = self.segment = None

    def adverts(self, most: int) -> tuple[list[tuple[Advert | Stranger, float]], bool]:
        """The advertisements that have come and pass every check, or that strangers sent, with the time of each.

        Of at most so many packets; and whether there may be more.
        """
        packets, read = self.wire.receive(most) if self.wire is not None else ([], 0)
        heard = (self._accepted(packet) for packet in packets)
        return [one for one in heard if one is not None], read == most

    def _accepted(self, received: Received) -> tuple[Advert | Stranger, float] | None:
        content = received.content
        if isinstance(content, Discard):
            self._ledger.discarded(content, "somebody")
            return None
        accepted = packet.decode(content, replace(self._policy, sequence=self._refused))
        if isinstance(accepted, Discard):
            self._ledger.discarded(accepted, str(content.source))
            return (Stranger(content.source), received.arrived) if accepted in STRANGE else None
        self._sequence = max(self._sequence, accepted.sequence)
        self._refused = max(self._refused, accepted.sequence)
        advert = accepted.advertisement
        self._ledger.heard(accepted.source, advert.priority, advert.interval)
        if self._listed != frozenset(advert.addresses):
            self._ledger.strange(accepted.source, advert.addresses)
        strange = self._known.isdisjoint(advert.addresses)
        return Advert(advert.priority, advert.interval, accepted.source, strange), received.arrived

    def claims(self, most: int) -> tuple[list[Claim], bool]:
        """What other hosts say about our addresses, in at most so many frames; and whether there may be more."""
        if self.segment is None:
            return [], False
        frames, read = self.segment.read(most)
        claims = map(self.segment.claim, frames)
        return [claim for claim in claims if claim is not None], read == most

    def ask(self) -> None:
        """Ask the segment who else has the addresses."""
        if self.segment is not None and self.source is not None:
            with self._telling("ask who has its addresses"):
                self.segment.ask(self.plan.vips, self.source)

    def carry_out(self, action: SendAdvert | AddAddresses | RemoveAddresses | Announce) -> None:
        """Does it; what cannot be done is told, and does not keep the rest from being done."""
        match action:
            case SendAdvert():
                self._send(action.priority)
            case AddAddresses():
                for address in action.addresses:
                    self._put(address, action.lease)
            case RemoveAddresses():
                for address in action.addresses:
                    self._take_off(address)
            case Announce() if self.segment is not None:
                with self._telling("announce its addresses"):
                    self.segment.announce(action.addresses, action.rounds)
            case _:
                pass

    def _send(self, priority: int) -> None:
        if self.wire is None or self.source is None:
            return
        plan, source = self.plan, self.source
        advertisement = Advertisement(
            version=plan.version,
            vrid=plan.vrid,
            priority=priority,
            interval=plan.interval,
            addresses=plan.vips,
        )
        group: IPAddress = packet.GROUP_V4 if plan.family == 4 else packet.GROUP_V6
        sent = False
        # Who claims at the same moment has the same number: were that one refused, too, both would be Masters.
        self._refused, self._sequence = self._sequence, self._sequence + 1
        for destination in sorted(self._policy.peers) if plan.peers else (group,):
            with self._telling(f"advertise to {destination}"):
                self.wire.send(self._packet(advertisement, source, destination), source, destination)
                self._ledger.sent(priority)
                sent = True
        self.failures = 0 if sent else self.failures + 1

    def _packet(self, advertisement: Advertisement, source: IPAddress, destination: IPAddress) -> bytes:
        if not (isinstance(source, IPv4Address) and isinstance(destination, IPv4Address)):
            return packet.encode(advertisement, source, destination)
        self._identification = self._identification % 0xFFFF + 1
        return packet.encode_ipv4(
            advertisement,
            source,
            destination,
            auth=self.plan.auth,
            pseudo_header=self.plan.departures.checksum_pseudo_header,
            identification=self._identification,
            sequence=self._sequence,
        )

    def _put(self, address: IPAddress, lease: float) -> None:
        with self._telling(f"add {address}"):
            known = address in self.held
            self.held.discard(address)
            if known or not self._added(address, lease):
                self._kernel.renew(self._index, address, lease)
            self.held.add(address)

    def _added(self, address: IPAddress, lease: float) -> bool:
        """Whether it was not there yet: what a predecessor has left may be renewed, what is the host's own may not."""
        try:
            self._kernel.add(self._index, address, lease)
        except FileExistsError:
            if not self._left(address):
                raise
            return False
        return True

    def put_last(self) -> None:
        """Behind the addresses of the host's own: the first one of an interface is taken as a source address."""
        for address in self.held if self.plan.family == 4 else ():
            with self._telling(f"move {address} behind this node's own address"):
                self.expected[address] += self._kernel.remove(self._index, address)
                self._kernel.add(self._index, address, self.config.lease)

    def _take_off(self, address: IPAddress) -> None:
        with self._telling(f"remove {address}"):
            if address in self.held or self._left(address):
                self.held.discard(address)
                self._kernel.remove(self._index, address)

    def _left(self, address: IPAddress) -> bool:
        return bool(self._kernel.view().left(self._index, {address}))

    @contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._trouble(doing, f"cannot {doing}: {error.strerror or error}")
