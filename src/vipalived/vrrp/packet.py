"""Advertisements: bytes on the wire to a value or a named discard reason, and back.

VRRPv3 (RFC 9568, RFC 5798) over IPv4 and IPv6, VRRPv2 (RFC 3768) over IPv4 with no authentication, PASS
(RFC 2338) or AH as keepalived does it. Wire units, centiseconds and whole seconds, exist only here.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterator
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from msgspec import Struct

from vipalived.vrrp.timers import Version

IPAddress = IPv4Address | IPv6Address

PROTOCOL: Final = 112
PROTOCOL_AH: Final = 51
GROUP_V4: Final = IPv4Address("224.0.0.18")
GROUP_V6: Final = IPv6Address("ff02::12")
TTL: Final = 255
"""Routers decrement it, so whatever arrives with it was sent on this link (RFC 9568 section 5.1.1.3)."""
MAX_ADDRESSES: Final = 255

_HEADER = struct.Struct(">BBBBHH")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_AH = struct.Struct(">BBH4sL12s")
_ADVERTISEMENT = 1
_TOS = 0xC0
_PASSWORD_BYTES = 8
_MAX_CENTISECONDS = 0xFFF


class Discard(StrEnum):
    """Why a packet was refused; the order is the order of the checks."""

    IP_HEADER = "ip-header"
    PROTOCOL = "protocol"
    AH_HEADER = "ah-header"
    DESTINATION = "destination"
    OWN_SOURCE = "own-source"
    PEER = "unknown-peer"
    TTL = "ttl"
    TOO_SHORT = "too-short"
    VERSION = "version"
    TYPE = "type"
    VRID = "vrid"
    FAMILY = "family"
    COUNT = "count-zero"
    LENGTH = "length"
    CHECKSUM = "checksum"
    AUTH_TYPE = "auth-type"
    PASSWORD = "password"
    ICV = "ah-icv"
    SPI = "ah-spi"
    INTERVAL_ZERO = "interval-zero"
    INTERVAL = "interval"
    SEQUENCE = "ah-sequence"


STRANGE: Final = frozenset(
    {Discard.VERSION, Discard.AUTH_TYPE, Discard.PASSWORD, Discard.ICV, Discard.INTERVAL}
)
"""Refused for one of these, a packet is another installation's, or another configuration's, and no rubbish."""


class AuthType(StrEnum):
    """VRRPv2 authentication, as keepalived names it."""

    PASS = "PASS"
    AH = "AH"


class Auth(Struct, frozen=True):
    """VRRPv2 authentication; `password` is 1 to 8 bytes, zero-padded on the wire."""

    type: AuthType
    password: bytes

    @property
    def padded(self) -> bytes:
        """The 8 bytes that are sent (PASS) or that key the HMAC (AH)."""
        return self.password.ljust(_PASSWORD_BYTES, b"\0")


class Advertisement(Struct, frozen=True, kw_only=True):
    """One VRRP advertisement. `interval` is in seconds, `priority` 0 resigns."""

    version: Version
    vrid: int
    priority: int
    interval: float
    addresses: tuple[IPAddress, ...]


class Policy(Struct, frozen=True, kw_only=True):
    """What one virtual router accepts.

    `interval` (seconds) and `auth` matter under VRRPv2 only. `peers`, when not empty, are the unicast
    peers: the TTL is then not checked, the source is. `sequence` is the AH sequence number up to which
    none is accepted; one for all senders, as in keepalived.
    """

    version: Version
    vrid: int
    source: IPAddress
    interval: float = 1.0
    auth: Auth | None = None
    peers: frozenset[IPAddress] = frozenset()
    sequence: int = 0


class Datagram(Struct, frozen=True):
    """What the network handed over: `payload` is the VRRP message, `header` and `ah` matter with AH."""

    source: IPAddress
    destination: IPAddress
    ttl: int
    payload: bytes
    header: bytes = b""
    ah: bytes = b""


class Accepted(Struct, frozen=True):
    """An advertisement that passed every check; `sequence` is its AH sequence number, else 0."""

    advertisement: Advertisement
    source: IPAddress
    sequence: int = 0


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of `data`; 0 when `data` contains its own correct one."""
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    return -sum(words) % 0xFFFF or (0 if any(words) else 0xFFFF)


def _pseudo_header(source: IPAddress, destination: IPAddress, length: int) -> bytes:
    layout = ">HH" if source.version == 4 else ">LL"
    # IPv4: zero, protocol, length in 16 bits each pair; IPv6 (RFC 8200 section 8.1): 32-bit length first.
    fields = (PROTOCOL, length) if source.version == 4 else (length, PROTOCOL)
    return source.packed + destination.packed + struct.pack(layout, *fields)


def encode(
    advertisement: Advertisement,
    source: IPAddress,
    destination: IPAddress,
    *,
    auth: Auth | None = None,
    pseudo_header: bool = True,
) -> bytes:
    """The VRRP message for one destination.

    `pseudo_header=False` chooses the VRRPv3/IPv4 checksum of RFC 9568 section 5.2.8, which keepalived
    before 2.2.8 refuses. Raises ValueError when the wire cannot carry the advertisement.
    """
    message = _message(advertisement, auth)
    covered = message
    if advertisement.version == 3 and (pseudo_header or source.version == 6):
        covered = _pseudo_header(source, destination, len(message)) + message
    return message[:6] + struct.pack(">H", checksum(covered)) + message[8:]


def encode_ipv4(
    advertisement: Advertisement,
    source: IPv4Address,
    destination: IPv4Address,
    *,
    auth: Auth | None = None,
    pseudo_header: bool = True,
    identification: int = 0,
    sequence: int = 0,
    ttl: int = TTL,
) -> bytes:
    """The whole IPv4 packet, for a socket with IP_HDRINCL; with AH when `auth` says so.

    `sequence` is the AH sequence number, `identification` the IP one (0 lets the kernel choose, which AH
    cannot bear since it covers the field).
    """
    message = encode(advertisement, source, destination, auth=auth, pseudo_header=pseudo_header)
    if auth is None or auth.type is not AuthType.AH:
        return _ipv4_header(source, destination, PROTOCOL, len(message), identification, ttl) + message
    header = _ipv4_header(source, destination, PROTOCOL_AH, _AH.size + len(message), identification, ttl)
    blank = _AH.pack(PROTOCOL, 4, 0, source.packed, sequence, bytes(12))
    icv = _icv(auth, header, blank, message, unicast=not destination.is_multicast)
    return header + blank[:12] + icv + message


def _message(advertisement: Advertisement, auth: Auth | None) -> bytes:
    count = len(advertisement.addresses)
    if not 1 <= count <= MAX_ADDRESSES:
        raise ValueError(f"an advertisement carries 1 to {MAX_ADDRESSES} addresses, not {count}")
    if advertisement.version == 3:
        timing, trailer = round(advertisement.interval * 100), b""
        if not 1 <= timing <= _MAX_CENTISECONDS:
            raise ValueError(f"VRRPv3 carries intervals of 0.01 to 40.95 s, not {advertisement.interval}")
    else:
        seconds = round(advertisement.interval)
        if not 1 <= seconds <= 255 or seconds != advertisement.interval:
            raise ValueError(
                f"VRRPv2 carries intervals of 1 to 255 whole seconds, not {advertisement.interval}"
            )
        kind = 0 if auth is None else 1 if auth.type is AuthType.PASS else 2
        timing = kind << 8 | seconds
        trailer = auth.padded if auth is not None and kind == 1 else bytes(_PASSWORD_BYTES)
    first = advertisement.version << 4 | _ADVERTISEMENT
    head = _HEADER.pack(first, advertisement.vrid, advertisement.priority, count, timing, 0)
    return head + b"".join(address.packed for address in advertisement.addresses) + trailer


def _ipv4_header(
    source: IPv4Address, destination: IPv4Address, protocol: int, length: int, identification: int, ttl: int
) -> bytes:
    fields = (0x45, _TOS, _IPV4.size + length, identification, 0, ttl, protocol)
    blank = _IPV4.pack(*fields, 0, source.packed, destination.packed)
    return _IPV4.pack(*fields, checksum(blank), source.packed, destination.packed)


def _icv(auth: Auth, header: bytes, ah: bytes, message: bytes, *, unicast: bool) -> bytes:
    """HMAC-MD5-96 with the fields zeroed that keepalived zeroes: it keeps a multicast packet's TTL."""
    ttl = b"\0" if unicast else header[8:9]
    immutable = header[:1] + b"\0" + header[2:6] + b"\0\0" + ttl + header[9:10] + b"\0\0" + header[12:]
    mac = hmac.new(auth.padded, digestmod=lambda: hashlib.md5(usedforsecurity=False))
    mac.update(immutable + ah[:12] + bytes(12) + message)
    return mac.digest()[:12]


def decode_ipv4(packet: bytes, policy: Policy) -> Accepted | Discard:
    """What a raw IPv4 socket read, IP header included, as an advertisement or the reason to refuse it."""
    datagram = open_ipv4(packet)
    return datagram if isinstance(datagram, Discard) else decode(datagram, policy)


def open_ipv4(packet: bytes) -> Datagram | Discard:
    """Take the IPv4 header and, if there is one, the authentication header off `packet`."""
    size = (packet[0] & 15) * 4 if packet else 0
    if size < _IPV4.size or packet[0] >> 4 != 4 or len(packet) < size:
        return Discard.IP_HEADER
    _, _, total, _, fragment, ttl, protocol, _, source, destination = _IPV4.unpack_from(packet)
    if not size <= total <= len(packet) or fragment & 0x3FFF:
        return Discard.IP_HEADER
    header, body, ah = packet[:size], packet[size:total], b""
    if protocol == PROTOCOL_AH:
        ah, body = body[: _AH.size], body[_AH.size :]
        if len(ah) < _AH.size or ah[:2] != bytes((PROTOCOL, 4)):
            return Discard.AH_HEADER
    elif protocol != PROTOCOL:
        return Discard.PROTOCOL
    return Datagram(IPv4Address(source), IPv4Address(destination), ttl, body, header, ah)


def decode(datagram: Datagram, policy: Policy) -> Accepted | Discard:
    """The VRRP message in `datagram` as an advertisement, or the first check of the ladder that it fails."""
    for reason in faults(datagram, policy):
        return reason
    return Accepted(contents(datagram, policy.version), datagram.source, _sequence(datagram))


def faults(datagram: Datagram, policy: Policy) -> Iterator[Discard]:
    """Every check of the ladder that `datagram` fails; what is too short to have a header, the rest cannot judge."""
    for refuses, reason in _LADDER:
        if refuses(datagram, policy):
            yield reason
            if reason is Discard.TOO_SHORT:
                return


def contents(datagram: Datagram, version: Version) -> Advertisement:
    """What a VRRP message of the right version, type and length says."""
    data = datagram.payload
    _, vrid, priority, count, timing, _ = _HEADER.unpack_from(data)
    size = len(datagram.source.packed)
    kind = IPv4Address if size == 4 else IPv6Address
    blocks = (data[at : at + size] for at in range(_HEADER.size, _HEADER.size + count * size, size))
    return Advertisement(
        version=version,
        vrid=vrid,
        priority=priority,
        interval=(timing & _MAX_CENTISECONDS) / 100 if version == 3 else float(timing & 0xFF),
        addresses=tuple(kind(block) for block in blocks),
    )


def _sequence(datagram: Datagram) -> int:
    return int.from_bytes(datagram.ah[8:12])


def _wrong_destination(datagram: Datagram, policy: Policy) -> bool:
    group: IPAddress = GROUP_V4 if policy.source.version == 4 else GROUP_V6
    return datagram.destination != (policy.source if policy.peers else group)


def _wrong_length(datagram: Datagram, policy: Policy) -> bool:
    addresses = datagram.payload[3] * len(datagram.source.packed)
    return len(datagram.payload) != _HEADER.size + addresses + (_PASSWORD_BYTES if policy.version == 2 else 0)


def _wrong_checksum(datagram: Datagram, policy: Policy) -> bool:
    """Both VRRPv3/IPv4 forms pass: RFC 5798 was read with and without a pseudo-header."""
    data = datagram.payload
    pseudo = _pseudo_header(datagram.source, datagram.destination, len(data))
    with_pseudo = policy.version == 3 and checksum(pseudo + data) == 0
    without = datagram.source.version == 4 and checksum(data) == 0
    return not (with_pseudo or without)


def _wrong_auth_type(datagram: Datagram, policy: Policy) -> bool:
    kind = policy.auth.type if policy.auth is not None and policy.version == 2 else None
    if bool(datagram.ah) != (kind is AuthType.AH):
        return True
    expected = {None: 0, AuthType.PASS: 1, AuthType.AH: 2}[kind]
    return policy.version == 2 and datagram.payload[4] != expected


def _authenticated_by(policy: Policy, kind: AuthType) -> Auth | None:
    """The credentials, if `policy` asks for this kind; VRRPv3 has no authentication."""
    auth = policy.auth
    return auth if auth is not None and auth.type is kind and policy.version == 2 else None


def _wrong_password(datagram: Datagram, policy: Policy) -> bool:
    auth = _authenticated_by(policy, AuthType.PASS)
    return auth is not None and not hmac.compare_digest(datagram.payload[-_PASSWORD_BYTES:], auth.padded)


def _wrong_icv(datagram: Datagram, policy: Policy) -> bool:
    auth = _authenticated_by(policy, AuthType.AH)
    if auth is None:
        return False
    expected = _icv(auth, datagram.header, datagram.ah, datagram.payload, unicast=bool(policy.peers))
    return not hmac.compare_digest(expected, datagram.ah[12:])


def _wrong_interval(datagram: Datagram, policy: Policy) -> bool:
    """VRRPv2 routers must agree (RFC 3768 section 7.1); under VRRPv3 a Backup learns the Master's."""
    return policy.version == 2 and datagram.payload[5] != policy.interval


def _zero_interval(datagram: Datagram, policy: Policy) -> bool:
    timing: int = struct.unpack_from(">H", datagram.payload, 4)[0]
    return timing & (_MAX_CENTISECONDS if policy.version == 3 else 0xFF) == 0


# A foreign VRID is the one refusal that is nobody's fault, so it comes before what costs time to check; the
# AH sequence comes last, so that only a packet that is right in every other respect can move the counter.
_LADDER: Final[tuple[tuple[Callable[[Datagram, Policy], bool], Discard], ...]] = (
    (_wrong_destination, Discard.DESTINATION),
    (lambda datagram, policy: datagram.source == policy.source, Discard.OWN_SOURCE),
    (lambda datagram, policy: bool(policy.peers) and datagram.source not in policy.peers, Discard.PEER),
    (lambda datagram, policy: not policy.peers and datagram.ttl != TTL, Discard.TTL),
    (lambda datagram, _: len(datagram.payload) < _HEADER.size, Discard.TOO_SHORT),
    (lambda datagram, policy: datagram.payload[0] >> 4 != policy.version, Discard.VERSION),
    (lambda datagram, _: datagram.payload[0] & 15 != _ADVERTISEMENT, Discard.TYPE),
    (lambda datagram, policy: datagram.payload[1] != policy.vrid, Discard.VRID),
    (lambda datagram, policy: policy.version == 2 and datagram.source.version == 6, Discard.FAMILY),
    (lambda datagram, _: datagram.payload[3] == 0, Discard.COUNT),
    (_wrong_length, Discard.LENGTH),
    (_wrong_checksum, Discard.CHECKSUM),
    (_wrong_auth_type, Discard.AUTH_TYPE),
    (_wrong_password, Discard.PASSWORD),
    (_wrong_icv, Discard.ICV),
    (lambda datagram, _: bool(datagram.ah) and datagram.ah[4:8] != datagram.source.packed, Discard.SPI),
    (_zero_interval, Discard.INTERVAL_ZERO),
    (_wrong_interval, Discard.INTERVAL),
    (lambda datagram, policy: bool(datagram.ah) and _sequence(datagram) <= policy.sequence, Discard.SEQUENCE),
)
