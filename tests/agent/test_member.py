"""One address family, with sockets that remember what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, ip_address, ip_interface

import pytest
from msgspec.structs import replace

from vipalived.agent.member import Member
from vipalived.agent.plan import Departures, MemberPlan
from vipalived.net.view import AddressChange, Interface, View
from vipalived.net.wire import Received
from vipalived.vrrp.model import AddAddresses, Advert, Announce, Garp, RemoveAddresses, SendAdvert
from vipalived.vrrp.packet import Auth, AuthType, Discard, IPAddress, open_ipv4

SOURCE, PEER, THIRD = (IPv4Address(f"198.18.0.{number}") for number in (1, 2, 3))
VIP = ip_address("198.18.0.100")
PLAN = MemberPlan(
    family=4,
    vrid=51,
    version=2,
    priority=100,
    interval=1.0,
    preempt=False,
    addresses=(ip_interface("198.18.0.100/24"),),
    garp=Garp(),
)
AH = replace(PLAN, auth=Auth(AuthType.AH, b"s3cret"))
# Captured from keepalived at 198.18.0.1: its first advertisement with AH and the password "s3cret".
FIRST_AH = bytes.fromhex(
    "45c0004000010000ff3314a4c6120001e000001270040000c612000100000001bb823f0eb4a538b9694cf8e1"
    "213364010201b253c61200640000000000000000"
)


class Kernel:
    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.on_the_interface: dict[Interface, bool] = {}
        """Each with whether an agent has put it there."""

    def add(self, index: int, vip: IPAddress, lease: float) -> None:
        if ip_interface(vip) in self.on_the_interface:
            raise FileExistsError(17, "File exists")
        self.asked.append(("add", index, str(vip), lease))

    def renew(self, index: int, vip: IPAddress, lease: float) -> None:
        self.asked.append(("renew", index, str(vip), lease))

    def remove(self, index: int, vip: IPAddress) -> bool:
        self.asked.append(("remove", index, str(vip)))
        return True

    def view(self) -> View:
        found = View({}, {})
        for address, ours in self.on_the_interface.items():
            found.apply(AddressChange(True, 7, address, ours=ours))
        return found


class Wire:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, IPAddress]] = []
        self.waiting: list[bytes] = []
        self.broken = False

    def send(self, packet: bytes, _source: IPAddress, destination: IPAddress) -> None:
        if self.broken:
            raise OSError(101, "Network is unreachable")
        self.sent.append((packet, destination))

    def first_to(self, receiver: IPAddress | None) -> bytes:
        """What it hears first, by unicast or multicast."""
        return next(packet for packet, to in self.sent if to in {receiver, IPv4Address("224.0.0.18")})

    def receive(self, most: int) -> tuple[list[Received], int]:
        read, self.waiting = self.waiting[:most], self.waiting[most:]
        return [Received(open_ipv4(packet), 5.0) for packet in read], len(read)


class Segment:
    def __init__(self) -> None:
        self.announced: list[tuple[Sequence[IPAddress], int]] = []
        self.asked: list[tuple[Sequence[IPAddress], IPAddress]] = []
        self.watched: Sequence[IPAddress] = ()

    def announce(self, addresses: Sequence[IPAddress], rounds: int) -> None:
        self.announced.append((addresses, rounds))

    def ask(self, addresses: Sequence[IPAddress], source: IPAddress) -> None:
        self.asked.append((addresses, source))

    def watch(self, addresses: Sequence[IPAddress]) -> None:
        self.watched = addresses


class Ledger:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.discards: Counter[str] = Counter()
        self.sent_priorities: list[int] = []
        self.heard_from: list[tuple[IPAddress, int, float]] = []
        self.strangers: list[tuple[IPAddress, tuple[IPAddress, ...]]] = []

    def discarded(self, reason: str, _source: str) -> None:
        self.discards[reason] += 1

    def strange(self, source: IPAddress, addresses: Iterable[IPAddress]) -> None:
        self.strangers.append((source, tuple(addresses)))

    def sent(self, priority: int) -> None:
        self.sent_priorities.append(priority)

    def heard(self, source: IPAddress, priority: int, interval: float) -> None:
        self.heard_from.append((source, priority, interval))


class Stand:
    """A member at 198.18.0.1 on interface 7, with all that is around it."""

    def __init__(self, plan: MemberPlan = PLAN) -> None:
        self.kernel, self.wire, self.segment = Kernel(), Wire(), Segment()
        self.troubles: list[str] = []
        self.ledger = Ledger()
        self.member = Member(plan, self.kernel, self.ledger, self._trouble)  # type: ignore[arg-type]
        self.member.wire, self.member.segment = self.wire, self.segment  # type: ignore[assignment]
        self.member._index = 7
        self.member.speak_from(SOURCE)

    def _trouble(self, _about: str, what: str) -> None:
        self.troubles.append(what)

    def hear(self, packet: bytes) -> list[tuple[Advert, float]]:
        self.wire.waiting.append(packet)
        return self.member.adverts(10)[0]


def test_addresses_are_put_on_renewed_and_taken_off() -> None:
    stand = Stand()
    stand.member.carry_out(AddAddresses((VIP,), 3.0))
    stand.member.carry_out(AddAddresses((VIP,), 4.0))
    stand.member.carry_out(RemoveAddresses((VIP,)))
    assert stand.kernel.asked == [
        ("add", 7, "198.18.0.100", 3.0),
        ("renew", 7, "198.18.0.100", 4.0),
        ("remove", 7, "198.18.0.100"),
    ]


def test_what_a_predecessor_has_left_is_renewed_and_removed() -> None:
    stand = Stand()
    stand.kernel.on_the_interface = {ip_interface("198.18.0.100/32"): True}
    stand.member.carry_out(AddAddresses((VIP,), 3.0))
    assert stand.member.held == {VIP}
    stand.member.held.clear()
    stand.member.carry_out(RemoveAddresses((VIP,)))
    assert stand.kernel.asked == [("renew", 7, "198.18.0.100", 3.0), ("remove", 7, "198.18.0.100")]


def test_an_address_of_the_host_is_neither_renewed_nor_removed() -> None:
    stand = Stand()
    stand.kernel.on_the_interface = {ip_interface("198.18.0.100/32"): False}
    stand.member.carry_out(AddAddresses((VIP,), 3.0))
    stand.member.carry_out(RemoveAddresses((VIP,)))
    assert (stand.kernel.asked, stand.member.held) == ([], set())
    assert stand.troubles == ["cannot add 198.18.0.100: File exists"]


def test_an_address_that_a_reload_took_away_is_removed() -> None:
    stand = Stand()
    stand.member.carry_out(AddAddresses((VIP,), 3.0))
    stand.member.use(replace(PLAN, addresses=(ip_interface("198.18.0.101/24"),)))
    stand.member.carry_out(RemoveAddresses((VIP,)))
    assert stand.kernel.asked[1:] == [("remove", 7, "198.18.0.100")]
    assert stand.segment.watched == (ip_address("198.18.0.101"),)


def test_an_announcement_is_for_all_addresses() -> None:
    stand = Stand()
    stand.member.carry_out(Announce((VIP,), 2))
    assert stand.segment.announced == [((VIP,), 2)]


def test_a_question_is_for_all_addresses() -> None:
    stand = Stand()
    stand.member.ask()
    assert stand.segment.asked == [((VIP,), SOURCE)]
    stand.member.speak_from(None)
    stand.member.ask()
    assert len(stand.segment.asked) == 1


def test_ah_is_byte_for_byte_what_keepalived_sends_and_counts_on() -> None:
    stand = Stand(AH)
    stand.member.carry_out(SendAdvert(100))
    stand.member.carry_out(SendAdvert(100))
    (first, destination), (second, _) = stand.wire.sent
    # The kernel fills the header's checksum in.
    assert first[:10] + first[12:] == FIRST_AH[:10] + FIRST_AH[12:]
    assert destination == IPv4Address("224.0.0.18")
    assert int.from_bytes(second[28:32]) == 2


@pytest.mark.parametrize(("pseudo_header", "sum_"), [(True, "fd7f"), (False, "a422")])
def test_one_value_chooses_the_checksum_of_rfc_9568(pseudo_header: bool, sum_: str) -> None:
    """With the pseudo-header it is a capture of keepalived's; without, the sum was worked out by hand."""
    chosen = Departures(checksum_pseudo_header=pseudo_header)
    stand = Stand(replace(PLAN, version=3, interval=0.5, departures=chosen))
    stand.member.carry_out(SendAdvert(100))
    assert stand.wire.sent[0][0][20:].hex() == f"313364010032{sum_}c6120064"


def test_who_hears_a_sequence_number_goes_on_from_it() -> None:
    sender, stand = Stand(AH), Stand(AH)
    for _ in range(6):
        sender.member.carry_out(SendAdvert(100))
    stand.member.speak_from(PEER)
    assert [priority.priority for priority, _ in stand.hear(sender.wire.sent[-1][0])] == [100]
    stand.member.carry_out(SendAdvert(100))
    assert int.from_bytes(stand.wire.sent[0][0][28:32]) == 7
    assert stand.hear(sender.wire.sent[0][0]) == []
    assert stand.ledger.discards == {Discard.SEQUENCE: 1}


@pytest.mark.parametrize("peers", [frozenset(), frozenset({PEER, SOURCE, THIRD})])
def test_who_speaks_at_the_same_moment_is_heard_though_its_number_is_the_same(
    peers: frozenset[IPAddress],
) -> None:
    one, other, before = (Stand(replace(AH, peers=peers)) for _ in range(3))
    other.member.speak_from(PEER)
    before.member.speak_from(THIRD)
    before.member.carry_out(SendAdvert(0))
    for stand in (one, other):
        assert stand.hear(before.wire.first_to(stand.member.source))
        stand.member.carry_out(SendAdvert(100))
    for stand, sender in ((one, other), (other, one)):
        content = sender.wire.first_to(stand.member.source)
        assert [advert.priority for advert, _ in stand.hear(content)] == [100]
        # But once only, and nothing of before what this node has said last.
        assert stand.hear(content) == []
        stand.member.carry_out(SendAdvert(100))
        assert stand.hear(content) == []
        assert stand.ledger.discards == {Discard.SEQUENCE: 2}


def test_what_was_heard_is_an_event_with_the_time_of_its_arrival() -> None:
    sender, stand = Stand(), Stand()
    sender.member.carry_out(SendAdvert(0))
    stand.member.speak_from(PEER)
    assert stand.hear(sender.wire.sent[0][0]) == [(Advert(0, 1.0, SOURCE), 5.0)]
    assert stand.ledger.heard_from == [(SOURCE, 0, 1.0)]
    assert sender.ledger.sent_priorities == [0]


def test_who_lists_other_addresses_is_told_of() -> None:
    other = ip_interface("198.18.0.77/24")
    for addresses in ((other,), (*PLAN.addresses, other)):
        sender, stand = Stand(replace(PLAN, addresses=addresses)), Stand()
        sender.member.carry_out(SendAdvert(100))
        stand.member.speak_from(PEER)
        [(advert, _)] = stand.hear(sender.wire.sent[0][0])
        assert isinstance(advert, Advert)
        assert advert.strange is (len(addresses) == 1)
        assert stand.ledger.strangers == [(SOURCE, tuple(address.ip for address in addresses))]


def test_rubbish_is_counted() -> None:
    stand = Stand()
    assert stand.hear(b"rubbish") == []
    assert stand.hear(FIRST_AH) == []  # from 198.18.0.1, which is this node
    assert stand.ledger.discards == {Discard.IP_HEADER: 1, Discard.OWN_SOURCE: 1}


def test_every_peer_gets_a_copy() -> None:
    peers = frozenset({SOURCE, PEER, THIRD})
    stand = Stand(replace(PLAN, peers=peers))
    stand.member.carry_out(SendAdvert(100))
    assert [destination for _, destination in stand.wire.sent] == [PEER, THIRD]


def test_what_cannot_be_sent_is_told_and_the_rest_is_done() -> None:
    stand = Stand()
    stand.wire.broken = True
    stand.member.carry_out(SendAdvert(100))
    stand.member.carry_out(AddAddresses((VIP,), 3.0))
    assert stand.troubles == ["cannot advertise to 224.0.0.18: Network is unreachable"]
    assert len(stand.kernel.asked) == 1


def test_advertisements_that_nobody_got_are_counted_in_a_row() -> None:
    stand = Stand()
    for broken, failures in ((True, 1), (True, 2), (False, 0), (True, 1)):
        stand.wire.broken = broken
        stand.member.carry_out(SendAdvert(100))
        assert stand.member.failures == failures


def test_it_says_when_there_may_be_more_to_read() -> None:
    stand = Stand()
    stand.wire.waiting = [b"", b"", b""]
    assert stand.member.adverts(3) == ([], True)
    assert stand.member.adverts(3) == ([], False)


@pytest.mark.parametrize("action", [SendAdvert(100), Announce((VIP,), 1)])
def test_without_an_interface_nothing_is_sent_and_nothing_complains(action: SendAdvert | Announce) -> None:
    stand = Stand()
    stand.member.wire = stand.member.segment = None
    stand.member.carry_out(action)
    assert stand.troubles == []
