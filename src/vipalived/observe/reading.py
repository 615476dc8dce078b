"""A frame off the segment to the advertisement in it and what is wrong with that, or to rubbish.

A packet is judged by the ladder of `vipalived.vrrp.packet`, as a router would judge it that is configured like
its sender: an observer has no version, password or interval of its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final

from vipalived.vrrp.frames import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from vipalived.vrrp.packet import (
    PROTOCOL,
    Advertisement,
    Auth,
    AuthType,
    Datagram,
    Discard,
    IPAddress,
    Policy,
    contents,
    faults,
    open_ipv4,
)

_ETHERNET = struct.Struct(">6s6sH")
_IPV6 = struct.Struct(">LHBB16s16s")
_PASSWORD_BYTES = 8

READABLE: Final = frozenset(
    {
        Discard.DESTINATION,
        Discard.TTL,
        Discard.CHECKSUM,
        Discard.AUTH_TYPE,
        Discard.SPI,
        Discard.INTERVAL_ZERO,
    }
)
"""Faults of advertisements that say what their sender means all the same, and takes itself for."""
_UNKNOWABLE = frozenset({Discard.ICV})
"""Who does not have the password cannot tell."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An Ethernet frame, when it came on the engine's clock (seconds) and on the wall's (`stamp`, nanoseconds since
    1970), and whether this host sent it."""

    data: bytes
    arrived: float
    stamp: int
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An advertisement, from whom, and each check that it fails. Compare `password`, and never show it."""

    arrived: float
    mac: str
    source: IPAddress
    destination: IPAddress
    ttl: int
    advertisement: Advertisement
    authentication: AuthType | None = None
    password: bytes = field(default=b"", repr=False)
    faults: tuple[Discard, ...] = ()
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Rubbish:
    """IP protocol 112, but no advertisement; `source` is None when not even the IP header is right."""

    arrived: float
    mac: str
    source: IPAddress | None
    reason: Discard


def read(frame: Frame) -> Heard | Rubbish:
    """What the frame holds; never raises."""
    mac = frame.data[6:12].hex(":")
    datagram = _open(frame.data)
    if isinstance(datagram, Discard):
        return Rubbish(frame.arrived, mac, None, datagram)
    policy = _like_the_sender(datagram)
    wrong = tuple(reason for reason in faults(datagram, policy) if reason not in _UNKNOWABLE)
    fatal = [reason for reason in wrong if reason not in READABLE]
    if fatal:
        return Rubbish(frame.arrived, mac, datagram.source, fatal[0])
    return Heard(
        arrived=frame.arrived,
        mac=mac,
        source=datagram.source,
        destination=datagram.destination,
        ttl=datagram.ttl,
        advertisement=contents(datagram, policy.version),
        authentication=policy.auth.type if policy.auth is not None else None,
        password=policy.auth.password if policy.auth is not None else b"",
        faults=wrong,
        ours=frame.ours,
    )


def _open(data: bytes) -> Datagram | Discard:
    ethertype = _ETHERNET.unpack_from(data)[2] if len(data) >= _ETHERNET.size else 0
    if ethertype == ETHERTYPE_IPV4:
        return open_ipv4(data[_ETHERNET.size :])
    return _open_ipv6(data[_ETHERNET.size :]) if ethertype == ETHERTYPE_IPV6 else Discard.PROTOCOL


def _open_ipv6(packet: bytes) -> Datagram | Discard:
    if len(packet) < _IPV6.size or packet[0] >> 4 != 6:
        return Discard.IP_HEADER
    _, length, next_header, hops, source, destination = _IPV6.unpack_from(packet)
    if next_header != PROTOCOL:
        return Discard.PROTOCOL
    payload = packet[_IPV6.size : _IPV6.size + length]
    if len(payload) < length:
        return Discard.IP_HEADER
    return Datagram(IPv6Address(source), IPv6Address(destination), hops, payload)


def _like_the_sender(datagram: Datagram) -> Policy:
    """What is neither VRRPv2 nor VRRPv3 is held to be the latter, and fails by its version."""
    payload, auth = datagram.payload, None
    is_v2 = payload[:1] != b"" and payload[0] >> 4 == 2
    if datagram.ah and is_v2:
        auth = Auth(AuthType.AH, b"")
    elif is_v2 and payload[4:5] == b"\x01":
        auth = Auth(AuthType.PASS, payload[-_PASSWORD_BYTES:])
    unicast = not datagram.destination.is_multicast
    return Policy(
        version=2 if is_v2 else 3,
        vrid=int.from_bytes(payload[1:2]),
        source=datagram.destination,
        interval=float(int.from_bytes(payload[5:6])),
        auth=auth,
        peers=frozenset({datagram.source}) if unicast else frozenset(),
        sequence=-1,
    )
