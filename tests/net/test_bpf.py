"""The kernel itself runs the filters, on a Unix socket: it gives a filter what was sent, from byte 0."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from vipalived.net import bpf
from vipalived.net.bpf import Instruction

# Captured from keepalived: VRID 51, priority 100, once as VRRPv2 behind an AH header.
VRRP = bytes.fromhex("213364010001b453c61200640000000000000000")
AH_PACKET = bytes.fromhex(
    "45c0004000010000ff3314a4c6120001e000001270040000c612000100000001bb823f0eb4a538b9694cf8e1"
    "213364010201b253c61200640000000000000000"
)
IPV4 = bytes.fromhex("45c000280001000000700000c6120001e0000012")
IPV4_WITH_OPTION = bytes.fromhex("46c0002c0001000000700000c6120001e000001294040000")
ARP = bytes.fromhex(
    "ffffffffffff020000000001080600010800060400010200000000 01c6120064ffffffffffffc6120064".replace(" ", "")
)
NA = bytes.fromhex(
    "333300000001020000000001 86dd 6000000000203aff"
    "20010db8000000000000000000000100 ff020000000000000000000000000001"
    "8800000020000000 20010db8000000000000000000000100 0201020000000001"
)
NEWADDR, DELADDR, NEWLINK = 20, 21, 16
VIP4, OTHER4 = IPv4Address("198.18.0.100"), IPv4Address("198.18.0.101")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    far.setblocking(False)
    with near, far:
        yield near, far


def passes(pair: tuple[socket.socket, socket.socket], program: list[Instruction], data: bytes) -> bool:
    near, far = pair
    bpf.attach(far, program)
    try:
        near.send(data)  # some kernels tell the sender that the filter refused, others drop it
        return far.recv(4096) == data
    except (PermissionError, BlockingIOError):
        return False


@pytest.mark.parametrize(("vrid", "expected"), [(51, True), (50, False)])
def test_only_the_virtual_router_of_its_own(
    pair: tuple[socket.socket, socket.socket], vrid: int, expected: bool
) -> None:
    assert passes(pair, bpf.vrid_ipv4(vrid), IPV4 + VRRP) is expected
    assert passes(pair, bpf.vrid_ipv4(vrid), IPV4_WITH_OPTION + VRRP) is expected
    assert passes(pair, bpf.vrid_ipv4(vrid, ah=True), AH_PACKET) is expected
    assert passes(pair, bpf.vrid_ipv6(vrid), VRRP) is expected


def test_what_is_too_short_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    assert not passes(pair, bpf.vrid_ipv4(51), IPV4 + VRRP[:1])
    assert not passes(pair, bpf.vrid_ipv6(51), VRRP[:1])
    assert not passes(pair, bpf.arp_from([VIP4]), ARP[:30])
    assert not passes(pair, bpf.neighbour_advertisements(), NA[:54])


def test_arp_whose_sender_has_one_of_the_addresses(pair: tuple[socket.socket, socket.socket]) -> None:
    assert passes(pair, bpf.arp_from([VIP4]), ARP)
    assert passes(pair, bpf.arp_from([OTHER4, VIP4]), ARP)
    assert not passes(pair, bpf.arp_from([OTHER4]), ARP)


def test_neighbour_advertisements_and_no_other_icmpv6(pair: tuple[socket.socket, socket.socket]) -> None:
    program = bpf.neighbour_advertisements()
    solicitation = NA[:54] + b"\x87" + NA[55:]
    udp = NA[:20] + b"\x11" + NA[21:]
    assert passes(pair, program, NA)
    assert not passes(pair, program, solicitation)
    assert not passes(pair, program, udp)
    # A filter that grows with the addresses does not fit where `net.core.optmem_max` is small.
    assert len(program) < 10


def test_who_is_without_a_filter_hears_everything(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    bpf.attach(far, bpf.vrid_ipv6(51))
    bpf.detach(far)
    near.send(b"anything")
    assert far.recv(100) == b"anything"
    bpf.detach(far)  # there is none, and that is well


ETHERNET = bytes.fromhex("01005e000012 020000000001 0800".replace(" ", ""))
ETHERNET6 = bytes.fromhex("333300000012 020000000001 86dd".replace(" ", ""))
IPV6 = bytes.fromhex("6c00000000 1470ff".replace(" ", "")) + bytes(32)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (ETHERNET + IPV4 + VRRP, True),
        (ETHERNET + IPV4_WITH_OPTION + VRRP, True),
        (ETHERNET + AH_PACKET, True),
        (ETHERNET6 + IPV6 + VRRP, True),
        (ETHERNET + AH_PACKET[:20] + b"\x11" + AH_PACKET[21:], False),  # UDP behind AH
        (ETHERNET + AH_PACKET[:20], False),
        (ETHERNET + IPV4[:9] + b"\x11" + IPV4[10:] + VRRP, False),
        (ETHERNET6 + IPV6[:6] + b"\x3a" + IPV6[7:] + VRRP, False),
        (ETHERNET6 + IPV6[:6] + b"\x33" + IPV6[7:] + VRRP, False),
        (ETHERNET[:12] + bytes.fromhex("81000007 0800".replace(" ", "")) + IPV4 + VRRP, False),  # VLAN 7
        (ARP, False),
        (NA, False),
        (ETHERNET[:13], False),
    ],
)
def test_vrrp_of_every_kind_and_nothing_else(
    pair: tuple[socket.socket, socket.socket], frame: bytes, expected: bool
) -> None:
    assert passes(pair, bpf.vrrp(), frame) is expected


@pytest.mark.parametrize(
    ("kind", "flags", "expected"),
    [
        (NEWADDR, 0x20, False),  # IFA_F_DEPRECATED
        (NEWADDR, 0xA0, False),  # and IFA_F_PERMANENT
        (NEWADDR, 0x81, True),
        (DELADDR, 0x20, True),
        (NEWLINK, 0x20, True),
    ],
)
def test_renewals_of_leases_pass_by(
    pair: tuple[socket.socket, socket.socket], kind: int, flags: int, expected: bool
) -> None:
    message = struct.pack("=LHHLL", 24, kind, 0, 0, 0) + struct.pack("=BBBBL", 2, 24, flags, 0, 7)
    assert passes(pair, bpf.no_renewals(), message) is expected
