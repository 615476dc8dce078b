"""The sockets of one end of a link, and what the other end sends: in namespaces of each test's own."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from tests.net.test_kernel import alone, ip, wait
from vipalived.net import bpf
from vipalived.net.kernel import Kernel
from vipalived.net.segment import Segment
from vipalived.net.wire import Wire
from vipalived.vrrp import packet
from vipalived.vrrp.frames import gratuitous_arp, unsolicited_na
from vipalived.vrrp.packet import Advertisement

pytestmark = pytest.mark.netns

VIP, VIP6 = ip_address("198.18.0.100"), ip_address("2001:db8::100")
OTHER = bytes.fromhex("0200000000ff")


def far() -> socket.socket:
    """The other end of the link."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.bind(("v1", 0))
    return end


def advert(priority: int = 100, identification: int = 1) -> bytes:
    """An Ethernet frame with an advertisement from 198.18.0.2."""
    made = Advertisement(version=3, vrid=51, priority=priority, interval=1.0, addresses=(VIP,))
    datagram = packet.encode_ipv4(
        made, ip_address("198.18.0.2"), packet.GROUP_V4, identification=identification
    )
    return bytes.fromhex("01005e000012") + OTHER + b"\x08\x00" + datagram


@alone
def test_copies_of_a_packet_are_one(kernel: Kernel, index: int) -> None:
    ip("address add 198.18.0.1/24 dev v0")
    wire, end = Wire("v0", index, 51, 4), far()
    for frame in [advert()] * 40 + [advert(identification=2)]:
        end.send(frame)
    received, read = wire.receive(30)
    assert (len(received), read) == (1, 30)
    received, read = wire.receive(30)
    assert (len(received), read) == (2, 11)
    assert wire.receive(30) == ([], 0)


@alone
def test_an_older_kernel_will_do(kernel: Kernel, index: int) -> None:
    """Linux 4.18 has no SO_TIMESTAMPNS_NEW and no IPV6_MULTICAST_ALL; without a stamp the time is that of reading."""
    ip("address add 198.18.0.1/24 dev v0")
    real = socket.socket.setsockopt
    for missing in ({64, 29}, {64, 35, 29, 49}):

        def older(
            self: socket.socket, level: int, option: int, value: Any, missing: set[tuple[int, int]] = missing
        ) -> None:
            if (level, option) in missing:
                raise OSError(92, "Protocol not available")
            real(self, level, option, value)

        socket.socket.setsockopt = older  # type: ignore[method-assign, assignment]
        try:
            wire = Wire("v0", index, 51, 4)
            Wire("v0", index, 51, 6).close()
        finally:
            socket.socket.setsockopt = real  # type: ignore[method-assign]
        far().send(advert())
        (received,), _ = wire.receive(10)
        assert received.arrived > 0
        wire.close()


@alone
def test_what_was_sent_to_one_other_host_or_came_back_is_nobodys_claim(kernel: Kernel, index: int) -> None:
    ip("link set v0 promisc on")
    segment, end = Segment("v0", [VIP]), far()
    claim = gratuitous_arp(VIP, OTHER)  # type: ignore[arg-type]
    end.send(b"\x02\x00\x00\x00\x00\xaa" + claim[6:])  # to a third host
    end.send(gratuitous_arp(VIP, segment.mac))  # type: ignore[arg-type]  # our own, by a loop
    end.send(claim[:12] + bytes.fromhex("81000007") + claim[12:])  # of a VLAN
    end.send(claim)
    frames: list[bytes] = []

    def heard() -> bool:
        frames.extend(segment.read(10)[0])
        return claim in frames

    wait(heard, 1.0)
    assert [found for frame in frames if (found := segment.claim(frame)) is not None] == [
        segment.claim(claim)
    ]
    segment.close()


@alone
def test_without_room_for_a_filter_it_hears_all_the_same(kernel: Kernel, index: int) -> None:
    real = bpf.attach

    def refuse(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    bpf.attach = refuse
    try:
        segment = Segment("v0", [VIP6])
        segment.watch([VIP6])
    finally:
        bpf.attach = real
    end = far()
    end.send(unsolicited_na(ip_address("2001:db8::101"), OTHER, router=False))  # type: ignore[arg-type]
    end.send(unsolicited_na(VIP6, OTHER, router=False))  # type: ignore[arg-type]
    frames = segment.read(10)[0]
    assert [str(found.address) for frame in frames if (found := segment.claim(frame))] == ["2001:db8::100"]
    segment.close()


@alone
def test_as_many_ipv6_addresses_as_an_advertisement_holds(kernel: Kernel, index: int) -> None:
    many = [ip_address(int(VIP6) + number) for number in range(255)]
    segment = Segment("v0", many)
    segment.watch([*many[1:], ip_address("2001:db8::9:9")])
    segment.close()
