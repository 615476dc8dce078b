"""Advertisements in and out of one interface: raw sockets of IP protocol 112, or 51 with AH."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Final

from msgspec import Struct

from vipalived.net import bpf, clock
from vipalived.vrrp.packet import (
    GROUP_V4,
    GROUP_V6,
    PROTOCOL,
    PROTOCOL_AH,
    TTL,
    Datagram,
    Discard,
    IPAddress,
    open_ipv4,
)

_STAMPS: Final = ((socket.SOL_SOCKET, 64), (socket.SOL_SOCKET, 35))
"""SO_TIMESTAMPNS_NEW, from Linux 5.1 on, and the older one, whose seconds have 64 bits on 64-bit machines only."""
_IP_MULTICAST_ALL: Final = 49
_IPV6_MULTICAST_ALL: Final = 29
_INTERNETWORK_CONTROL = 0xC0
_CONTROL_PRIORITY = 7
_LARGEST = 4096
_ANCILLARY = 256
_PKTINFO = struct.Struct("16si")
_TIMESPEC = struct.Struct("qq")


Fact = tuple[int, int, bytes]
"""What the kernel says beside a packet: level, kind, value."""


class Received(Struct, frozen=True):
    """A packet, or why it is none, and when the kernel got it on the engine's clock."""

    content: Datagram | Discard
    arrived: float


class Wire:
    """The sockets of one virtual router and address family; raises OSError when they cannot be had."""

    def __init__(self, interface: str, index: int, vrid: int, family: int, *, ah: bool = False) -> None:
        self.family = family
        protocol = PROTOCOL_AH if ah else PROTOCOL
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        self._socket = sock = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        self._index, self._emptied = index, clock.now()
        try:
            bpf.attach(sock, bpf.vrid_ipv4(vrid, ah=ah) if family == 4 else bpf.vrid_ipv6(vrid))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _CONTROL_PRIORITY)
            _stamp(sock)
            (_prepare_ipv4 if family == 4 else _prepare_ipv6)(sock, index)
        except OSError:
            sock.close()
            raise

    def fileno(self) -> int:
        """For the event loop."""
        return self._socket.fileno()

    def send(self, packet: bytes, source: IPAddress, destination: IPAddress) -> None:
        """Sends a whole IPv4 packet, or an IPv6 payload; raises OSError."""
        if self.family == 4:
            self._socket.sendto(packet, (str(destination), 0))
            return
        pktinfo = _PKTINFO.pack(source.packed, self._index)
        scope = self._index if destination.is_link_local or destination.is_multicast else 0
        self._socket.sendmsg(
            [packet],
            [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, pktinfo)],
            0,
            (str(destination), 0, 0, scope),
        )

    def receive(self, most: int) -> tuple[list[Received], int]:
        """What is waiting, up to so many packets, and how many there were.

        Of copies, which a loop in the network makes by the thousand, there is the last one only.
        """
        emptied, read = clock.now(), 0
        found: dict[tuple[bytes, object], tuple[str, list[Fact]]] = {}
        while read < most:
            try:
                data, ancillary, _, sender = self._socket.recvmsg(_LARGEST, _ANCILLARY)
            except OSError:  # nothing more, or the interface went down or away: its event will come
                self._emptied = emptied
                break
            found[data, sender] = sender[0], ancillary
            read += 1
        return [self._opened(data, *facts) for (data, _), facts in found.items()], read

    def _opened(self, data: bytes, sender: str, ancillary: list[Fact]) -> Received:
        facts = {(level, kind): value for level, kind, value in ancillary}
        content = open_ipv4(data) if self.family == 4 else _open_ipv6(data, sender, facts)
        return Received(content, self._arrival(facts))

    def _arrival(self, facts: dict[tuple[int, int], bytes]) -> float:
        """Never before the queue was last seen empty: the wall clock may have been set since."""
        now = clock.now()
        stamp = next((facts[kind] for kind in _STAMPS if kind in facts), None)
        if stamp is None:
            return now
        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
        return max(now - clock.age(seconds + nanoseconds / 1e9), min(self._emptied, now))

    def close(self) -> None:
        """Closes the sockets."""
        self._socket.close()


def _stamp(sock: socket.socket) -> None:
    """Asks for the time of each packet; without it the time is that of reading it."""
    for _, option in _STAMPS:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
            return


def _refine(sock: socket.socket, level: int, option: int, value: int) -> None:
    """An option that older kernels do not have, and that the engine can do without."""
    with suppress(OSError):
        sock.setsockopt(level, option, value)


def _prepare_ipv4(sock: socket.socket, index: int) -> None:
    mreqn = struct.pack("4s4si", GROUP_V4.packed, bytes(4), index)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreqn)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    _refine(sock, socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreqn)


def _prepare_ipv6(sock: socket.socket, index: int) -> None:
    for option, value in (
        (socket.IPV6_MULTICAST_HOPS, TTL),
        (socket.IPV6_UNICAST_HOPS, TTL),
        (socket.IPV6_TCLASS, _INTERNETWORK_CONTROL),
        (socket.IPV6_MULTICAST_IF, index),
        (socket.IPV6_MULTICAST_LOOP, 0),
        (socket.IPV6_RECVPKTINFO, 1),
        (socket.IPV6_RECVHOPLIMIT, 1),
    ):
        sock.setsockopt(socket.IPPROTO_IPV6, option, value)
    _refine(sock, socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)  # from Linux 4.20 on
    membership = struct.pack("16si", GROUP_V6.packed, index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)


def _open_ipv6(data: bytes, sender: str, facts: dict[tuple[int, int], bytes]) -> Datagram | Discard:
    pktinfo = facts.get((socket.IPPROTO_IPV6, socket.IPV6_PKTINFO))
    hop_limit = facts.get((socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))
    if pktinfo is None or hop_limit is None:
        return Discard.IP_HEADER
    destination, _ = _PKTINFO.unpack(pktinfo)
    (hops,) = struct.unpack("i", hop_limit)
    return Datagram(IPv6Address(sender.partition("%")[0]), IPv6Address(destination), hops, data)
