"""The Ethernet frames that tell a segment who holds an address, and reading other people's.

Gratuitous ARP (RFC 9568 section 8.1.2) and unsolicited neighbour advertisements (section 8.2.2), field by
field as keepalived and FRR send them.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from msgspec import Struct

from vipalived.vrrp.packet import IPAddress, checksum

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD
BROADCAST: Final = b"\xff" * 6
_ALL_NODES: Final = IPv6Address("ff02::1")
_ALL_NODES_MAC: Final = bytes.fromhex("333300000001")
_SOLICITED_NODES: Final = IPv6Address("ff02::1:ff00:0").packed[:-3]
_SOLICITED_NODES_MAC: Final = bytes.fromhex("3333ff")
_SOURCE_LINK_LAYER_ADDRESS, _TARGET_LINK_LAYER_ADDRESS = 1, 2
_ETHERNET = struct.Struct(">6s6sH")
_ARP = struct.Struct(">HHBBH6s4s6s4s")
_ARP_HEAD = (1, 0x0800, 6, 4)
_IPV6 = struct.Struct(">LHBB16s16s")
_ND = struct.Struct(">BBHL16sBB6s")
_ICMPV6 = 58
_NEIGHBOUR_SOLICITATION, _NEIGHBOUR_ADVERTISEMENT = 135, 136
_ROUTER, _SOLICITED, _OVERRIDE = 0x80000000, 0x40000000, 0x20000000


class Claim(Struct, frozen=True):
    """Somebody said that `address` is at `mac`; `unasked` when nobody had asked for it."""

    address: IPAddress
    mac: bytes
    unasked: bool


def virtual_mac(vrid: int, address: IPAddress) -> bytes:
    """The virtual router MAC address for the family of `address` (RFC 9568 section 7.3)."""
    return bytes((0, 0, 0x5E, 0, 1 if address.version == 4 else 2, vrid))


def announcement(address: IPAddress, mac: bytes, *, router: bool = False) -> bytes:
    """The frame that moves `address` to `mac` in everybody's cache; `router` is the NA's R flag."""
    if isinstance(address, IPv4Address):
        return gratuitous_arp(address, mac)
    return unsolicited_na(address, mac, router=router)


def gratuitous_arp(address: IPv4Address, mac: bytes) -> bytes:
    """An ARP request for one's own address, to everybody."""
    head = _ETHERNET.pack(BROADCAST, mac, ETHERTYPE_ARP)
    return head + _ARP.pack(*_ARP_HEAD, 1, mac, address.packed, BROADCAST, address.packed)


def unsolicited_na(address: IPv6Address, mac: bytes, *, router: bool) -> bytes:
    """A neighbour advertisement from the address itself to all nodes: S=0, O=1, R as the node forwards."""
    flags = _OVERRIDE | (_ROUTER if router else 0)
    packet = _neighbour_packet(
        address, _ALL_NODES, _NEIGHBOUR_ADVERTISEMENT, flags, address, _TARGET_LINK_LAYER_ADDRESS, mac
    )
    return _ETHERNET.pack(_ALL_NODES_MAC, mac, ETHERTYPE_IPV6) + packet


def question(address: IPAddress, mac: bytes, source: IPAddress) -> bytes:
    """The frame that asks everybody but ourselves who has `address`; the answer comes to `mac` alone.

    ARP asks as RFC 5227 does, for nobody. IPv6 must ask from an address of its own: an answer to `::` goes to
    all nodes, and moves the address in their caches to whoever answers.
    """
    if isinstance(address, IPv4Address) or isinstance(source, IPv4Address):
        head = _ETHERNET.pack(BROADCAST, mac, ETHERTYPE_ARP)
        return head + _ARP.pack(*_ARP_HEAD, 1, mac, bytes(4), bytes(6), address.packed)
    last = address.packed[-3:]
    group = IPv6Address(_SOLICITED_NODES + last)
    packet = _neighbour_packet(
        source, group, _NEIGHBOUR_SOLICITATION, 0, address, _SOURCE_LINK_LAYER_ADDRESS, mac
    )
    return _ETHERNET.pack(_SOLICITED_NODES_MAC + last, mac, ETHERTYPE_IPV6) + packet


def _neighbour_packet(
    source: IPv6Address, to: IPv6Address, kind: int, flags: int, target: IPv6Address, option: int, mac: bytes
) -> bytes:
    """Neighbour discovery with its one option (RFC 4861 sections 4.3 and 4.4)."""
    fields = (flags, target.packed, option, 1, mac)
    pseudo = source.packed + to.packed + struct.pack(">LL", _ND.size, _ICMPV6)
    value = checksum(pseudo + _ND.pack(kind, 0, 0, *fields))
    ipv6 = _IPV6.pack(6 << 28, _ND.size, _ICMPV6, 255, source.packed, to.packed)
    return ipv6 + _ND.pack(kind, 0, value, *fields)


def parse(frame: bytes) -> Claim | None:
    """The claim that an Ethernet frame makes, if it is ARP or a neighbour advertisement; never raises."""
    if len(frame) < _ETHERNET.size:
        return None
    _, source, ethertype = _ETHERNET.unpack_from(frame)
    body = frame[_ETHERNET.size :]
    if ethertype == ETHERTYPE_ARP:
        return parse_arp(body)
    return parse_na(body, source) if ethertype == ETHERTYPE_IPV6 else None


def parse_arp(body: bytes) -> Claim | None:
    """The sender of an ARP packet; a probe (RFC 5227) has none."""
    if len(body) < _ARP.size:
        return None
    *head, _, mac, sender, _, target = _ARP.unpack_from(body)
    if tuple(head) != _ARP_HEAD or sender == bytes(4):
        return None
    return Claim(IPv4Address(sender), mac, sender == target)


def parse_na(body: bytes, source: bytes) -> Claim | None:
    """The target of a neighbour advertisement that never left the link (RFC 4861 section 7.1.2)."""
    if len(body) < _IPV6.size + 24:
        return None
    _, length, next_header, hop_limit, sender, destination = _IPV6.unpack_from(body)
    message = body[_IPV6.size : _IPV6.size + length]
    if (next_header, hop_limit) != (_ICMPV6, 255) or len(message) < max(24, length):
        return None
    kind, code, _, flags, target = struct.unpack_from(">BBHL16s", message)
    pseudo = sender + destination + struct.pack(">LL", length, _ICMPV6)
    if (kind, code) != (_NEIGHBOUR_ADVERTISEMENT, 0) or checksum(pseudo + message) != 0:
        return None
    # Only the first option is read: an NA has one, and the Ethernet source stands in for another order.
    option = message[24:32]
    mac = option[2:] if option[:2] == b"\x02\x01" and len(option) == 8 else source
    return Claim(IPv6Address(target), mac, not flags & _SOLICITED)
