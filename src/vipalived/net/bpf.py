"""Classic BPF programs: what the kernel must not wake this process for.

A filter saves time, it is no check: packets that came before it was attached are still delivered.
"""

from __future__ import annotations

import array
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

from vipalived.vrrp.frames import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from vipalived.vrrp.packet import PROTOCOL, PROTOCOL_AH

Instruction = tuple[int, int, int, int]
"""Operation, how many to skip when true, when false, operand."""

_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _LOAD_BYTE_INDEXED = 0x20, 0x28, 0x30, 0x50
_INDEX_IPV4_HEADER = 0xB1
_EQUAL, _ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_ACCEPT: Instruction = (_RETURN, 0, 0, 0xFFFF)
_REJECT: Instruction = (_RETURN, 0, 0, 0)

_VRID = 1
_AH_BYTES = 24
_ETHERTYPE = 12
_VLAN_TAG_PRESENT = 0xFFFFF000 + 48  # SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT, linux/filter.h
_IPV4_PROTOCOL = 14 + 9
_ARP_SENDER = 14 + 14
_NEXT_HEADER, _ICMPV6 = 14 + 6, 58
_ICMPV6_TYPE, _NEIGHBOUR_ADVERTISEMENT = 14 + 40, 136
# The type is 16 bits of the host's own order, and small; linux/netlink.h, linux/if_addr.h.
_NETLINK_TYPE, _NEWADDR = 4 + (sys.byteorder == "big"), 20
_IFA_FLAGS, _DEPRECATED = 16 + 2, 0x20


_UNTAGGED: Final[list[Instruction]] = [(_LOAD_BYTE, 0, 0, _VLAN_TAG_PRESENT), (_EQUAL, 1, 0, 0), _REJECT]
"""A VLAN above an interface is a segment of its own, and has an interface of its own."""


def vrid_ipv4(vrid: int, *, ah: bool = False) -> list[Instruction]:
    """For a raw IPv4 socket, which sees the IP header: only this virtual router's advertisements."""
    return [
        (_INDEX_IPV4_HEADER, 0, 0, 0),
        (_LOAD_BYTE_INDEXED, 0, 0, _VRID + (_AH_BYTES if ah else 0)),
        (_EQUAL, 0, 1, vrid),
        _ACCEPT,
        _REJECT,
    ]


def vrid_ipv6(vrid: int) -> list[Instruction]:
    """For a raw IPv6 socket, which sees the payload: only this virtual router's advertisements."""
    return [(_LOAD_BYTE, 0, 0, _VRID), (_EQUAL, 0, 1, vrid), _ACCEPT, _REJECT]


def ip_protocols(family: int, protocols: Iterable[int]) -> list[Instruction]:
    """For a packet socket without link headers: only IP packets whose protocol, or next header, is one of these."""
    program: list[Instruction] = [(_LOAD_BYTE, 0, 0, 9 if family == 4 else 6)]
    for protocol in protocols:
        program += [(_EQUAL, 0, 1, protocol), _ACCEPT]
    return [*program, _REJECT]


def arp_from(addresses: Iterable[IPv4Address]) -> list[Instruction]:
    """For a packet socket bound to ARP: only what one of these addresses is the sender of, and no VLAN's."""
    program: list[Instruction] = [*_UNTAGGED, (_LOAD_WORD, 0, 0, _ARP_SENDER)]
    for address in addresses:
        program += [(_EQUAL, 0, 1, int(address)), _ACCEPT]
    return [*program, _REJECT]


def neighbour_advertisements() -> list[Instruction]:
    """For a packet socket bound to IPv6: only neighbour advertisements, and no VLAN's.

    Whose they are is not asked here: a filter that grows with the addresses outgrows what a socket may have
    (`net.core.optmem_max`; 40 addresses with the 20 KiB of many kernels).
    """
    return [
        *_UNTAGGED,
        (_LOAD_BYTE, 0, 0, _NEXT_HEADER),
        (_EQUAL, 0, 3, _ICMPV6),
        (_LOAD_BYTE, 0, 0, _ICMPV6_TYPE),
        (_EQUAL, 0, 1, _NEIGHBOUR_ADVERTISEMENT),
        _ACCEPT,
        _REJECT,
    ]


def vrrp() -> list[Instruction]:
    """For a packet socket bound to everything: IP protocol 112, with and without AH, but not of the VLANs above.

    Those are segments of their own, and have interfaces of their own to listen on.
    """
    return [
        (_LOAD_BYTE, 0, 0, _VLAN_TAG_PRESENT),
        (_EQUAL, 0, 12, 0),
        (_LOAD_HALF, 0, 0, _ETHERTYPE),
        (_EQUAL, 0, 2, ETHERTYPE_IPV6),
        (_LOAD_BYTE, 0, 0, _NEXT_HEADER),
        (_EQUAL, 7, 8, PROTOCOL),
        (_EQUAL, 0, 7, ETHERTYPE_IPV4),
        (_LOAD_BYTE, 0, 0, _IPV4_PROTOCOL),
        (_EQUAL, 4, 0, PROTOCOL),
        (_EQUAL, 0, 4, PROTOCOL_AH),
        (_INDEX_IPV4_HEADER, 0, 0, 14),
        (_LOAD_BYTE_INDEXED, 0, 0, 14),
        (_EQUAL, 0, 1, PROTOCOL),
        _ACCEPT,
        _REJECT,
    ]


def no_renewals() -> list[Instruction]:
    """For a routing socket: all news but that a deprecated address is there, as each renewal of a lease says.

    A node with many virtual routers renews many addresses, and every process of them would be told of each.
    """
    return [
        (_LOAD_BYTE, 0, 0, _NETLINK_TYPE),
        (_EQUAL, 0, 3, _NEWADDR),
        (_LOAD_BYTE, 0, 0, _IFA_FLAGS),
        (_ANY_BIT, 0, 1, _DEPRECATED),
        _REJECT,
        _ACCEPT,
    ]


def detach(sock: socket.socket) -> None:
    """The socket hears everything, and the room of its filter is free."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Make `program` the socket's filter."""
    code = array.array("B", b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    address, _ = code.buffer_info()
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program), address))
